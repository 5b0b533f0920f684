//! Filters for paths and addresses of the web.

use super::{Filter, need_text};
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, items_of, text_of};
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "basename", run: |_, value, _| Ok(Value::from(split(need_text(&value, "basename")?).1)) },
    Filter { name: "dirname", run: |_, value, _| Ok(Value::from(split(need_text(&value, "dirname")?).0)) },
    Filter { name: "splitext", run: splitext },
    Filter { name: "path_join", run: path_join },
    Filter { name: "expanduser", run: expanduser },
    Filter { name: "expandvars", run: expandvars },
    Filter { name: "normpath", run: |_, value, _| Ok(Value::from(normalize(need_text(&value, "normpath")?))) },
    Filter { name: "realpath", run: realpath },
    Filter { name: "relpath", run: relpath },
    Filter { name: "commonpath", run: commonpath },
    Filter {
        name: "fileglob",
        run: |environment, value, _| {
            crate::vars::lookups::files::glob(environment, &text_of(&value)?)
                .map(|paths| Value::list(paths.into_iter().map(Value::from).collect()))
        },
    },
    Filter {
        name: "win_basename",
        run: |_, value, _| Ok(Value::from(need_text(&value, "win_basename")?.rsplit(['\\', '/']).next().unwrap_or_default())),
    },
    Filter { name: "win_dirname", run: |_, value, _| Ok(Value::from(win_dirname(need_text(&value, "win_dirname")?))) },
    Filter { name: "win_splitdrive", run: |_, value, _| Ok(win_splitdrive(need_text(&value, "win_splitdrive")?)) },
    Filter { name: "urlsplit", run: urlsplit },
];

/// The drive of a Windows path, and the rest.
fn drive(path: &str) -> (&str, &str) {
    match path.as_bytes() {
        [letter, b':', ..] if letter.is_ascii() => path.split_at(2),
        _ => ("", path),
    }
}

fn win_splitdrive(path: &str) -> Value {
    let (drive, rest) = drive(path);
    Value::tuple(vec![Value::from(drive), Value::from(rest)])
}

fn win_dirname(path: &str) -> String {
    let (drive, rest) = drive(path);
    let head = &rest[..rest.rfind(['\\', '/']).map_or(0, |at| at + 1)];
    let trimmed = head.trim_end_matches(['\\', '/']);
    [drive, if trimmed.is_empty() { head } else { trimmed }].concat()
}

/// The folder and the last part of a path.
fn split(path: &str) -> (&str, &str) {
    let Some(at) = path.rfind('/') else {
        return ("", path);
    };
    let (head, tail) = (&path[..=at], &path[at + 1..]);
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }, tail)
}

fn splitext(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let path = need_text(&value, "splitext")?;
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let dots = path[name..].len() - path[name..].trim_start_matches('.').len();
    let at = path[name + dots..].rfind('.').map_or(path.len(), |at| name + dots + at);
    Ok(Value::tuple(vec![Value::from(&path[..at]), Value::from(&path[at..])]))
}

/// Paths joined; an absolute one begins anew.
fn join(parts: &[String]) -> String {
    let mut out = String::new();
    for part in parts {
        if part.starts_with('/') {
            out.clear();
        } else if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(part);
    }
    out
}

fn path_join(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    match &value {
        Value::Map(_) => Err(Failure::failed("`path_join` needs text or a list")),
        Value::Text(_) => Ok(value),
        other => Ok(Value::from(join(
            &items_of(other)?.iter().map(|part| need_text(part, "path_join").map(str::to_owned)).collect::<Outcome<Vec<_>>>()?,
        ))),
    }
}

/// A path without `.`, `..` and double slashes.
fn normalize(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        // Two slashes, but not three, mean something to POSIX.
        (true, _) if path.starts_with("//") && !path.starts_with("///") => format!("//{joined}"),
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn expanduser(environment: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let path = need_text(&value, "expanduser")?.to_owned();
    let home = environment.engine.context.environment.get("HOME");
    Ok(Value::from(match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", home.trim_end_matches('/')),
        (Some(rest), _) => {
            let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            home_of(user).map_or_else(|| path.clone(), |home| format!("{}{rest}", home.trim_end_matches('/')))
        }
        _ => path,
    }))
}

/// The home of another user of this machine, as `/etc/passwd` has it.
fn home_of(user: &str) -> Option<String> {
    let users = fs_err::read_to_string("/etc/passwd").ok()?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&user))?;
    fields.get(5).map(|home| (*home).to_owned())
}

fn expandvars(environment: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let path = need_text(&value, "expandvars")?;
    let mut out = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, next) = match after.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some((name, next)) => (name, next),
            None => after.split_at(after.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(after.len())),
        };
        match environment.engine.context.environment.get(name) {
            Some(found) => out.push_str(found),
            None => out.push_str(&rest[at..rest.len() - next.len()]),
        }
        rest = next;
    }
    out.push_str(rest);
    Ok(Value::from(out))
}

fn absolute(environment: &Environment<'_>, path: &str) -> String {
    normalize(&join(&[environment.engine.context.base_directory.to_string(), path.to_owned()]))
}

fn realpath(environment: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let path = absolute(environment, need_text(&value, "realpath and relpath")?);
    let real = camino::Utf8Path::new(&path).canonicalize_utf8();
    Ok(Value::from(real.map_or(path, String::from)))
}

fn relpath(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let start = given.bind("relpath", ["start"])?.text(0, ".")?;
    let (path, start) = (absolute(environment, need_text(&value, "realpath and relpath")?), absolute(environment, &start));
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (parts(&path), parts(&start));
    let common = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let steps: Vec<&str> = std::iter::repeat_n("..", start.len() - common).chain(path[common..].iter().map(String::as_str)).collect();
    Ok(Value::from(if steps.is_empty() { ".".to_owned() } else { steps.join("/") }))
}

fn commonpath(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let paths = items_of(&value)?.iter().map(text_of).collect::<Outcome<Vec<_>>>()?;
    let Some(first) = paths.first() else {
        return Err(Failure::failed("`commonpath` needs at least one path"));
    };
    let is_absolute = first.starts_with('/');
    if paths.iter().any(|path| path.starts_with('/') != is_absolute) {
        return Err(Failure::failed("`commonpath` cannot mix absolute and relative paths"));
    }
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect::<Vec<_>>();
    let mut common = parts(first);
    for path in &paths {
        let shared = common.iter().zip(parts(path)).take_while(|(a, b)| *a == b).count();
        common.truncate(shared);
    }
    Ok(Value::from(format!("{}{}", if is_absolute { "/" } else { "" }, common.join("/"))))
}

fn urlsplit(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let query = given.bind("urlsplit", ["query", "alias"])?.text(0, "")?;
    // Python drops line breaks and tabs here.
    let url = need_text(&value, "urlsplit")?.replace(['\n', '\r', '\t'], "");
    let parts = UrlParts::of(&url);
    let text = |text: Option<&str>| text.map_or(Value::None, Value::from);
    let all = Value::map_of([
        ("fragment", Value::from(parts.fragment)),
        ("hostname", parts.host().map_or(Value::None, Value::from)),
        ("netloc", Value::from(parts.authority)),
        ("password", text(parts.password())),
        ("path", Value::from(parts.path)),
        ("port", parts.port()?.map_or(Value::None, Value::Int)),
        ("query", Value::from(parts.query)),
        ("scheme", Value::from(parts.scheme.to_lowercase())),
        ("username", text(parts.user())),
    ]);
    match (query.as_str(), &all) {
        ("", _) => Ok(all),
        (name, Value::Map(map)) => map.get_text(name).ok_or_else(|| Failure::failed(format!("an address has no part `{name}`"))),
        _ => Ok(all),
    }
}

/// The parts of an address, as Python's `urlsplit` finds them.
pub struct UrlParts<'a> {
    /// `https`
    pub scheme: &'a str,
    /// `user:password@host:port`
    pub authority: &'a str,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> UrlParts<'a> {
    /// Splits an address.
    pub fn of(url: &'a str) -> Self {
        let is_scheme = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        };
        let (scheme, rest) = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", url));
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Self { scheme, authority, path, query, fragment }
    }

    fn credentials(&self) -> Option<&'a str> {
        self.authority.rsplit_once('@').map(|(credentials, _)| credentials)
    }

    fn user(&self) -> Option<&'a str> {
        self.credentials().map(|credentials| credentials.split_once(':').map_or(credentials, |(user, _)| user))
    }

    fn password(&self) -> Option<&'a str> {
        self.credentials()?.split_once(':').map(|(_, password)| password)
    }

    fn host_and_port(&self) -> (&'a str, Option<&'a str>) {
        let place = self.authority.rsplit_once('@').map_or(self.authority, |(_, place)| place);
        if let Some((host, rest)) = place.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            return (host, rest.strip_prefix(':'));
        }
        place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)))
    }

    fn host(&self) -> Option<String> {
        let (host, _) = self.host_and_port();
        (!host.is_empty()).then(|| host.to_lowercase())
    }

    fn port(&self) -> Outcome<Option<i128>> {
        match self.host_and_port().1 {
            None | Some("") => Ok(None),
            Some(port) => port
                .parse::<u16>()
                .map(|port| Some(i128::from(port)))
                .map_err(|_| Failure::failed("the address has a port that is no number")),
        }
    }
}
