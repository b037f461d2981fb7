//! Building a list.

use super::entry::is_token;
use super::{LEN_MAX, MEMBERS_MAX, members, percent, separate};

/// Why a member was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A key, of the member or of a property, that is empty or holds more than letters, digits and ``!#$%&'*+-.^_`|~``.
    #[error("expected a token as the key, found other characters")]
    Key,
    /// 64 members are there.
    #[error("expected at most {MEMBERS_MAX} members of baggage")]
    TooMany,
    /// The list would exceed 8192 bytes.
    #[error("expected at most {LEN_MAX} bytes of baggage")]
    TooLong,
}

/// Adds a member at the end of a list, with its properties. Values are any text; they are percent-encoded. A key that is
/// there stays there, too.
///
/// # Errors
/// [`AppendError`]; the list is then as it was.
pub fn append(
    list: &mut Vec<u8>,
    key: &str,
    value: &str,
    properties: &[(&str, Option<&str>)],
) -> Result<(), AppendError> {
    let mut keys = properties.iter().map(|(key, _)| *key).chain([key]);
    if !keys.all(|key| is_token(key.as_bytes())) {
        return Err(AppendError::Key);
    }
    if !list.is_empty() && members(list).count() >= MEMBERS_MAX {
        return Err(AppendError::TooMany);
    }
    let before = list.len();
    separate(list);
    append_pair(list, key, Some(value));
    for (key, value) in properties {
        list.push(b';');
        append_pair(list, key, *value);
    }
    if list.len() > LEN_MAX {
        list.truncate(before);
        return Err(AppendError::TooLong);
    }
    Ok(())
}

fn append_pair(list: &mut Vec<u8>, key: &str, value: Option<&str>) {
    list.extend_from_slice(key.as_bytes());
    if let Some(value) = value {
        list.push(b'=');
        percent::encode(value, list);
    }
}
