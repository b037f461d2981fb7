//! Labels as one number, which is cheap to look up.

/// What tells HTTP series of one metric apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// A route or a server.
    pub(crate) name: u32,
    pub(crate) status: u16,
    /// At most 127.
    pub(crate) error: u8,
    pub(crate) method: u8,
    pub(crate) version: u8,
    pub(crate) scheme: u8,
}

impl Key {
    /// Everything in disjoint bits. Statuses have three digits; none is beyond 1023.
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.name) << 32
            | u64::from(self.status.min(1023)) << 20
            | u64::from(self.error) << 12
            | u64::from(self.method) << 4
            | u64::from(self.version) << 1
            | u64::from(self.scheme)
    }
}
