//! Filters for dates.

use std::sync::Arc;

use super::Filter;
use super::number::parse_float;
use crate::vars::arguments::Given;
use crate::vars::datetime::DateTime;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::objects::Object;
use crate::vars::operators::as_float;
use crate::vars::python::{Outcome, text_of};
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[Filter { name: "strftime", run: strftime }, Filter { name: "to_datetime", run: to_datetime }];

/// The moment that was handed in.
pub fn now(environment: &Environment<'_>) -> DateTime {
    let since = environment.engine.context.now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    DateTime::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_micros())
}

fn strftime(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    // Local time is taken to be UTC, so that a plan does not depend on where it is made.
    let mut given = given.bind("strftime", ["second", "utc"])?;
    let second = given.some(0);
    let zone = if given.truth(1, false)? { "GMT" } else { "UTC" };
    let moment = match second {
        None => now(environment),
        Some(second) => {
            let seconds = match &second {
                Value::Text(text) => parse_float(text.as_str()),
                other => as_float(other),
            };
            let seconds =
                seconds.filter(|seconds| seconds.abs() < 1e12).ok_or_else(|| Failure::failed("`strftime` needs seconds since 1970"))?;
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            DateTime::new(seconds.floor() as i64, 0)
        }
    };
    Ok(Value::from(moment.format_with(&text_of(&value)?, zone, "+0000")))
}

fn to_datetime(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let layout = given.bind("to_datetime", ["format"])?.text(0, "%Y-%m-%d %H:%M:%S")?;
    Ok(Value::Object(Arc::new(Object::Date(DateTime::parse(&text_of(&value)?, &layout)?))))
}
