//! Which certificate is shown, to whom, and what changes with the files.

use std::fs;
use std::sync::Arc;

use rcgen::{PKCS_ECDSA_P256_SHA256 as ECDSA, PKCS_ED25519 as ED25519};
use rustls::{ClientConfig, HandshakeKind, SignatureScheme};
use tls::{Acceptor, ClientPlan, FromFiles as _, LoadError, Renewal};

use crate::peers::{Authority, plan, shake};

fn read_again(acceptor: &Arc<Acceptor>) -> Result<Option<Renewal>, LoadError> {
    Arc::clone(acceptor).read_again()
}

/// A listener that asks clients who they are, and a client that shows it is Alice.
fn asking_for_alice(
    authority: &Authority,
    is_required: bool,
) -> (Arc<Acceptor>, Arc<ClientConfig>) {
    let pair = authority.issue("pair", &["a.example"], &ECDSA);
    let alice = authority.issue("alice", &["alice.example"], &ECDSA);
    let mut plan = plan(vec![pair]);
    plan.client = Some(ClientPlan {
        ca: authority.file("ca.pem"),
        is_required,
    });
    let acceptor = Acceptor::load(&plan).expect("files that can be used");
    (acceptor, authority.client(Some(&alice), None))
}

/// Of several certificates for one name, the first that the client can verify is shown.
#[test]
fn clients_see_a_certificate_they_can_verify() {
    let authority = Authority::new();
    let ecdsa = authority.issue("ecdsa", &["a.example"], &ECDSA);
    let ed25519 = authority.issue("ed25519", &["a.example"], &ED25519);
    let acceptor = Acceptor::load(&plan(vec![ed25519, ecdsa])).unwrap();
    for (takes, expected) in [
        (None, "ed25519"),
        (Some(SignatureScheme::ED25519), "ed25519"),
        (Some(SignatureScheme::ECDSA_NISTP256_SHA256), "ecdsa"),
    ] {
        let client = authority.client(None, takes);
        let shown = match shake(&acceptor, &client, "a.example") {
            Ok((_, client)) => client.peer_certificates().unwrap()[0].to_vec(),
            Err(error) => panic!("{takes:?}: {error}"),
        };
        // The common name, as it is written in the certificate.
        let found = shown
            .windows(expected.len())
            .any(|bytes| bytes == expected.as_bytes());
        assert!(found, "{takes:?}");
    }
}

/// Files that did not change are not taken again; those that did are in force once they are renewed, and what cannot be
/// used leaves what there was.
#[test]
fn files_are_read_again() {
    let authority = Authority::new();
    let pair = authority.issue("pair", &["a.example"], &ECDSA);
    let acceptor = Acceptor::load(&plan(vec![pair.clone()])).unwrap();
    let client = authority.client(None, None);
    assert!(read_again(&acceptor).unwrap().is_none());
    authority.issue("pair", &["b.example"], &ECDSA);
    let fresh = read_again(&acceptor).unwrap().expect("a change");
    shake(&acceptor, &client, "a.example").unwrap();
    fresh.put_in_force();
    assert!(read_again(&acceptor).unwrap().is_none());
    shake(&acceptor, &client, "b.example").unwrap();
    let stranger = authority.client(None, None);
    assert!(shake(&acceptor, &stranger, "a.example").is_err());
    fs::write(&pair.cert, "junk").unwrap();
    read_again(&acceptor).unwrap_err();
    shake(&acceptor, &client, "b.example").unwrap();
}

/// Tickets outlive a change of certificates, and end with the authority of clients that they stand for.
#[test]
fn tickets_end_with_the_authority_of_clients() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (acceptor, client) = asking_for_alice(&authority, true);
    let kind = || {
        let (server, _) = shake(&acceptor, &client, "a.example")?;
        let peer = acceptor.peer(&server)?;
        assert_eq!(&*peer.client.unwrap().alternatives, "DNS=alice.example");
        Ok::<_, rustls::Error>(server.handshake_kind().unwrap())
    };
    assert_eq!(kind(), Ok(HandshakeKind::Full));
    assert_eq!(kind(), Ok(HandshakeKind::Resumed));
    authority.issue("pair", &["a.example"], &ECDSA);
    read_again(&acceptor).unwrap().unwrap().put_in_force();
    assert_eq!(kind(), Ok(HandshakeKind::Resumed));
    fs::copy(other.file("ca.pem"), authority.file("ca.pem")).unwrap();
    read_again(&acceptor).unwrap().unwrap().put_in_force();
    assert!(kind().is_err());
}

/// A session that was resumed is checked against the authority in force: a ticket is no way around it.
#[test]
fn sessions_that_began_before_a_change_are_checked_again() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (acceptor, client) = asking_for_alice(&authority, false);
    shake(&acceptor, &client, "a.example").unwrap();
    let (resumed, _) = shake(&acceptor, &client, "a.example").unwrap();
    assert_eq!(resumed.handshake_kind(), Some(HandshakeKind::Resumed));
    acceptor.peer(&resumed).unwrap();
    fs::copy(other.file("ca.pem"), authority.file("ca.pem")).unwrap();
    read_again(&acceptor).unwrap().unwrap().put_in_force();
    acceptor.peer(&resumed).unwrap_err();
    // Who shows nothing is told apart from who shows something wrong.
    let nobody = authority.client(None, None);
    let (server, _) = shake(&acceptor, &nobody, "a.example").unwrap();
    assert_eq!(acceptor.peer(&server).unwrap().client, None);
}
