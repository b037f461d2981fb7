//! The page at `/`. It loads nothing from elsewhere and shows what the JSON paths tell.

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};

use crate::reply::{Reply, text, with};

const PAGE: &str = concat!(
    include_str!("dashboard/head.html"),
    "<style>",
    include_str!("dashboard/style.css"),
    "</style>\n",
    include_str!("dashboard/body.html"),
    "<script>",
    include_str!("dashboard/script.js"),
    "</script>\n",
);

/// Names the style and the script by their hashes, so that nothing else runs; a test compares them.
const POLICY: &str = concat!(
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ",
    "style-src 'sha256-IFQRnLzS2nKZAUUCtJcashqjN0s3mEamR1fwJlG1rpI='; ",
    "script-src 'sha256-b/L0Sm87UUT9DskiZ95toxWjLGIZfzTA+Iyh0C7AoVw='",
);

pub(crate) fn reply() -> Reply {
    let page = text(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    let page = with(page, CONTENT_SECURITY_POLICY, POLICY);
    with(page, REFERRER_POLICY, "no-referrer")
}
