//! Python's two ways to format: `'%s' % x` and `'{}'.format(x)`.

use super::error::Failure;
use super::operators::as_float;
use super::python::{Outcome, float_repr, repr, text_of, type_name};
use super::value::{List, Text, Value};

/// How a value is laid out.
#[derive(Clone, Debug, Default)]
struct Layout {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    comma: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// Wider fields are refused: one expression must not fill the memory.
const WIDEST: usize = 100_000;

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Outcome<Option<usize>> {
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        let next = number.unwrap_or(0usize) * 10 + digit as usize;
        if next > WIDEST {
            return Err(Failure::failed("a width in a format is too large"));
        }
        number = Some(next);
        chars.next();
    }
    Ok(number)
}

fn whole(value: &Value) -> Outcome<i128> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Bool(value) => Ok(i128::from(*value)),
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        Value::Float(number) if number.abs() < 1e30 => Ok(*number as i128),
        other => Err(Failure::failed(format!("a format needs a number, not a value of type `{}`", type_name(other)))),
    }
}

fn real(value: &Value) -> Outcome<f64> {
    as_float(value).ok_or_else(|| Failure::failed(format!("a format needs a number, not a value of type `{}`", type_name(value))))
}

/// `template % value`.
pub fn percent(template: &Text, value: &Value) -> Outcome {
    let arguments = match value {
        Value::List(list) if list.tuple => list.items(),
        other => vec![other.clone()],
    };
    let mut arguments = arguments.into_iter();
    let mut used_names = false;
    let mut out = String::new();
    let mut chars = template.as_str().chars().peekable();
    while let Some(character) = chars.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut name = None;
        if chars.next_if_eq(&'(').is_some() {
            let mut text = String::new();
            for character in chars.by_ref() {
                if character == ')' {
                    break;
                }
                text.push(character);
            }
            name = Some(text);
        }
        let mut layout = Layout { align: Some('>'), ..Layout::default() };
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
            match flag {
                '-' => layout.align = Some('<'),
                '#' => layout.alternate = true,
                '0' => layout.zero = true,
                sign => layout.sign = Some(sign),
            }
        }
        let mut next =
            || arguments.next().ok_or_else(|| Failure::failed("a format needs more values than it is given")).and_then(Value::present);
        layout.width = if chars.next_if_eq(&'*').is_some() {
            usize::try_from(whole(&next()?)?).unwrap_or(0).min(WIDEST)
        } else {
            digits(&mut chars)?.unwrap_or(0)
        };
        if chars.next_if_eq(&'.').is_some() {
            layout.precision = Some(if chars.next_if_eq(&'*').is_some() {
                usize::try_from(whole(&next()?)?).unwrap_or(0).min(WIDEST)
            } else {
                digits(&mut chars)?.unwrap_or(0)
            });
        }
        while chars.next_if(|c| matches!(c, 'h' | 'l' | 'L')).is_some() {}
        let Some(kind) = chars.next() else {
            return Err(Failure::failed("a format ends in the middle"));
        };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let subject = match &name {
            Some(name) => {
                used_names = true;
                match value {
                    Value::Map(map) => map
                        .get_text(name)
                        .ok_or_else(|| Failure::failed(format!("a format names `{name}`, which is not given")))?
                        .present()?,
                    _ => return Err(Failure::failed("a format with names needs a mapping")),
                }
            }
            None => next()?,
        };
        if layout.align == Some('<') {
            layout.zero = false;
        }
        out.push_str(&percent_one(&layout, kind, &subject)?);
    }
    if !used_names && arguments.next().is_some() && !matches!(value, Value::Map(_) | Value::List(List { tuple: false, .. })) {
        return Err(Failure::failed("a format is given more values than it needs"));
    }
    Ok(Value::Text(Text::new(out, template.is_secret() || value.is_secret())))
}

fn percent_one(layout: &Layout, kind: char, subject: &Value) -> Outcome<String> {
    match kind {
        's' | 'r' | 'a' => {
            let mut text = if kind == 's' { text_of(subject)? } else { repr(subject)? };
            if let Some(precision) = layout.precision {
                text = text.chars().take(precision).collect();
            }
            Ok(pad(layout, &text, '>'))
        }
        'c' => Ok(pad(layout, &character(subject)?, '>')),
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            if matches!(subject, Value::Float(_)) && matches!(kind, 'x' | 'X' | 'o') {
                return Err(Failure::failed(format!("`%{kind}` in a format needs a whole number")));
            }
            number(
                &Layout { kind: Some(if matches!(kind, 'i' | 'u') { 'd' } else { kind }), precision: None, ..layout.clone() },
                &Value::Int(whole(subject)?),
            )
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => number(&Layout { kind: Some(kind), ..layout.clone() }, subject),
        other => Err(Failure::failed(format!("`%{other}` is unknown in a format"))),
    }
}

fn pad(layout: &Layout, text: &str, natural: char) -> String {
    let missing = layout.width.saturating_sub(text.chars().count());
    let fill = layout.fill.unwrap_or(' ');
    let (before, after) = match layout.align.unwrap_or(natural) {
        '<' => (0, missing),
        '^' => (missing / 2, missing - missing / 2),
        _ => (missing, 0),
    };
    let mut out = String::with_capacity(text.len() + missing);
    out.extend(std::iter::repeat_n(fill, before));
    out.push_str(text);
    out.extend(std::iter::repeat_n(fill, after));
    out
}

/// A number by its layout.
fn number(layout: &Layout, value: &Value) -> Outcome<String> {
    let kind = layout.kind.unwrap_or(if matches!(value, Value::Float(_)) { 'r' } else { 'd' });
    let precision = layout.precision.unwrap_or(6);
    let (negative, mut body, prefix) = match kind {
        'n' if matches!(value, Value::Float(_)) => {
            let number = real(value)?;
            (number.is_sign_negative(), special(number).unwrap_or_else(|| general(number.abs(), precision)), "")
        }
        'd' | 'n' => {
            let number = whole(value)?;
            (number < 0, number.unsigned_abs().to_string(), "")
        }
        'x' | 'X' | 'o' | 'b' => {
            let number = whole(value)?;
            let size = number.unsigned_abs();
            let (text, prefix) = match kind {
                'x' => (format!("{size:x}"), "0x"),
                'X' => (format!("{size:X}"), "0X"),
                'o' => (format!("{size:o}"), "0o"),
                _ => (format!("{size:b}"), "0b"),
            };
            (number < 0, text, if layout.alternate { prefix } else { "" })
        }
        'f' | 'F' => {
            let number = real(value)?;
            (number.is_sign_negative(), special(number).unwrap_or_else(|| format!("{:.precision$}", number.abs())), "")
        }
        'e' | 'E' => {
            let number = real(value)?;
            let text = special(number).unwrap_or_else(|| exponential(number.abs(), precision));
            (number.is_sign_negative(), if kind == 'E' { text.to_uppercase() } else { text }, "")
        }
        'g' | 'G' => {
            let number = real(value)?;
            let text = special(number).unwrap_or_else(|| general(number.abs(), precision));
            (number.is_sign_negative(), if kind == 'G' { text.to_uppercase() } else { text }, "")
        }
        '%' => {
            let number = real(value)? * 100.0;
            (number.is_sign_negative(), format!("{:.precision$}%", number.abs()), "")
        }
        _ => {
            let number = real(value)?;
            let text = match layout.precision {
                Some(precision) => general(number.abs(), precision),
                None => float_repr(number.abs()),
            };
            (number.is_sign_negative(), text, "")
        }
    };
    if let Some(separator) = layout.comma {
        body = grouped(&body, separator);
    }
    let sign = match (negative, layout.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    if layout.zero && layout.fill.is_none() && (layout.align.is_none() || layout.align == Some('>')) {
        let missing = layout.width.saturating_sub(sign.len() + prefix.len() + body.len());
        return Ok(format!("{sign}{prefix}{}{body}", "0".repeat(missing)));
    }
    if layout.align == Some('=') {
        let missing = layout.width.saturating_sub(sign.len() + prefix.len() + body.len());
        let fill: String = std::iter::repeat_n(layout.fill.unwrap_or(' '), missing).collect();
        return Ok(format!("{sign}{prefix}{fill}{body}"));
    }
    Ok(pad(layout, &format!("{sign}{prefix}{body}"), '>'))
}

fn special(number: f64) -> Option<String> {
    if number.is_nan() {
        return Some("nan".to_owned());
    }
    number.is_infinite().then(|| "inf".to_owned())
}

fn exponential(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn general(number: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let rounded = format!("{number:.*e}", precision - 1);
    let exponent: i32 = rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    let text = if (-4..limit).contains(&exponent) {
        let decimals = usize::try_from(limit - 1 - exponent).unwrap_or(0);
        format!("{number:.decimals$}")
    } else {
        exponential(number, precision - 1)
    };
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), format!("e{exponent}")),
        None => (text, String::new()),
    };
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { &mantissa };
    format!("{mantissa}{exponent}")
}

fn grouped(body: &str, separator: char) -> String {
    let (whole, rest) = body.find(|c: char| !c.is_ascii_digit()).map_or((body, ""), |at| body.split_at(at));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out + rest
}

/// `template.format(...)`. `lookup` finds a field: by position, or by name and path.
pub fn format(template: &str, lookup: &mut dyn FnMut(&str) -> Outcome) -> Outcome<String> {
    let mut out = String::new();
    let mut automatic = 0;
    format_into(&mut out, template, lookup, &mut automatic, 0)?;
    Ok(out)
}

fn format_into(
    out: &mut String,
    template: &str,
    lookup: &mut dyn FnMut(&str) -> Outcome,
    automatic: &mut usize,
    depth: usize,
) -> Outcome<()> {
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(Failure::failed("a format has a `}` without `{`"));
        }
        let mut open = 1;
        let end = rest
            .char_indices()
            .find(|(_, c)| {
                open += i32::from(*c == '{') - i32::from(*c == '}');
                open == 0
            })
            .map(|(at, _)| at)
            .ok_or_else(|| Failure::failed("a format has a `{` without `}`"))?;
        let field = &rest[..end];
        rest = &rest[end + 1..];
        let (field, spec) = field.split_once(':').unwrap_or((field, ""));
        let (path, conversion) = field.split_once('!').map_or((field, None), |(path, conversion)| (path, Some(conversion)));
        let numbered;
        let path = if path.is_empty() || path.starts_with(['.', '[']) {
            numbered = format!("{automatic}{path}");
            *automatic += 1;
            &numbered
        } else {
            path
        };
        let value = lookup(path)?.present()?;
        let mut nested = String::new();
        if spec.contains('{') && depth < 2 {
            format_into(&mut nested, spec, lookup, automatic, depth + 1)?;
        } else {
            nested.push_str(spec);
        }
        let value = match conversion {
            Some("r" | "a") => Value::from(repr(&value)?),
            Some("s") => Value::from(text_of(&value)?),
            _ => value,
        };
        out.push_str(&format_one(&nested, &value)?);
    }
    out.push_str(rest);
    Ok(())
}

fn format_one(spec: &str, value: &Value) -> Outcome<String> {
    if spec.is_empty() {
        return text_of(value);
    }
    let mut layout = Layout::default();
    let mut chars = spec.chars().peekable();
    let mut ahead = chars.clone();
    if let (Some(fill), Some(align @ ('<' | '>' | '^' | '='))) = (ahead.next(), ahead.next()) {
        layout.fill = Some(fill);
        layout.align = Some(align);
        chars = ahead;
    } else if let Some(align) = chars.next_if(|c| matches!(c, '<' | '>' | '^' | '=')) {
        layout.align = Some(align);
    }
    layout.sign = chars.next_if(|c| matches!(c, '+' | '-' | ' '));
    layout.alternate = chars.next_if_eq(&'#').is_some();
    layout.zero = chars.next_if_eq(&'0').is_some();
    layout.width = digits(&mut chars)?.unwrap_or(0);
    layout.comma = chars.next_if(|c| matches!(c, ',' | '_'));
    if chars.next_if_eq(&'.').is_some() {
        layout.precision = Some(digits(&mut chars)?.unwrap_or(0));
    }
    layout.kind = chars.next();
    if chars.next().is_some() {
        return Err(Failure::failed("a format has a layout that cannot be read"));
    }
    let value = &match value {
        Value::Bool(value) => Value::Int(i128::from(*value)),
        other => other.clone(),
    };
    let fits = match value {
        Value::Int(_) => match layout.kind {
            None | Some('d' | 'n' | 'x' | 'X' | 'o' | 'b' | 'c') => layout.precision.is_none(),
            Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => true,
            _ => false,
        },
        Value::Float(_) => matches!(layout.kind, None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%')),
        Value::Text(_) => {
            matches!(layout.kind, None | Some('s'))
                && layout.comma.is_none()
                && layout.sign.is_none()
                && !layout.alternate
                && layout.align != Some('=')
        }
        _ => false,
    };
    if !fits {
        return Err(Failure::failed(format!("a value of type `{}` has no such layout", type_name(value))));
    }
    match value {
        Value::Text(text) => {
            let text: String = text.as_str().chars().take(layout.precision.unwrap_or(usize::MAX)).collect();
            if layout.zero && layout.fill.is_none() {
                layout.fill = Some('0');
            }
            Ok(pad(&layout, &text, '<'))
        }
        _ if layout.kind == Some('c') => Ok(pad(&layout, &character(value)?, '<')),
        _ => number(&layout, value),
    }
}

/// The character of a number.
fn character(value: &Value) -> Outcome<String> {
    let code = match value {
        Value::Text(text) if text.as_str().chars().count() == 1 => return Ok(text.as_str().to_owned()),
        Value::Int(code) => u32::try_from(*code).ok().and_then(char::from_u32),
        _ => None,
    };
    code.map(String::from).ok_or_else(|| Failure::failed("`c` in a format needs the number of a character"))
}
