//! Numbers in hex digits.

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// What each byte is worth as a lower-case digit.
const VALUES: [u8; 256] = values();
/// No digit. Has bits that no value of a digit has, so that one among digits shows.
const NONE: u8 = 0xff;
/// Of the longest number: a trace id.
const LEN_MAX: usize = 32;

/// The number that 1 to 32 lower-case digits make.
pub(crate) fn parse(digits: &[u8]) -> Option<u128> {
    fold(digits, |digit| digit)
}

/// The number that 1 to 32 digits of any case make.
pub(crate) fn parse_any_case(digits: &[u8]) -> Option<u128> {
    fold(digits, |digit| digit.to_ascii_lowercase())
}

/// The last `LEN` digits of a number, lower-case.
pub(crate) fn encode<const LEN: usize>(mut number: u128) -> [u8; LEN] {
    let mut text = [0; LEN];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(number & 15) as usize];
        number >>= 4;
    }
    text
}

fn fold(digits: &[u8], as_lower_case: impl Fn(u8) -> u8) -> Option<u128> {
    if digits.is_empty() || digits.len() > LEN_MAX {
        return None;
    }
    // Without a branch for each digit: those of ids are random, and no processor guesses them.
    let (mut number, mut all) = (0, 0);
    for digit in digits {
        let value = VALUES[usize::from(as_lower_case(*digit))];
        number = number << 4 | u128::from(value & 15);
        all |= value;
    }
    (all & !15 == 0).then_some(number)
}

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
}
