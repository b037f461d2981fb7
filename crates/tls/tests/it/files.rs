//! Files that cannot be used.

use std::error::Error as _;
use std::fs;

use rcgen::PKCS_ECDSA_P256_SHA256 as ECDSA;
use tls::{Acceptor, ClientPlan};

use crate::peers::{Authority, plan};

/// Whatever is wrong, the error names the file and what was expected of it.
#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let good = authority.issue("good", &["a.example"], &ECDSA);
    let other = authority.issue("other", &["a.example"], &ECDSA);
    let junk = authority.file("junk.pem");
    fs::write(&junk, "junk").unwrap();
    let nameless = authority.issue("nameless", &[], &ECDSA);
    let folder = authority.file("");
    let none = authority.file("none.pem");
    let hollow = authority.file("hollow.pem");
    fs::write(
        &hollow,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let cases = [
        (
            &nameless.cert,
            &nameless.key,
            "nameless.pem: expected a certificate with names or addresses",
        ),
        (&folder, &good.key, ": expected a file that can be read"),
        (
            &none,
            &good.key,
            "none.pem: expected a file that can be read",
        ),
        (
            &good.cert,
            &none,
            "none.pem: expected a file that can be read",
        ),
        (&junk, &good.key, "junk.pem: expected a certificate in PEM"),
        (
            &good.key,
            &good.key,
            "good.key: expected a certificate in PEM",
        ),
        (&good.cert, &junk, "junk.pem: expected a private key in PEM"),
        (
            &good.cert,
            &good.cert,
            "good.pem: expected a private key in PEM",
        ),
        (
            &hollow,
            &good.key,
            "hollow.pem: expected a certificate, found something else",
        ),
        (
            &good.cert,
            &other.key,
            "other.key: expected the private key of the certificate in ",
        ),
    ];
    for (cert, key, expected) in cases {
        let mut plan = plan(vec![good.clone()]);
        plan.certificates[0].cert.clone_from(cert);
        plan.certificates[0].key.clone_from(key);
        let error = Acceptor::load(&plan).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (ca, expected) in [
        (&none, "none.pem: expected a file that can be read"),
        (&junk, "junk.pem: expected a certificate in PEM"),
        (
            &hollow,
            "hollow.pem: expected certificates that sign those of clients",
        ),
    ] {
        let mut plan = plan(vec![good.clone()]);
        plan.client = Some(ClientPlan {
            ca: ca.clone(),
            is_required: true,
        });
        let error = Acceptor::load(&plan).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.source().is_some(), "{error}");
    }
}
