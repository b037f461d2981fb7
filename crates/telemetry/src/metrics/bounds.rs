//! How much a worker's figures may hold.

/// Bounds of one worker's [`RequestMetrics`](super::RequestMetrics), [`ClientMetrics`](super::ClientMetrics) or
/// [`RpcMetrics`](super::RpcMetrics).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Names of routes, servers or RPC methods (default 20,000). They stay known over reloads, so that a label means the
    /// same for good.
    pub names_max: u32,
    /// Different label sets (default 25,000); about 700 bytes each, 1,500 with exemplars, and as much work per scrape as
    /// a few counted requests.
    pub series_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            names_max: 20_000,
            series_max: 25_000,
        }
    }
}
