//! Reading spans in place, against the messages that `prost` decodes.

mod cases;
mod oracle;
mod seen;
mod soup;
mod soups;
mod written;
