//! The meaning of a plain YAML scalar, as `PyYAML` gives it.
//!
//! `PyYAML` implements the types of YAML 1.1 with rules of its own, and Ansible inherits them. The
//! patterns are those of `yaml/resolver.py` in `PyYAML` 6.0.

use super::node::Value;

/// What an unquoted scalar is.
///
/// A date, which `PyYAML` knows, has no kind of its own here and stays the text that was written. So does
/// a whole number that is too long for 128 bits; [`is_too_long`] tells it from other texts.
pub fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Value::Bool(false),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return Value::Text(text.to_owned());
    }
    float(text).map(Value::Float).or_else(|| int(text).map(Value::Int)).unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// What an unquoted scalar of a JSON file is: there an exponent needs neither dot nor sign.
pub fn json(text: &str) -> Value {
    match plain(text) {
        Value::Text(text) if text.contains(['e', 'E']) => text.parse().map_or(Value::Text(text), Value::Float),
        value => value,
    }
}

/// A whole number: binary, octal with a leading zero, decimal, hexadecimal, or base sixty.
pub fn int(text: &str) -> Option<i128> {
    let (negative, digits) = sign(text);
    let magnitude = if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)?
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        radix(hexadecimal, 16)?
    } else if digits == "0" {
        0
    } else if let Some(octal) = digits.strip_prefix('0') {
        if octal.chars().all(|digit| digit == '_') { 0 } else { radix(octal, 8)? }
    } else if digits.starts_with(|first: char| first.is_ascii_digit()) {
        let mut parts = digits.split(':');
        let mut total = radix(parts.next()?, 10)?;
        for part in parts {
            total = total.checked_mul(60)?.checked_add(sixtieth(part)?)?;
        }
        total
    } else {
        return None;
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// Whether a text has the shape of a whole number that [`int`] cannot hold.
pub fn is_too_long(text: &str) -> bool {
    let (_, digits) = sign(text);
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let shaped = digits.starts_with(|first: char| first.is_ascii_digit()) || base == 16;
    digits.len() > 30 && shaped && digits.chars().all(|digit| digit == '_' || digit.is_digit(base)) && int(text).is_none()
}

/// A number with a dot. An exponent needs a sign, so `1e3` and `1.5e3` are text.
pub fn float(text: &str) -> Option<f64> {
    let (negative, digits) = sign(text);
    let signed = digits.len() != text.len();
    let magnitude = match digits {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" => return (!signed).then_some(f64::NAN),
        _ if digits.contains(':') => base_sixty(digits)?,
        _ => {
            let (mantissa, exponent) = match digits.find(['e', 'E']) {
                Some(at) => digits.split_at(at),
                None => (digits, ""),
            };
            let (whole, fraction) = mantissa.split_once('.')?;
            let starts_well = match whole {
                "" => !signed && fraction.starts_with(|first: char| first.is_ascii_digit()),
                _ => whole.starts_with(|first: char| first.is_ascii_digit()),
            };
            if !starts_well || !digits_only(whole) || !digits_only(fraction) || !is_exponent(exponent) {
                return None;
            }
            digits.replace('_', "").parse().ok()?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    }
}

/// The sign stays outside, so that the smallest number of 64 bits can be read too.
fn radix(digits: &str, base: u32) -> Option<i128> {
    let digits = digits.replace('_', "");
    // Rust reads a sign here, which would make a number of `0x-1`.
    if digits.starts_with(['-', '+']) { None } else { i128::from_str_radix(&digits, base).ok() }
}

fn sixtieth(part: &str) -> Option<i128> {
    match part.as_bytes() {
        [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'] => part.parse().ok(),
        _ => None,
    }
}

fn base_sixty(digits: &str) -> Option<f64> {
    let (whole, fraction) = digits.split_once('.')?;
    let mut parts = whole.split(':');
    let first = parts.next()?;
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !digits_only(first) || !digits_only(fraction) {
        return None;
    }
    let mut total: f64 = first.replace('_', "").parse().ok()?;
    for part in parts {
        sixtieth(part)?;
        total = total * 60.0 + part.parse::<f64>().ok()?;
    }
    let fraction: f64 = format!("0.{}0", fraction.replace('_', "")).parse().ok()?;
    Some(total + fraction)
}

fn digits_only(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

fn is_exponent(text: &str) -> bool {
    match text.as_bytes() {
        [] => true,
        [b'e' | b'E', b'-' | b'+', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn scalars_mean_what_they_mean_to_ansible() {
        for (written, meant) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("NULL", Value::Null),
            ("nUll", text("nUll")),
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("yEs", text("yEs")),
            ("y", text("y")),
            ("0", Value::Int(0)),
            ("-7", Value::Int(-7)),
            ("+7", Value::Int(7)),
            ("1_000", Value::Int(1000)),
            ("0644", Value::Int(420)),
            ("-010", Value::Int(-8)),
            ("0o17", text("0o17")),
            ("08", text("08")),
            ("0_", Value::Int(0)),
            ("0x1F", Value::Int(31)),
            ("0x-1", text("0x-1")),
            ("0b101", Value::Int(5)),
            ("1:30", Value::Int(90)),
            ("22:22", Value::Int(1342)),
            ("8008:8008", text("8008:8008")),
            ("-1:30", Value::Int(-90)),
            ("1:60", text("1:60")),
            ("01:30", text("01:30")),
            ("9223372036854775807", Value::Int(i64::MAX.into())),
            ("-9223372036854775808", Value::Int(i64::MIN.into())),
            ("9223372036854775808", Value::Int(9_223_372_036_854_775_808)),
            ("170141183460469231731687303715884105727", Value::Int(i128::MAX)),
            ("170141183460469231731687303715884105728", text("170141183460469231731687303715884105728")),
            ("1.5", Value::Float(1.5)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("-.5", text("-.5")),
            ("1e3", text("1e3")),
            ("1.5e3", text("1.5e3")),
            ("1.5e+3", Value::Float(1500.0)),
            ("1.5E-1", Value::Float(0.15)),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
            ("+.Inf", Value::Float(f64::INFINITY)),
            (".iNf", text(".iNf")),
            ("1:30.5", Value::Float(90.5)),
            ("01:30.5", Value::Float(90.5)),
            ("1.2.3", text("1.2.3")),
            ("127.0.0.1", text("127.0.0.1")),
            (".", text(".")),
            ("._", text("._")),
            ("-", text("-")),
            ("+", text("+")),
            ("2024-01-01", text("2024-01-01")),
        ] {
            assert_eq!(plain(written), meant, "{written:?}");
        }
        assert!(matches!(plain(".nan"), Value::Float(number) if number.is_nan()));
        assert_eq!(plain("-.nan"), text("-.nan"));
    }

    #[test]
    fn numbers_that_are_too_long_are_told_from_text() {
        let long = |text: &str| text.repeat(50);
        for number in [long("1"), format!("-{}", long("9")), format!("0x{}", long("f")), format!("0{}", long("7")), long("1_")] {
            assert!(is_too_long(&number), "{number}");
        }
        for text in [long("1")[..30].to_owned(), long("a"), format!("0{}", long("8")), format!("{}.5", long("1")), long("0"), long("1-")] {
            assert!(!is_too_long(&text), "{text}");
        }
    }
}
