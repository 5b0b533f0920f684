//! Turns what a page shows into HTML.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use tera::{Context, Kwargs, State, Tera};

use super::access::Session;
use super::assets;
use super::error::PageError;
use crate::diagnostic::{Error, Kind, Result};
use crate::words;

/// The ending of their names has Tera escape what they are given.
const TEMPLATES: [(&str, &str); 12] = [
    ("parts.html", include_str!("templates/parts.html")),
    ("base.html", include_str!("templates/base.html")),
    ("login.html", include_str!("templates/login.html")),
    ("message.html", include_str!("templates/message.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("host.html", include_str!("templates/host.html")),
    ("start.html", include_str!("templates/start.html")),
    ("runs.html", include_str!("templates/runs.html")),
    ("run.html", include_str!("templates/run.html")),
    ("variables.html", include_str!("templates/variables.html")),
    ("variable.html", include_str!("templates/variable.html")),
    ("audit.html", include_str!("templates/audit.html")),
];

/// The templates of all pages.
pub struct Look {
    tera: Tera,
}

impl Look {
    /// Compiles them.
    ///
    /// # Errors
    /// One of them is wrong.
    pub fn new() -> Result<Self> {
        let mut tera = Tera::default();
        tera.register_filter("segment", segment);
        let wrong = |error: tera::Error| Error::new(Kind::Usage, format!("the daemon's pages are wrong: {error}"));
        tera.add_raw_templates(TEMPLATES).map_err(wrong)?;
        Ok(Self { tera })
    }

    /// A page with what it shows; `title` is its heading.
    pub fn page(&self, template: &str, session: Option<&Session>, values: Value) -> Response {
        self.page_with(StatusCode::OK, template, session, values)
    }

    /// What goes wrong, as a page.
    pub fn error(&self, error: &PageError, session: Option<&Session>) -> Response {
        let values = json!({"title": error.title(), "text": error.text, "command": error.command});
        self.page_with(error.status, "message.html", session, values)
    }

    fn page_with(&self, status: StatusCode, template: &str, session: Option<&Session>, values: Value) -> Response {
        let mut context = Context::new();
        for (name, value) in values.as_object().into_iter().flatten() {
            context.insert(name.clone(), value);
        }
        context.insert("assets", &*assets::VERSION);
        context.insert("form_token", &session.map(|session| session.form_token.reveal()));
        context.insert("section", values.get("section").and_then(Value::as_str).unwrap_or_default());
        match self.tera.render(template, &context) {
            Ok(text) => (status, Html(text)).into_response(),
            Err(error) => {
                tracing::error!(%error, template, "a page cannot be written");
                (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be written; look at the daemon's log\n").into_response()
            }
        }
    }
}

/// A text as one segment of a path, or one value of a query (RFC 3986, section 2.3).
#[allow(clippy::needless_pass_by_value, reason = "Tera's signature")]
fn segment(text: &str, _: Kwargs, _: &State<'_>) -> String {
    percent_encoded(text)
}

/// A text as one segment of a path, or one value of a query.
pub fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// What time it is, and on which clock people read it.
pub struct Now {
    at: Timestamp,
    zone: TimeZone,
}

/// A time as people read it.
#[derive(Debug, Serialize)]
pub struct Moment {
    /// For programs.
    iso: String,
    /// On the clock of the settings.
    clock: String,
    /// From now.
    ago: String,
}

impl Now {
    /// Now.
    pub const fn new(at: Timestamp, zone: TimeZone) -> Self {
        Self { at, zone }
    }

    /// A time, as seen from now.
    pub fn moment(&self, at: Timestamp) -> Moment {
        let seconds = self.at.duration_since(at).as_secs();
        let ago = match u64::try_from(seconds) {
            Ok(seconds) => words::ago(seconds),
            Err(_) => format!("in {}", words::lasted(seconds.unsigned_abs())),
        };
        Moment { iso: at.to_string(), clock: at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(), ago }
    }

    /// In seconds since 1970.
    pub fn second(&self) -> i64 {
        self.at.as_second()
    }

    /// The same moment as a timestamp.
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_compiles_and_escapes() {
        let look = Look::new().unwrap();
        assert!(look.tera.get_template_names().all(|name| name.ends_with(".html")));
    }

    #[test]
    fn names_are_one_segment() {
        assert_eq!(percent_encoded("a/../b?c#d%e f\u{e9}"), "a%2F..%2Fb%3Fc%23d%25e%20f%C3%A9");
    }

    #[test]
    fn times_are_read_at_a_glance() {
        let now = Now::new("2026-11-22T12:00:00Z".parse().unwrap(), TimeZone::UTC);
        let moment = now.moment("2026-11-22T11:58:30.5Z".parse().unwrap());
        assert_eq!((moment.clock.as_str(), moment.ago.as_str()), ("2026-11-22 11:58:30 UTC", "1 minute ago"));
        assert_eq!(now.moment("2026-11-22T14:00:00Z".parse().unwrap()).ago, "in 2 hours");
    }
}
