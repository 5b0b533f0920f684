//! Dates, as Python's `datetime` has them, without time zones.

use std::fmt;

use super::error::Failure;
use super::python::Outcome;
use super::value::Value;

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A moment: seconds since 1970 and millionths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    seconds: i64,
    micros: u32,
}

/// The time between two moments, in millionths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    micros: i128,
}

struct Parts {
    year: i64,
    month: u32,
    day: u32,
    hour: i64,
    minute: i64,
    second: i64,
}

/// Days since 1970 of a date, by Howard Hinnant's `days_from_civil`.
const fn days(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (month as i64 + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day as i64 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl DateTime {
    /// A moment from seconds since 1970.
    pub const fn new(seconds: i64, micros: u32) -> Self {
        Self { seconds, micros }
    }

    fn parts(self) -> Parts {
        let (day, rest) = (self.seconds.div_euclid(DAY), self.seconds.rem_euclid(DAY));
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = u32::try_from(day_of_year - (153 * month + 2) / 5 + 1).unwrap_or(1);
        let month = u32::try_from(if month < 10 { month + 3 } else { month - 9 }).unwrap_or(1);
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Parts { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60 }
    }

    fn weekday(self) -> usize {
        usize::try_from((self.seconds.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0)
    }

    fn day_of_year(self) -> i64 {
        let parts = self.parts();
        self.seconds.div_euclid(DAY) - days(parts.year, 1, 1) + 1
    }

    /// The time since another moment.
    pub fn since(&self, other: &Self) -> Duration {
        Duration {
            micros: (i128::from(self.seconds) - i128::from(other.seconds)) * 1_000_000 + i128::from(self.micros) - i128::from(other.micros),
        }
    }

    /// A later moment.
    pub fn plus(&self, duration: Duration) -> Self {
        let micros = i128::from(self.seconds) * 1_000_000 + i128::from(self.micros) + duration.micros;
        Self {
            seconds: i64::try_from(micros.div_euclid(1_000_000)).unwrap_or(i64::MAX),
            micros: u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0),
        }
    }

    /// Python's `strftime`, for what people use.
    pub fn format(&self, layout: &str) -> String {
        self.format_with(layout, "", "")
    }

    /// The same with what `%Z` and `%z` stand for.
    pub fn format_with(&self, layout: &str, zone: &str, offset: &str) -> String {
        let parts = self.parts();
        let weekday = self.weekday();
        let (month_name, weekday_name) = (MONTHS[parts.month as usize - 1], WEEKDAYS[weekday]);
        let hour12 = (parts.hour + 11) % 12 + 1;
        let mut out = String::new();
        let mut characters = layout.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                out.push(character);
                continue;
            }
            out.push_str(&match characters.next() {
                Some('Y') => format!("{}", parts.year),
                Some('C') => format!("{:02}", parts.year / 100),
                Some('y') => format!("{:02}", parts.year.rem_euclid(100)),
                Some('m') => format!("{:02}", parts.month),
                Some('d') => format!("{:02}", parts.day),
                Some('e') => format!("{:2}", parts.day),
                Some('H') => format!("{:02}", parts.hour),
                Some('I') => format!("{hour12:02}"),
                Some('M') => format!("{:02}", parts.minute),
                Some('S') => format!("{:02}", parts.second),
                Some('f') => format!("{:06}", self.micros),
                Some('p') => (if parts.hour < 12 { "AM" } else { "PM" }).to_string(),
                Some('j') => format!("{:03}", self.day_of_year()),
                Some('s') => format!("{}", self.seconds),
                Some('B') => month_name.to_owned(),
                Some('b' | 'h') => month_name[..3].to_owned(),
                Some('A') => weekday_name.to_owned(),
                Some('a') => weekday_name[..3].to_owned(),
                Some('w') => format!("{}", (weekday + 1) % 7),
                Some('u') => format!("{}", weekday + 1),
                Some('F') => self.format("%Y-%m-%d"),
                Some('T' | 'X') => self.format("%H:%M:%S"),
                Some('R') => self.format("%H:%M"),
                Some('D' | 'x') => self.format("%m/%d/%y"),
                Some('c') => self.format("%a %b %e %H:%M:%S %Y"),
                Some('z') => offset.to_owned(),
                Some('Z') => zone.to_owned(),
                Some('U') => format!("{:02}", (self.day_of_year() + 6 - i64::try_from((weekday + 1) % 7).unwrap_or(0)) / 7),
                Some('W') => format!("{:02}", (self.day_of_year() + 6 - i64::try_from(weekday).unwrap_or(0)) / 7),
                Some('n') => "\n".to_owned(),
                Some('t') => "\t".to_owned(),
                Some('%') | None => "%".to_owned(),
                Some(other) => format!("%{other}"),
            });
        }
        out
    }

    /// Python's `strptime`, for what people use.
    ///
    /// # Errors
    /// The text does not have the layout.
    pub fn parse(text: &str, layout: &str) -> Outcome<Self> {
        let wrong = || Failure::failed("the text does not have the date's layout");
        let (mut year, mut month, mut day, mut hour, mut minute, mut second, mut micros) = (1900, 1, 1, 0, 0, 0, 0);
        let mut afternoon = None;
        let mut rest = text;
        let layout = layout.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").replace("%R", "%H:%M").replace("%D", "%m/%d/%y");
        let mut characters = layout.chars();
        while let Some(character) = characters.next() {
            if character.is_whitespace() {
                rest = rest.trim_start();
                continue;
            }
            if character != '%' {
                rest = rest.strip_prefix(character).ok_or_else(wrong)?;
                continue;
            }
            let mut number = |most: usize| -> Outcome<i64> {
                let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
                let (digits, after) = rest.split_at(length);
                rest = after;
                digits.parse().map_err(|_| wrong())
            };
            match characters.next() {
                Some('Y') => year = number(4)?,
                Some('y') => {
                    let short = number(2)?;
                    year = if short < 69 { 2000 + short } else { 1900 + short };
                }
                Some('m') => month = number(2)?,
                Some('d' | 'e') => day = number(2)?,
                Some('H') => hour = number(2)?,
                Some('I') => hour = number(2)? % 12,
                Some('M') => minute = number(2)?,
                Some('S') => second = number(2)?,
                Some('f') => {
                    let before = rest.len();
                    let digits = rest.bytes().take(6).take_while(u8::is_ascii_digit).count();
                    let value = if before == 0 { 0 } else { rest[..digits].parse::<u32>().map_err(|_| wrong())? };
                    rest = &rest[digits..];
                    micros = value * 10u32.pow(6 - u32::try_from(digits).unwrap_or(6));
                }
                Some('p') => {
                    afternoon = Some(rest.get(..2).is_some_and(|mark| mark.eq_ignore_ascii_case("pm")));
                    rest = rest.get(2..).ok_or_else(wrong)?;
                }
                Some('b' | 'B' | 'h') => {
                    let at = MONTHS
                        .iter()
                        .position(|name| rest.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(&name[..3])))
                        .ok_or_else(wrong)?;
                    month = i64::try_from(at + 1).unwrap_or(1);
                    rest = rest.strip_prefix(MONTHS[at]).unwrap_or(&rest[3..]);
                }
                Some('a' | 'A') => {
                    let at = WEEKDAYS
                        .iter()
                        .position(|name| rest.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(&name[..3])))
                        .ok_or_else(wrong)?;
                    rest = rest.strip_prefix(WEEKDAYS[at]).unwrap_or(&rest[3..]);
                }
                Some('z' | 'Z') => {
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    rest = &rest[end..];
                }
                Some('%') => rest = rest.strip_prefix('%').ok_or_else(wrong)?,
                _ => return Err(Failure::failed("the date's layout has a `%` code that is not supported")),
            }
        }
        if afternoon == Some(true) {
            hour += 12;
        }
        let valid = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..62).contains(&second);
        if !rest.is_empty() || !valid {
            return Err(wrong());
        }
        let date = days(year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1));
        Ok(Self::new(date * DAY + hour * 3600 + minute * 60 + second, micros))
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        let parts = self.parts();
        let number = match name {
            "year" => parts.year,
            "month" => i64::from(parts.month),
            "day" => i64::from(parts.day),
            "hour" => parts.hour,
            "minute" => parts.minute,
            "second" => parts.second,
            "microsecond" => i64::from(self.micros),
            _ => return None,
        };
        Some(Value::Int(i128::from(number)))
    }

    /// Calls a method.
    ///
    /// # Errors
    /// The method does not take these arguments.
    pub fn call(&self, name: &str, arguments: &[Value]) -> Outcome {
        match (name, arguments) {
            ("strftime", [Value::Text(layout)]) => Ok(Value::from(self.format(layout.as_str()))),
            ("isoformat", []) => Ok(Value::from(self.format(if self.micros == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S.%f" }))),
            #[expect(clippy::cast_precision_loss, reason = "Python gives a float, too")]
            ("timestamp", []) => Ok(Value::Float(self.seconds as f64 + f64::from(self.micros) / 1e6)),
            ("weekday", []) => Ok(Value::count(self.weekday())),
            ("isoweekday", []) => Ok(Value::count(self.weekday() + 1)),
            ("date", []) => Ok(Value::from(self.format("%Y-%m-%d"))),
            _ => Err(Failure::failed(format!("`{name}` of a date does not take these arguments, or is not supported"))),
        }
    }

    /// Python's `repr`.
    pub fn repr(&self) -> String {
        let parts = self.parts();
        let mut numbers = vec![parts.year, i64::from(parts.month), i64::from(parts.day), parts.hour, parts.minute];
        if parts.second != 0 || self.micros != 0 {
            numbers.push(parts.second);
        }
        if self.micros != 0 {
            numbers.push(i64::from(self.micros));
        }
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        format!("datetime.datetime({})", numbers.join(", "))
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(if self.micros == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S.%f" }))
    }
}

impl Duration {
    /// The same backwards.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { micros: -self.micros }
    }

    /// The sum of two.
    #[must_use]
    pub const fn plus(&self, other: Self) -> Self {
        Self { micros: self.micros + other.micros }
    }

    /// In seconds.
    #[expect(clippy::cast_precision_loss, reason = "Python gives a float, too")]
    pub fn seconds(&self) -> f64 {
        self.micros as f64 / 1e6
    }

    const fn split(&self) -> (i128, i128, i128) {
        let day = DAY as i128 * 1_000_000;
        let rest = self.micros.rem_euclid(day);
        (self.micros.div_euclid(day), rest / 1_000_000, rest % 1_000_000)
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        let (days, seconds, micros) = self.split();
        match name {
            "days" => Some(Value::Int(days)),
            "seconds" => Some(Value::Int(seconds)),
            "microseconds" => Some(Value::Int(micros)),
            _ => None,
        }
    }

    /// Python's `repr`.
    pub fn repr(&self) -> String {
        let (days, seconds, micros) = self.split();
        let parts: Vec<String> = [("days", days), ("seconds", seconds), ("microseconds", micros)]
            .iter()
            .filter(|(_, number)| *number != 0)
            .map(|(name, number)| format!("{name}={number}"))
            .collect();
        format!("datetime.timedelta({})", if parts.is_empty() { "0".to_owned() } else { parts.join(", ") })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.split();
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}
