//! Reads `ssh_config` files as far as provisioning needs them.
//!
//! The rules are those of `ssh_config(5)`: the first value wins, a block applies when its patterns
//! match the name as it was typed. `Match` knows `all`, `host`, `originalhost` and `user`; a block
//! with any other criterion (`exec`, `canonical`...) is passed over. The crate `russh-config` stops
//! at global options, tabs and `Include`, hence our own.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Error, Kind, Result};

const MAX_INCLUDE_DEPTH: u8 = 8;

/// The options that apply to one host.
#[derive(Clone, Debug, Default)]
pub(super) struct SshOptions {
    values: Vec<(String, String)>,
}

/// For whom files are read.
pub(super) struct Query<'a> {
    pub(super) host: &'a str,
    pub(super) user: &'a str,
    pub(super) home: Option<&'a Path>,
}

impl SshOptions {
    /// Options given by hand, then those of the files that exist, in order.
    pub(super) fn read(query: &Query<'_>, by_hand: &[(String, String)], files: &[PathBuf]) -> Result<Self> {
        let mut options = Self::default();
        for (key, value) in by_hand {
            options.values.push((key.to_lowercase(), unquote(value.trim()).to_owned()));
        }
        for file in files {
            options.read_file(query, file, 0)?;
        }
        Ok(options)
    }

    /// The value that wins.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Every value, for options that add up.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a yes/no option is on.
    pub(super) fn is_yes(&self, key: &str) -> bool {
        self.first(key).is_some_and(|value| value.eq_ignore_ascii_case("yes") || value.eq_ignore_ascii_case("true"))
    }

    fn read_file(&mut self, query: &Query<'_>, file: &Path, depth: u8) -> Result<()> {
        let text = match fs_err::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::new(Kind::Unreachable, "an ssh configuration file cannot be read").caused_by(error)),
        };
        self.read_text(query, &text, file.parent(), depth)
    }

    fn read_text(&mut self, query: &Query<'_>, text: &str, folder: Option<&Path>, depth: u8) -> Result<()> {
        let mut applies = true;
        for line in text.lines() {
            let Some((key, rest)) = split_line(line) else { continue };
            match key.as_str() {
                "host" => applies = matches_list(rest.split_whitespace().map(unquote), query.host),
                "match" => applies = self.matches_criteria(query, rest),
                "include" if applies && depth < MAX_INCLUDE_DEPTH => {
                    for pattern in rest.split_whitespace().map(unquote) {
                        for file in included(pattern, query.home, folder) {
                            self.read_file(query, &file, depth + 1)?;
                        }
                    }
                }
                _ if applies => self.values.push((key, unquote(rest).to_owned())),
                _ => {}
            }
        }
        Ok(())
    }

    fn matches_criteria(&self, query: &Query<'_>, criteria: &str) -> bool {
        let mut words = criteria.split_whitespace().map(unquote);
        while let Some(word) = words.next() {
            let (name, wanted) = word.strip_prefix('!').map_or((word, true), |name| (name, false));
            let found = match name.to_ascii_lowercase().as_str() {
                "all" => true,
                "host" => words.next().is_some_and(|list| matches_list(list.split(','), self.first("hostname").unwrap_or(query.host))),
                "originalhost" => words.next().is_some_and(|list| matches_list(list.split(','), query.host)),
                "user" => words.next().is_some_and(|list| matches_list(list.split(','), self.first("user").unwrap_or(query.user))),
                _ => return false,
            };
            if found != wanted {
                return false;
            }
        }
        true
    }
}

/// Keyword in lower case and the rest, which may follow an equals sign.
fn split_line(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
    (!rest.is_empty()).then(|| (key.to_lowercase(), rest))
}

fn unquote(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Files that an `Include` names; wildcards in the last part only.
fn included(pattern: &str, home: Option<&Path>, folder: Option<&Path>) -> Vec<PathBuf> {
    let path = expand_home(pattern, home);
    let path = match folder {
        Some(folder) if path.is_relative() => folder.join(path),
        _ => path,
    };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    if !name.contains(['*', '?']) {
        return vec![path];
    }
    let Some(entries) = path.parent().and_then(|parent| fs_err::read_dir(parent).ok()) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|entry| entry.file_name().and_then(|entry| entry.to_str()).is_some_and(|entry| wildcard(name, entry)))
        .collect();
    files.sort();
    files
}

/// `~` and `~/...` stand for the home directory.
pub(super) fn expand_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (home, path.strip_prefix('~')) {
        (Some(home), Some("")) => home.to_owned(),
        (Some(home), Some(rest)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

/// A list of patterns: one must match, and none that is negated with `!`.
pub(super) fn matches_list<'a>(patterns: impl Iterator<Item = &'a str>, name: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if wildcard(pattern, name) => return false,
            Some(_) => {}
            None => found |= wildcard(pattern, name),
        }
    }
    found
}

/// `*` is any text, `?` any one character; case does not matter, as in host names.
fn wildcard(pattern: &str, name: &str) -> bool {
    fn at(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skip| name.get(skip..).is_some_and(|name| at(rest, name))),
            Some((b'?', rest)) => name.split_first().is_some_and(|(_, name)| at(rest, name)),
            Some((byte, rest)) => name.split_first().is_some_and(|(first, name)| first.eq_ignore_ascii_case(byte) && at(rest, name)),
        }
    }
    at(pattern.as_bytes(), name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, host: &str) -> SshOptions {
        let mut options = SshOptions::default();
        let query = Query { host, user: "me", home: Some(Path::new("/home/me")) };
        options.read_text(&query, text, None, 0).unwrap();
        options
    }

    const CONFIG: &str = "
# Global options come first.
ServerAliveInterval = 5
IdentityFile\t~/.shared

Host matrix.example.com !never.example.com
\tHostName 192.0.2.7
  Port=2222
  IdentityFile \"~/.ssh/with space\"
  ProxyJump admin@bastion:2200

Match host 192.0.2.* user me
  User matched
Match exec \"true\"
  User never
Host *.example.com
  User later
  Port 1
";

    #[test]
    fn the_first_value_wins_and_identity_files_add_up() {
        let options = read(CONFIG, "matrix.example.com");
        assert_eq!(options.first("hostname"), Some("192.0.2.7"));
        assert_eq!(options.first("port"), Some("2222"));
        assert_eq!(options.first("user"), Some("matched"));
        assert_eq!(options.first("proxyjump"), Some("admin@bastion:2200"));
        assert_eq!(options.all("identityfile").collect::<Vec<_>>(), ["~/.shared", "~/.ssh/with space"]);
    }

    #[test]
    fn other_hosts_get_their_own() {
        let options = read(CONFIG, "other.example.com");
        assert_eq!((options.first("user"), options.first("port"), options.first("hostname")), (Some("later"), Some("1"), None));
        assert_eq!(read(CONFIG, "elsewhere").first("user"), None);
    }

    #[test]
    fn includes_are_read_in_place_with_wildcards() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("config.d")).unwrap();
        fs_err::write(folder.path().join("config.d/a.conf"), "Host here\n  User included\n").unwrap();
        fs_err::write(folder.path().join("config"), "Include config.d/*.conf\nUser after\n").unwrap();
        let query = Query { host: "here", user: "me", home: None };
        let options =
            SshOptions::read(&query, &[("Port".into(), "7".into())], &[folder.path().join("config"), folder.path().join("absent")])
                .unwrap();
        assert_eq!(options.first("user"), Some("included"));
        assert_eq!(options.first("port"), Some("7"));
    }

    #[test]
    fn negated_patterns_and_wildcards() {
        assert!(matches_list(["*.example.com", "!bad.*"].into_iter(), "good.example.com"));
        assert!(!matches_list(["*.example.com", "!bad.*"].into_iter(), "bad.example.com"));
        assert!(wildcard("h?st", "HOST") && !wildcard("h?st", "hoost"));
    }
}
