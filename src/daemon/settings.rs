//! `daemon.toml`: what the daemon may do to which host, where it keeps its records, whom it tells.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};

use super::window::Window;
use crate::diagnostic::{Diagnostic, Error, Result, Span};

/// How far the daemon goes by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// It says what moved.
    #[default]
    Report,
    /// It also puts back what moved on the host.
    Heal,
    /// It also rolls out what changed in the inventory.
    Apply,
}

/// The daemon's settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// For every host.
    pub defaults: HostSettings,
    /// For a host by its inventory name, over the defaults.
    pub hosts: BTreeMap<String, HostSettings>,
    /// The clocks of the maintenance windows, such as `Europe/Berlin`; the machine's own where absent.
    pub time_zone: Option<String>,
    /// How many hosts at once.
    pub forks: Option<usize>,
    /// Where it listens.
    pub api: Api,
    /// What it remembers.
    pub store: Store,
    /// Whom it tells.
    pub notify: Notify,
}

/// What concerns one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSettings {
    /// How far the daemon goes by itself; `report` where nothing says it.
    pub policy: Option<Policy>,
    /// How often it looks; 15 minutes where nothing says it.
    #[serde(deserialize_with = "interval")]
    pub interval: Option<Duration>,
    /// When it may change the host by itself; always where there is none.
    pub windows: Option<Vec<Window>>,
}

/// Where the daemon listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// The socket for whoever may open it.
    pub socket: Option<Utf8PathBuf>,
    /// A loopback address, for programs with the token.
    pub listen: Option<SocketAddr>,
    /// The file with the token that programs need over TCP; nobody else may read it.
    pub token_file: Option<Utf8PathBuf>,
}

/// What the daemon remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The database's file.
    pub path: Option<Utf8PathBuf>,
    /// For how many days runs are kept; 90 where nothing says it.
    pub keep_days: Option<u32>,
}

/// Whom the daemon tells when drift appears, a run fails, or a certificate nears its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Takes a JSON document by POST.
    pub webhook: Option<String>,
    /// The file with a token that goes with it as `Authorization: Bearer`.
    pub webhook_token_file: Option<Utf8PathBuf>,
    /// A Matrix room.
    pub matrix: Option<MatrixRoom>,
    /// How long before the end of a certificate to say so; 14 days where nothing says it.
    #[serde(deserialize_with = "interval")]
    pub certificate_before: Option<Duration>,
}

/// A Matrix room to write to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixRoom {
    /// `https://matrix.example.com`; better not the server that is watched.
    pub homeserver: String,
    /// `!id:example.com`; the account is a member.
    pub room: String,
    /// The file with the account's access token.
    pub token_file: Utf8PathBuf,
}

/// Shorter would not let a look end before the next begins.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);
const USUAL_INTERVAL: Duration = Duration::from_mins(15);

impl Settings {
    /// Reads the settings' text; `path` is for messages.
    ///
    /// # Errors
    /// Kind `Invalid`, with the place of the mistake.
    pub fn parse(path: &Utf8Path, text: &str) -> Result<Self> {
        let settings: Self = toml::from_str(text).map_err(|error| {
            let span = error.span().map_or_else(|| Span::whole(path.as_str()), |range| place(path, text, range.start));
            let message = error.message().trim().replace('\n', "; ");
            Error::invalid(vec![Diagnostic::error("H0900", message).at(&span).help("docs/daemon.md lists the settings")])
        })?;
        settings.check(path, text)?;
        Ok(settings)
    }

    fn check(&self, path: &Utf8Path, text: &str) -> Result<()> {
        let mut findings = Vec::new();
        let mut finding = |key: &str, message: String, help: &str| {
            let start = text.lines().position(|line| line.trim_start().starts_with(key));
            let line = start.and_then(|line| u32::try_from(line + 1).ok()).unwrap_or_default();
            findings.push(Diagnostic::error("H0901", message).at(&Span::new(path.as_str(), line, u32::from(line > 0))).help(help));
        };
        if let Err(error) = self.zone() {
            finding("time_zone", error.message, "write a name such as `Europe/Berlin`, or leave it out for the machine's own");
        }
        if let Some(address) = self.api.listen {
            if !address.ip().is_loopback() {
                finding(
                    "listen",
                    format!("`{address}` is no loopback address"),
                    "listen on `127.0.0.1:PORT`, and let a reverse proxy or an SSH tunnel lead there",
                );
            }
            if self.api.token_file.is_none() {
                finding(
                    "listen",
                    "`listen` needs a `token_file`".to_owned(),
                    "make one with `openssl rand -hex 32`, readable for the daemon alone",
                );
            }
        }
        if findings.is_empty() { Ok(()) } else { Err(Error::invalid(findings)) }
    }

    /// The time zone of the maintenance windows.
    ///
    /// # Errors
    /// Its name is unknown on this machine.
    pub fn zone(&self) -> Result<TimeZone> {
        match &self.time_zone {
            None => Ok(TimeZone::system()),
            Some(name) => TimeZone::get(name)
                .map_err(|_| Error::new(crate::diagnostic::Kind::Invalid, format!("`{name}` is no time zone that this machine knows"))),
        }
    }

    /// How far the daemon goes with a host.
    pub fn policy(&self, host: &str) -> Policy {
        self.own(host, |settings| settings.policy).unwrap_or_default()
    }

    /// How often it looks at a host.
    pub fn interval(&self, host: &str) -> Duration {
        self.own(host, |settings| settings.interval).unwrap_or(USUAL_INTERVAL)
    }

    /// When it may change a host by itself; always where there is none.
    pub fn windows(&self, host: &str) -> Vec<Window> {
        self.own(host, |settings| settings.windows.clone()).unwrap_or_default()
    }

    fn own<T>(&self, host: &str, get: impl Fn(&HostSettings) -> Option<T>) -> Option<T> {
        self.hosts.get(host).and_then(&get).or_else(|| get(&self.defaults))
    }
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = humantime::parse_duration(&text)
        .map_err(|_| serde::de::Error::custom(format!("`{text}` is no duration such as `15m` or `1h 30m`")))?;
    if duration < SHORTEST_INTERVAL {
        return Err(serde::de::Error::custom(format!("`{text}` is shorter than 10 s")));
    }
    Ok(Some(duration))
}

/// Line and column of a byte.
fn place(path: &Utf8Path, text: &str, byte: usize) -> Span {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Span::new(path.as_str(), u32::try_from(line).unwrap_or(0), u32::try_from(column).unwrap_or(0))
}

#[cfg(test)]
mod tests;
