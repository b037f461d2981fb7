//! The two ways of sending a body, behind one interface.

use std::time::Duration;

use crate::body::Body;
use crate::verdict::Verdict;
use crate::{grpc, http1};

pub(crate) enum Transport {
    Grpc(grpc::Client),
    Http(http1::Client),
}

impl Transport {
    /// Sends a body once and reads the answer. Waits as long as it takes: `limit` is only told to the back end. When
    /// it is dropped, the request is cancelled.
    pub(crate) async fn send(&self, body: &Body, limit: Duration) -> Verdict {
        match self {
            Self::Grpc(client) => client.send(body, limit).await,
            Self::Http(client) => client.send(body).await,
        }
    }

    /// A request was not answered in time: the connection may be dead without anyone having said so.
    pub(crate) fn distrust(&self) {
        match self {
            Self::Grpc(client) => client.distrust(),
            // The connection went with the request.
            Self::Http(_) => {}
        }
    }
}
