//! Filters that make and change numbers and booleans.

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::operators::{arithmetic, as_float};
use crate::vars::python::{Outcome, items_of, type_name};
use crate::vars::syntax::ast::Operator;
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "bool", run: boolean },
    Filter { name: "int", run: int },
    Filter { name: "float", run: float },
    Filter { name: "abs", run: absolute },
    Filter { name: "round", run: round },
    Filter { name: "pow", run: power },
    Filter { name: "root", run: root },
    Filter { name: "log", run: logarithm },
    Filter { name: "sum", run: sum },
    Filter { name: "human_readable", run: human_readable },
    Filter { name: "human_to_bytes", run: human_to_bytes },
    Filter { name: "filesizeformat", run: file_size },
];

/// What Ansible's `bool` makes of a value.
pub fn to_bool(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::Int(number) => *number == 1,
        Value::Float(number) => (*number - 1.0).abs() < f64::EPSILON,
        Value::Text(text) => matches!(text.as_str().to_lowercase().as_str(), "yes" | "on" | "true" | "1"),
        _ => false,
    }
}

fn boolean(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    given.bind("bool", [])?;
    Ok(Value::Bool(to_bool(&value)))
}

/// Python's `int(text, base)`.
pub fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match (base, lower.get(..2)) {
        (16 | 0, Some("0x")) => (16, &lower[2..]),
        (8 | 0, Some("0o")) => (8, &lower[2..]),
        (2 | 0, Some("0b")) => (2, &lower[2..]),
        (0, _) => (10, lower.as_str()),
        (base, _) => (base, lower.as_str()),
    };
    if digits.starts_with(['_', '+', '-']) || digits.ends_with('_') || digits.contains("__") || !(2..=36).contains(&base) {
        return None;
    }
    let number = i128::from_str_radix(&digits.replace('_', ""), base).ok()?;
    Some(if negative { -number } else { number })
}

/// Python's `float(text)`.
pub fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim().to_lowercase();
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    match text.trim_start_matches(['+', '-']) {
        "inf" | "infinity" | "nan" => {}
        rest if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {}
        _ => return None,
    }
    text.replace('_', "").parse().ok()
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn truncated(number: f64) -> Option<i128> {
    (number.abs() < 1e38).then_some(number as i128)
}

fn int(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("int", ["default", "base"])?;
    let default = given.take(0).unwrap_or(Value::Int(0));
    let base = u32::try_from(given.int(1, 10)?).unwrap_or(10);
    let number = match &value {
        Value::Int(number) => Some(*number),
        Value::Bool(value) => Some(i128::from(*value)),
        Value::Float(number) => truncated(*number),
        Value::Text(text) => parse_int(text.as_str(), base).or_else(|| parse_float(text.as_str()).and_then(truncated)),
        _ => None,
    };
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c == '_' || c.is_digit(base.clamp(2, 36)));
    let beyond = match &value {
        Value::Float(number) => number.is_finite(),
        Value::Text(text) => {
            let unsigned = text.as_str().trim().trim_start_matches(['+', '-']);
            digits(unsigned) && unsigned.len() > 20 || parse_float(text.as_str()).is_some_and(f64::is_finite)
        }
        _ => false,
    };
    match number {
        // Python has numbers of any length; ours must not become another one in silence.
        None if beyond => Err(Failure::failed("the number is too large")),
        number => Ok(number.map_or(default, Value::Int)),
    }
}

fn float(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let default = given.bind("float", ["default"])?.take(0).unwrap_or(Value::Float(0.0));
    let number = match &value {
        Value::Text(text) => parse_float(text.as_str()),
        other => as_float(other),
    };
    Ok(number.map_or(default, Value::Float))
}

fn need_number(value: &Value, filter: &str) -> Outcome<f64> {
    as_float(value).ok_or_else(|| Failure::failed(format!("`{filter}` needs a number, not a value of type `{}`", type_name(value))))
}

fn absolute(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    match value {
        Value::Int(number) => number.checked_abs().map(Value::Int).ok_or_else(|| Failure::failed("the number is too large")),
        Value::Bool(value) => Ok(Value::Int(i128::from(value))),
        other => Ok(Value::Float(need_number(&other, "abs")?.abs())),
    }
}

fn round(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("round", ["precision", "method"])?;
    let precision = i32::try_from(given.int(0, 0)?).unwrap_or(0).clamp(-300, 300);
    let method = given.text(1, "common")?;
    let number = need_number(&value, "round")?;
    let factor = 10f64.powi(precision);
    Ok(match method.as_str() {
        "common" => match (&value, precision) {
            // Python rounds whole numbers to whole numbers.
            (Value::Bool(value), 0..) => Value::Int(i128::from(*value)),
            (Value::Int(_), 0..) => value,
            (Value::Int(_) | Value::Bool(_), _) => {
                truncated((number * factor).round_ties_even() / factor).map_or(Value::Float(number), Value::Int)
            }
            _ => Value::Float(round_float(number, precision)),
        },
        "ceil" => Value::Float((number * factor).ceil() / factor),
        "floor" => Value::Float((number * factor).floor() / factor),
        _ => return Err(Failure::failed("`round` needs `common`, `ceil` or `floor` as `method`")),
    })
}

/// Python rounds the exact value that a float holds, with halves to the even neighbour.
fn round_float(number: f64, precision: i32) -> f64 {
    match usize::try_from(precision) {
        Ok(0) => number.round_ties_even(),
        Ok(precision) => format!("{number:.precision$}").parse().unwrap_or(number),
        Err(_) => {
            let factor = 10f64.powi(-precision);
            (number / factor).round_ties_even() * factor
        }
    }
}

fn power(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let exponent = given.bind("pow", ["y"])?.need(0)?;
    Ok(Value::Float(need_number(&value, "pow")?.powf(need_number(&exponent, "pow")?)))
}

fn root(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let base = given.bind("root", ["base"])?.take(0).unwrap_or(Value::Int(2));
    let (number, base) = (need_number(&value, "root")?, need_number(&base, "root")?);
    if number < 0.0 || base == 0.0 {
        return Err(Failure::failed("`root` needs a number that has one"));
    }
    #[expect(clippy::float_cmp, reason = "2 is exact")]
    Ok(Value::Float(if base == 2.0 { number.sqrt() } else { number.powf(1.0 / base) }))
}

fn logarithm(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let base = given.bind("log", ["base"])?.take(0);
    let number = need_number(&value, "log")?;
    if number <= 0.0 {
        return Err(Failure::failed("`log` needs a number above 0"));
    }
    Ok(Value::Float(match base {
        None => number.ln(),
        Some(Value::Int(10)) => number.log10(),
        Some(base) => number.ln() / need_number(&base, "log")?.ln(),
    }))
}

fn sum(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("sum", ["attribute", "start"])?;
    let attribute = given.some(0);
    let mut total = given.take(1).unwrap_or(Value::Int(0));
    for item in items_of(&value)? {
        let item = match &attribute {
            Some(attribute) => super::select::attribute(environment, &item, attribute, None)?.present()?,
            None => item,
        };
        total = arithmetic(Operator::Add, total, item)?;
    }
    Ok(total)
}

const UNITS: [(&str, f64); 9] = [
    ("Y", 1_208_925_819_614_629_174_706_176.0),
    ("Z", 1_180_591_620_717_411_303_424.0),
    ("E", 1_152_921_504_606_846_976.0),
    ("P", 1_125_899_906_842_624.0),
    ("T", 1_099_511_627_776.0),
    ("G", 1_073_741_824.0),
    ("M", 1_048_576.0),
    ("K", 1024.0),
    ("B", 1.0),
];

fn human_readable(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("human_readable", ["isbits", "unit"])?;
    let bits = given.truth(0, false)?;
    let unit = given.some_text(1)?;
    let size = need_number(&value, "human_readable")?;
    let found = UNITS.iter().find(|(suffix, limit)| match &unit {
        Some(unit) => unit.to_uppercase().starts_with(suffix),
        None => size >= *limit,
    });
    let (suffix, limit) = found.copied().unwrap_or(("B", 1.0));
    let name = match (suffix, bits) {
        ("B", true) => "bits".to_owned(),
        ("B", false) => "Bytes".to_owned(),
        (suffix, true) => format!("{suffix}b"),
        (suffix, false) => format!("{suffix}B"),
    };
    Ok(Value::from(format!("{:.2} {name}", size / limit)))
}

fn human_to_bytes(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("human_to_bytes", ["default_unit", "isbits"])?;
    let default_unit = given.some_text(0)?;
    let bits = given.truth(1, false)?;
    let text = crate::vars::python::text_of(&value)?;
    let text = text.trim_end();
    let wrong = || Failure::failed("`human_to_bytes` cannot read the size").help("write a number and a unit, such as `1.5 GB`");
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let unit = rest.trim_start();
    if digits.ends_with('.') || !unit.chars().all(|c| c.is_ascii_alphabetic()) {
        return Err(wrong());
    }
    let unit = if unit.is_empty() { default_unit.unwrap_or_default() } else { unit.to_owned() };
    let limit = match unit.get(..1) {
        None => 1.0,
        Some(first) => UNITS.iter().find(|(suffix, _)| first.eq_ignore_ascii_case(suffix)).map(|(_, limit)| *limit).ok_or_else(wrong)?,
    };
    let (short, long) = if bits { ('b', "bit") } else { ('B', "byte") };
    let prefix = ["yotta", "zetta", "exa", "peta", "tera", "giga", "mega", "kilo", ""];
    let accepted = unit.len() < 2
        || UNITS.iter().zip(prefix).any(|((suffix, _), prefix)| {
            unit.to_lowercase() == format!("{prefix}{long}") || (*suffix != "B" && unit == format!("{suffix}{short}"))
        });
    if !accepted {
        return Err(wrong());
    }
    truncated((number * limit).round_ties_even()).map(Value::Int).ok_or_else(wrong)
}

fn file_size(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let binary = given.bind("filesizeformat", ["binary"])?.truth(0, false)?;
    let bytes = match &value {
        Value::Text(text) => parse_float(text.as_str()).ok_or_else(|| Failure::failed("`filesizeformat` needs a number"))?,
        other => need_number(other, "filesizeformat")?,
    };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let names =
        if binary { ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] } else { ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"] };
    #[expect(clippy::float_cmp, reason = "Jinja2 compares so")]
    if bytes == 1.0 {
        return Ok(Value::text("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{:.0} Bytes", bytes.trunc())));
    }
    let mut unit = base;
    for name in names {
        unit *= base;
        if bytes < unit {
            return Ok(Value::from(format!("{:.1} {name}", base * bytes / unit)));
        }
    }
    Ok(Value::from(format!("{:.1} {}", base * bytes / unit, names[7])))
}
