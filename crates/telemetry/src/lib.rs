//! What Tidegate tells about itself: metrics and the access log.

pub mod plan;
