//! Texts with `${variables}`, parsed once when the configuration is read.

/// A text whose `${variables}` are filled in per request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTemplate {
    parts: Box<[Part]>,
}

/// One piece of a [`TextTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Copied as it is.
    Literal(Box<str>),
    /// Filled in per request.
    Variable(Variable),
}

/// What a `${variable}` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `${client_ip}`: the client's address after `trusted_proxies`.
    ClientIp,
    /// `${request_id}`.
    RequestId,
    /// `${host}`: the normalised host, without a port.
    Host,
    /// `${method}`.
    Method,
    /// `${scheme}`: `http` or `https`, as the client used it.
    Scheme,
    /// `${path}`: the normalised path.
    Path,
    /// `${query}`: the raw query with its `?`, or nothing.
    Query,
    /// `${path.NAME}`: what `{NAME}` or `{*NAME}` of the route's path matched.
    PathParam(Box<str>),
}

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextTemplateError {
    /// `${` without `}`.
    #[error(
        "expected `}}` to end the variable that begins at byte {at}, found the end of the text"
    )]
    Unclosed {
        /// Byte offset of `${`.
        at: usize,
    },
    /// A name that stands for nothing.
    #[error(
        "expected client_ip, request_id, host, method, scheme, path, query or path.NAME in `${{…}}`, found `{found}`"
    )]
    UnknownVariable {
        /// The name between the braces.
        found: Box<str>,
    },
    /// A control character that would end a field line (GW-15).
    #[error("expected no control characters, found {found:?} at byte {at}")]
    ControlCharacter {
        /// The character.
        found: char,
        /// Its byte offset.
        at: usize,
    },
}

impl TextTemplate {
    /// Reads a text; `$${` stands for a literal `${`.
    ///
    /// # Errors
    /// [`TextTemplateError`] names the first fault and its place.
    pub fn parse(text: &str) -> Result<Self, TextTemplateError> {
        if let Some((at, found)) = text
            .char_indices()
            .find(|(_, c)| c.is_control() && *c != '\t')
        {
            return Err(TextTemplateError::ControlCharacter { found, at });
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        let mut rest = text;
        while let Some(dollar) = rest.find("${") {
            let (before, from_dollar) = rest.split_at(dollar);
            if let Some(kept) = before.strip_suffix('$') {
                literal.push_str(kept);
                literal.push_str("${");
                (at, rest) = (
                    at + dollar + 2,
                    from_dollar.strip_prefix("${").unwrap_or_default(),
                );
                continue;
            }
            literal.push_str(before);
            let inner = from_dollar.strip_prefix("${").unwrap_or_default();
            let Some((name, after)) = inner.split_once('}') else {
                return Err(TextTemplateError::Unclosed { at: at + dollar });
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal).into()));
            }
            parts.push(Part::Variable(Variable::parse(name)?));
            (at, rest) = (at + dollar + 2 + name.len() + 1, after);
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Self {
            parts: parts.into(),
        })
    }

    /// The pieces in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The `${path.NAME}` names it uses.
    pub fn path_params(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(Variable::PathParam(name)) => Some(&**name),
            Part::Variable(_) | Part::Literal(_) => None,
        })
    }
}

impl Variable {
    fn parse(name: &str) -> Result<Self, TextTemplateError> {
        Ok(match name {
            "client_ip" => Self::ClientIp,
            "request_id" => Self::RequestId,
            "host" => Self::Host,
            "method" => Self::Method,
            "scheme" => Self::Scheme,
            "path" => Self::Path,
            "query" => Self::Query,
            _ => match name.strip_prefix("path.") {
                Some(param) if !param.is_empty() => Self::PathParam(param.into()),
                _ => return Err(TextTemplateError::UnknownVariable { found: name.into() }),
            },
        })
    }
}
