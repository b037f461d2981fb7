//! Fields of `tracing` as attributes.

use std::error::Error;
use std::fmt::{Debug, Write as _};

use tracing::field::{Field, Visit};

use crate::attributes::{Attributes, Held};

/// The field that holds what an event says.
const MESSAGE: &str = "message";
/// The field that `#[instrument(err)]` makes, and many a person by hand.
const ERROR: &str = "error";

/// Puts fields into attributes, all but the message.
pub(crate) struct Fields<'a> {
    attributes: &'a mut Attributes,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(attributes: &'a mut Attributes) -> Self {
        Self { attributes }
    }

    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        self.attributes.text(key, text.to_owned());
    }

    pub(crate) fn number(&mut self, key: &'static str, number: i64) {
        self.attributes.number(key, number);
    }

    fn put(&mut self, field: &Field, held: Held) {
        if field.name() != MESSAGE {
            self.attributes.put(field.name(), held);
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Held::Double(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Held::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let held = i64::try_from(value).map_or_else(|_| text_of(&value), Held::Int);
        self.put(field, held);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Held::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Held::Text(value.to_owned().into()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, Held::Text(value.to_string().into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != MESSAGE {
            self.put(field, text_of(value));
        }
    }
}

fn text_of(value: &dyn Debug) -> Held {
    Held::Text(format!("{value:?}").into())
}

/// What an event says: its message, else its error.
#[derive(Debug, Default)]
pub(crate) struct Message {
    message: Option<String>,
    error: Option<String>,
}

impl Message {
    pub(crate) fn text(&self) -> &str {
        let said = self.message.as_deref().or(self.error.as_deref());
        said.unwrap_or_default()
    }
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            MESSAGE => self.message = Some(value.to_owned()),
            ERROR => self.error = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if matches!(field.name(), MESSAGE | ERROR) {
            let mut text = String::new();
            // Writing into a text fails only where the value's own formatting does.
            if write!(text, "{value:?}").is_ok() {
                self.record_str(field, &text);
            }
        }
    }
}
