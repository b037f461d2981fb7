//! `${NAME}` and `${NAME:-default}` in texts.

use std::borrow::Cow;

/// Looks a variable of the environment up.
pub(crate) type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Why a text cannot be completed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EnvFault {
    /// No value and no default.
    Unset { name: Box<str> },
    /// `${NAME` that goes on with neither `}` nor `:-default}`.
    Malformed { name: Box<str> },
}

/// Replaces every variable whose name is in upper case. What else begins with `${` stays as it is: request variables
/// are in lower case. `$${` stays too, for [`unescape`]; `${` within a value becomes `$${`, so that values are taken
/// as they are.
///
/// An empty value counts as unset where there is a default, as in a shell.
pub(crate) fn substitute<'t>(text: &'t str, env: Env<'_>) -> Result<Cow<'t, str>, EnvFault> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let name_len = name_len(after);
        if before.ends_with('$') || name_len == 0 {
            out.push_str("${");
            rest = after;
            continue;
        }
        let (name, after) = after.split_at(name_len);
        let (default, after) =
            default_of(name, after).ok_or_else(|| EnvFault::Malformed { name: name.into() })?;
        match (env(name), default) {
            (Some(value), None) => out.push_str(&escape(&value)),
            (Some(value), Some(_)) if !value.is_empty() => out.push_str(&escape(&value)),
            (_, Some(default)) => out.push_str(&escape(default)),
            (None, None) => return Err(EnvFault::Unset { name: name.into() }),
        }
        changed = true;
        rest = after;
    }
    if !changed {
        return Ok(Cow::Borrowed(text));
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Makes `$${` a literal `${`.
pub(crate) fn unescape(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains("$${") {
        Cow::Owned(text.replace("$${", "${"))
    } else {
        text
    }
}

/// Makes a literal `${` one that [`substitute`] and [`unescape`] bring back.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if text.contains("${") {
        Cow::Owned(text.replace("${", "$${"))
    } else {
        Cow::Borrowed(text)
    }
}

/// How many bytes of a name the text begins with, 0 unless the first of them is `[A-Z_]`.
fn name_len(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') {
        return 0;
    }
    text.bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count()
}

/// What follows a name: `}` or `:-default}`, and what comes behind it. `None` if neither does, and for a name that is
/// not all in upper case.
fn default_of<'t>(name: &str, after_name: &'t str) -> Option<(Option<&'t str>, &'t str)> {
    if name.contains(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    if let Some(rest) = after_name.strip_prefix('}') {
        return Some((None, rest));
    }
    let (default, rest) = after_name.strip_prefix(":-")?.split_once('}')?;
    Some((Some(default), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "PORT" => Some("8080".into()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("a${host}${PORT}$${x}".into()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(
            unescape(substitute(text, &env).unwrap()),
            expected,
            "{text}"
        );
    }

    #[test]
    fn variables_defaults_and_escapes() {
        for (text, expected) in [
            ("plain $ {x}", "plain $ {x}"),
            ("[::]:${PORT}", "[::]:8080"),
            ("${PORT}${PORT}", "80808080"),
            ("${NONE:-x}", "x"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${PORT:-x}", "8080"),
            ("$${PORT}", "${PORT}"),
            ("${client_ip} ${} ${1}", "${client_ip} ${} ${1}"),
            ("${TRICK}", "a${host}${PORT}$${x}"),
            ("${", "${"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn faults_name_the_variable() {
        let unset = EnvFault::Unset { name: "N_1".into() };
        assert_eq!(substitute("a${N_1}", &env), Err(unset));
        for text in ["${PORT", "${PORT-x}", "${PORT:-x", "${PORTa}", "${Port}"] {
            let fault = substitute(text, &env);
            assert!(matches!(fault, Err(EnvFault::Malformed { .. })), "{text}");
        }
    }
}
