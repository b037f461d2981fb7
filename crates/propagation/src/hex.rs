//! Numbers in hex digits.

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// What each byte is worth as a lower-case digit.
static VALUES: [u8; 256] = values();
/// Each byte as two digits.
static PAIRS: [[u8; 2]; 256] = pairs();
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

/// The last `LEN` digits of a number, lower-case; `LEN` is even.
pub(crate) fn encode<const LEN: usize>(number: u128) -> [u8; LEN] {
    const { assert!(LEN.is_multiple_of(2) && LEN <= LEN_MAX) };
    let bytes = number.to_be_bytes();
    let (_, last) = bytes.split_at(bytes.len() - LEN / 2);
    let mut text = [0; LEN];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(last) {
        *pair = PAIRS[usize::from(*byte)];
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

const fn pairs() -> [[u8; 2]; 256] {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
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
