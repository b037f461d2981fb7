//! Path templates: `/products/{id}`, `/files/{*rest}`.

/// A checked template: whole-segment parameters, a rest only at the end, names unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    segments: Box<[Segment]>,
}

/// One segment of a [`PathTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(Box<str>),
    /// `{name}`: exactly one segment that is not empty.
    Param(Box<str>),
    /// `{*name}`: everything that is left, at least one byte.
    Rest(Box<str>),
}

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathTemplateError {
    /// It does not begin with `/`.
    #[error("expected a path that begins with /")]
    NotAbsolute,
    /// Braces that do not hold a whole segment, or no name in them.
    #[error("expected {{name}} or {{*name}} as a whole segment, found `{segment}`")]
    MalformedParam {
        /// The segment.
        segment: Box<str>,
    },
    /// `{*name}` before the end.
    #[error("expected {{*{name}}} only as the last segment")]
    RestNotLast {
        /// The parameter.
        name: Box<str>,
    },
    /// The same name twice.
    #[error("expected each parameter once, found `{name}` twice")]
    RepeatedParam {
        /// The parameter.
        name: Box<str>,
    },
}

impl PathTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`PathTemplateError`] names the first fault.
    pub fn parse(text: &str) -> Result<Self, PathTemplateError> {
        let path = text
            .strip_prefix('/')
            .ok_or(PathTemplateError::NotAbsolute)?;
        let mut segments: Vec<Segment> = Vec::new();
        for segment in path.split('/') {
            if let Some(Segment::Rest(name)) = segments.last() {
                return Err(PathTemplateError::RestNotLast { name: name.clone() });
            }
            let segment = Segment::parse(segment)?;
            if let Some(name) = segment.param()
                && segments.iter().any(|known| known.param() == Some(name))
            {
                return Err(PathTemplateError::RepeatedParam { name: name.into() });
            }
            segments.push(segment);
        }
        Ok(Self {
            segments: segments.into(),
        })
    }

    /// The names of its parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::param)
    }

    /// What a parameter stands for in a path that matches the template; `None` for one that does not.
    pub fn capture<'a>(&self, path: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let mut rest = path.strip_prefix(b"/")?;
        for segment in &self.segments {
            let end = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
            match segment {
                Segment::Rest(param) if **param == *name => return Some(rest),
                Segment::Param(param) if **param == *name => return rest.get(..end),
                Segment::Literal(_) | Segment::Param(_) | Segment::Rest(_) => {}
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        None
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, PathTemplateError> {
        let malformed = || PathTemplateError::MalformedParam {
            segment: text.into(),
        };
        let Some(inner) = text
            .strip_prefix('{')
            .and_then(|inner| inner.strip_suffix('}'))
        else {
            return if text.contains(['{', '}']) {
                Err(malformed())
            } else {
                Ok(Self::Literal(text.into()))
            };
        };
        let (name, is_rest) = match inner.strip_prefix('*') {
            Some(name) => (name, true),
            None => (inner, false),
        };
        if name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        {
            return Err(malformed());
        }
        Ok(if is_rest {
            Self::Rest(name.into())
        } else {
            Self::Param(name.into())
        })
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Param(name) | Self::Rest(name) => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_name_whole_segments_once() {
        let template = PathTemplate::parse("/a/{id}/b/{*rest}").unwrap();
        assert_eq!(template.params().collect::<Vec<_>>(), ["id", "rest"]);
        assert_eq!(template.capture(b"/a/7/b/c/d", "id"), Some(&b"7"[..]));
        assert_eq!(template.capture(b"/a/7/b/c/d", "rest"), Some(&b"c/d"[..]));
        assert_eq!(template.capture(b"/a/7/b/c/d", "no"), None);
        for text in [
            "a", "/{", "/a{b}", "/{}", "/{*}", "/{a b}", "/{*a}/b", "/{a}/{a}", "/{a}{b}",
        ] {
            assert!(PathTemplate::parse(text).is_err(), "{text}");
        }
    }
}
