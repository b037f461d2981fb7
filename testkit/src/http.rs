//! Messages as the raw client and the raw origin see them, read strictly: a fault is an error, never repaired.

/// A start line and its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The request line or the status line, without its line end.
    pub start_line: String,
    /// Names and values in order, as received, without white space around the value.
    pub fields: Vec<(String, String)>,
}

/// A body and how it was framed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The content, without chunk framing.
    pub bytes: Vec<u8>,
    /// Fields behind the last chunk.
    pub trailers: Vec<(String, String)>,
    /// Sizes of the chunks in order; empty when the body was not chunked.
    pub chunks: Vec<usize>,
}

/// A request as an origin received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The request line and the fields.
    pub head: Head,
    /// The body; empty without one.
    pub body: Body,
}

/// A response as a client received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The status line and the fields.
    pub head: Head,
    /// The body; empty without one.
    pub body: Body,
    /// Heads of the 1xx responses that came before it.
    pub interim: Vec<Head>,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Head {
    /// The value of the only field of that name, whatever its case; `None` without one.
    ///
    /// # Panics
    /// When there are several.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields_named(name);
        let first = values.next();
        assert!(
            values.next().is_none(),
            "expected at most one {name}, found several in {:#?}",
            self.fields
        );
        first
    }

    /// The values of every field of that name, whatever its case.
    pub fn fields_named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether a list field of that name holds the token.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.fields_named(name)
            .flat_map(|value| value.split(','))
            .any(|element| element.trim().eq_ignore_ascii_case(token))
    }

    /// Reads lines that end in CRLF, the empty last line left out.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(crate) fn parse(block: &[u8]) -> Result<Self, String> {
        let text: String = block.iter().copied().map(char::from).collect();
        let mut lines = text.split("\r\n");
        let start_line = lines.next().unwrap_or_default().to_owned();
        if start_line.contains(['\r', '\n', '\0']) || start_line.is_empty() {
            return Err(format!("a start line that is none: {start_line:?}"));
        }
        let fields = lines.map(parse_field).collect::<Result<_, _>>()?;
        Ok(Self { start_line, fields })
    }

    /// How the body of a request is framed.
    ///
    /// # Errors
    /// A text that says why that is uncertain.
    pub(crate) fn request_framing(&self) -> Result<Framing, String> {
        Ok(self.declared_framing()?.unwrap_or(Framing::None))
    }

    /// How the body of the response to a request of this method is framed.
    ///
    /// # Errors
    /// A text that says why that is uncertain.
    pub(crate) fn response_framing(&self, status: u16, method: &str) -> Result<Framing, String> {
        let bodiless = method == "HEAD"
            || status < 200
            || matches!(status, 204 | 304)
            || (method == "CONNECT" && status < 300);
        let declared = self.declared_framing()?;
        Ok(if bodiless {
            Framing::None
        } else {
            declared.unwrap_or(Framing::UntilClose)
        })
    }

    fn declared_framing(&self) -> Result<Option<Framing>, String> {
        let codings: Vec<_> = self.fields_named("transfer-encoding").collect();
        let lengths: Vec<_> = self.fields_named("content-length").collect();
        match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => Ok(None),
            ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Some(Framing::Chunked)),
            ([], [length]) if length.bytes().all(|b| b.is_ascii_digit()) => length
                .parse()
                .map(|length| Some(Framing::Length(length)))
                .map_err(|_| format!("a Content-Length that is no number: {length:?}")),
            _ => Err(format!(
                "uncertain framing: Transfer-Encoding {codings:?}, Content-Length {lengths:?}"
            )),
        }
    }
}

impl Body {
    /// The bytes as text.
    ///
    /// # Panics
    /// When they are not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("a body of UTF-8")
    }
}

impl Request {
    /// See [`Head::field`].
    ///
    /// # Panics
    /// When there are several of the name.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// The method of the request line.
    pub fn method(&self) -> &str {
        self.head.start_line.split(' ').next().unwrap_or_default()
    }

    /// The target of the request line.
    pub fn target(&self) -> &str {
        self.head.start_line.split(' ').nth(1).unwrap_or_default()
    }
}

impl Response {
    /// The value of the only field of that name; see [`Head::field`].
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// The body as text; see [`Body::text`].
    #[track_caller]
    pub fn text(&self) -> &str {
        self.body.text()
    }
}

/// Reads `name: value` (RFC 9112 5).
pub(crate) fn parse_field(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("a field line without a colon: {line:?}"))?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(format!("a field name that is no token: {line:?}"));
    }
    if value.chars().any(|c| c != '\t' && c.is_ascii_control()) {
        return Err(format!("a control character in a field value: {line:?}"));
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// Reads `HTTP/1.x NNN reason` (RFC 9112 4).
pub(crate) fn parse_status(start_line: &str) -> Result<u16, String> {
    let mut parts = start_line.splitn(3, ' ');
    let (version, code, reason) = (parts.next(), parts.next(), parts.next());
    match (version, code, reason) {
        (Some("HTTP/1.0" | "HTTP/1.1"), Some(code), Some(_))
            if code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()) =>
        {
            code.parse()
                .map_err(|_| format!("a status that is no number: {start_line:?}"))
        }
        _ => Err(format!("a status line that is none: {start_line:?}")),
    }
}
