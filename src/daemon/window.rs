//! Maintenance windows: when the daemon may change a host by itself.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Some hours of some days of the week, such as `daily 02:00-04:00` or `sat,sun 22:00-06:00`. One that
/// ends before it begins goes on into the next day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins.
    days: Vec<Weekday>,
    from: Time,
    /// The same as `from` where it is the whole day.
    to: Time,
}

const NAMES: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Window {
    /// Whether it is open at a time, by the clocks of a time zone.
    pub fn is_open(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(zone.clone()).datetime();
        let (today, time) = (local.date().weekday(), local.time());
        let begins = |day: Weekday| self.days.contains(&day);
        if self.from == self.to {
            return begins(today);
        }
        if self.from < self.to {
            return begins(today) && self.from <= time && time < self.to;
        }
        (begins(today) && self.from <= time) || (begins(today.previous()) && time < self.to)
    }

    /// When one of `windows` opens next: `at` itself when one is open, nothing when none ever does. Looks a
    /// week ahead, in minutes.
    pub fn next_opening(windows: &[Self], at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if windows.iter().any(|window| window.is_open(at, zone)) {
            return Some(at);
        }
        let local = at.to_zoned(zone.clone());
        let starts = windows.iter().flat_map(|window| {
            let local = &local;
            (0..=7).filter_map(move |days| {
                let date = local.date().checked_add(days.days()).ok()?;
                let begins = window.days.contains(&date.weekday());
                begins.then(|| date.to_datetime(window.from).to_zoned(zone.clone()).ok().map(|start| start.timestamp()))?
            })
        });
        starts.filter(|start| *start >= at).min()
    }
}

/// Why a text is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no maintenance window; write `daily 02:00-04:00`, or days before the hours: `sat,sun 22:00-06:00`")]
pub struct NoWindow(String);

impl FromStr for Window {
    type Err = NoWindow;

    fn from_str(text: &str) -> Result<Self, NoWindow> {
        let parse = || {
            let (days, hours) = text.trim().split_once(char::is_whitespace)?;
            let days = if days.eq_ignore_ascii_case("daily") {
                NAMES.map(|(_, day)| day).to_vec()
            } else {
                let day = |name: &str| NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim())).map(|(_, day)| *day);
                days.split(',').map(day).collect::<Option<Vec<Weekday>>>()?
            };
            let (from, to) = hours.trim().split_once('-')?;
            let (from, to) = (hour(from)?, hour(to)?);
            let whole_day = hours.trim().ends_with("24:00");
            (from != to || whole_day).then_some(Self { days, from, to })
        };
        parse().ok_or_else(|| NoWindow(text.to_owned()))
    }
}

/// `02:00`; `24:00` is midnight.
fn hour(text: &str) -> Option<Time> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if (hours, minutes) == (24, 0) {
        return Some(Time::midnight());
    }
    Time::new(hours, minutes, 0, 0).ok()
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days.len() == NAMES.len() {
            f.write_str("daily")?;
        } else {
            let names = NAMES.iter().filter(|(_, day)| self.days.contains(day)).map(|(name, _)| *name);
            f.write_str(&names.collect::<Vec<_>>().join(","))?;
        }
        let to = if self.to == Time::midnight() { "24:00".to_owned() } else { self.to.strftime("%H:%M").to_string() };
        write!(f, " {}-{to}", self.from.strftime("%H:%M"))
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(window: &str, at: &str) -> bool {
        window.parse::<Window>().unwrap().is_open(at.parse().unwrap(), &TimeZone::UTC)
    }

    #[test]
    fn a_window_is_open_between_its_hours_on_its_days() {
        // 2026-11-22 is a Sunday.
        assert!(open("daily 02:00-04:00", "2026-11-22T02:00:00Z"));
        assert!(!open("daily 02:00-04:00", "2026-11-22T04:00:00Z"));
        assert!(open("Sat,Sun 02:00-04:00", "2026-11-22T03:59:59Z"));
        assert!(!open("mon 02:00-04:00", "2026-11-22T03:00:00Z"));
        assert!(open("daily 00:00-24:00", "2026-11-22T23:59:59Z"));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_that_it_begins_on() {
        assert!(open("sat 22:00-06:00", "2026-11-21T23:00:00Z"));
        assert!(open("sat 22:00-06:00", "2026-11-22T05:59:00Z"));
        assert!(!open("sat 22:00-06:00", "2026-11-22T22:30:00Z"));
        assert!(!open("sat 22:00-06:00", "2026-11-21T05:00:00Z"));
    }

    #[test]
    fn the_hours_are_those_of_the_time_zone() {
        let window: Window = "daily 02:00-04:00".parse().unwrap();
        let berlin = TimeZone::fixed(jiff::tz::offset(1));
        assert!(window.is_open("2026-11-22T01:30:00Z".parse().unwrap(), &berlin));
        assert!(!window.is_open("2026-11-22T03:30:00Z".parse().unwrap(), &berlin));
    }

    #[test]
    fn the_next_opening_is_found() {
        let windows: Vec<Window> = ["mon 02:00-04:00", "wed 01:00-02:00"].map(|text| text.parse().unwrap()).to_vec();
        let next = |at: &str| Window::next_opening(&windows, at.parse().unwrap(), &TimeZone::UTC).unwrap().to_string();
        assert_eq!(next("2026-11-22T12:00:00Z"), "2026-11-23T02:00:00Z");
        assert_eq!(next("2026-11-23T03:00:00Z"), "2026-11-23T03:00:00Z");
        assert_eq!(next("2026-11-23T04:00:00Z"), "2026-11-25T01:00:00Z");
        assert_eq!(next("2026-11-25T02:00:00Z"), "2026-11-30T02:00:00Z");
        assert_eq!(Window::next_opening(&[], "2026-11-22T12:00:00Z".parse().unwrap(), &TimeZone::UTC), None);
    }

    #[test]
    fn what_is_no_window_says_how_one_looks() {
        for text in ["", "daily", "daily 2:00-4:00", "someday 02:00-04:00", "daily 02:00-02:00", "daily 02:00-25:00", "daily 02:60-03:00"] {
            let error = text.parse::<Window>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` is no maintenance window; write")), "{error}");
        }
        for text in ["daily 02:00-04:00", "sat,sun 22:00-06:00", "daily 00:00-24:00"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
    }
}
