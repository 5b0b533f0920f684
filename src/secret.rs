//! Values that are never printed.

use std::fmt;

/// What stands in the place of a secret wherever one would be shown.
pub const REDACTED: &str = "[redacted]";

/// A value that `Debug` and `Display` do not show.
///
/// It has no `serde::Serialize` on purpose: whoever writes one out must call [`Secret::reveal`].
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each call is a place to look at in a review.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Gives the value away.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Whether a name says that its value is a secret. A setting about a secret (`..._file`, `..._enabled`) is
/// none.
pub fn sounds_secret(name: &str) -> bool {
    const WORDS: [&str; 14] = [
        "secret",
        "password",
        "passwd",
        "passphrase",
        "token",
        "pepper",
        "private_key",
        "secret_key",
        "encryption",
        "credential",
        "_pass",
        "api_key",
        "api_hash",
        "access_key",
    ];
    const SETTINGS: [&str; 5] = ["_enabled", "_file", "_path", "_endpoint", "_scheme"];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word)) && !SETTINGS.iter().any(|ending| name.ends_with(ending))
}

/// A file of variables as it may be shown beside a finding: what stands under names that sound secret is
/// taken out, and under those that `is_secret` knows; lines and columns of the rest stay.
pub fn presentable(text: &str, is_secret: &dyn Fn(&str) -> bool) -> String {
    let hidden = |name: &str| sounds_secret(name) || is_secret(name);
    let mut hidden_below: Option<usize> = None;
    // Whether the names of a mapping that is hidden by what a role says may be seen, without their values.
    let mut names_visible = false;
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let indent = line.len() - line.trim_start().len();
        if hidden_below.is_some_and(|parent| indent > parent || line.trim().is_empty()) {
            shown.push_str(&line[..indent]);
            match own_key(line.trim_start()).filter(|_| names_visible) {
                Some(key) => {
                    shown.push_str(key);
                    let value = line[indent + key.len()..].trim();
                    shown.push_str(&if value.is_empty() { String::new() } else { format!(" {REDACTED}") });
                }
                None => shown.push_str(if line.trim().is_empty() { "" } else { REDACTED }),
            }
        } else {
            hidden_below = None;
            let entry = line.trim_start().trim_start_matches("- ");
            let key = entry.split([':', '=']).next().unwrap_or_default().trim_matches(['"', '\'', ' ']);
            match line.find(':') {
                Some(colon) if hidden(key) && !key.contains(char::is_whitespace) => {
                    // A list's dash belongs to the indentation of what follows it.
                    hidden_below = Some(line.len() - entry.len());
                    names_visible = line[colon + 1..].trim().is_empty() && !sounds_secret(key);
                    shown.push_str(&line[..=colon]);
                    match line[colon + 1..].trim() {
                        "" => {}
                        // That there is nothing may be what is wrong, and a yes or no is no secret.
                        "''" | "\"\"" | "true" | "false" => shown.push_str(&line[colon + 1..]),
                        _ => {
                            shown.push(' ');
                            shown.push_str(REDACTED);
                        }
                    }
                }
                _ => shown.push_str(&without_inline_secrets(line, &hidden)),
            }
        }
        shown.push_str(end);
    }
    shown
}

/// The name, with its colon, of an entry of a mapping.
fn own_key(entry: &str) -> Option<&str> {
    let (name, rest) = entry.split_once(':')?;
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let name_like = !name.is_empty() && name.len() < 64 && name.chars().all(plain) && (rest.is_empty() || rest.starts_with(' '));
    name_like.then(|| &entry[..=name.len()])
}

/// `name=value` words of a hosts file, and `{name: value}` within a line: there the rest of the line goes,
/// because a value may hold anything.
fn without_inline_secrets(line: &str, hidden: &dyn Fn(&str) -> bool) -> String {
    let mut shown = String::with_capacity(line.len());
    for word in line.split_inclusive(char::is_whitespace) {
        let (name, separator) = word.find([':', '=']).map_or((word, ""), |at| (&word[..at], &word[at..=at]));
        if separator.is_empty() || !hidden(name.trim_matches(['{', '[', '"', '\''])) {
            shown.push_str(word);
            continue;
        }
        if separator == ":" {
            return format!("{shown}{name}: {REDACTED}");
        }
        shown.push_str(&format!("{name}={REDACTED}{}", if word.ends_with(' ') { " " } else { "" }));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presentable(text: &str) -> String {
        super::presentable(text, &|name| name == "traefik_environment_variables")
    }

    #[test]
    fn a_file_beside_a_finding_shows_no_secret() {
        let text = "---\nmatrix_domain: example.com\nmy_password: 'hunter2'\nmatrix_homeserver_generic_secret_key: |\n  hunter2\n\n  more hunter2\na:\n  - client_secret: hunter2\n    b: c\n";
        let shown = presentable(text);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(shown.lines().count(), text.lines().count());
        assert!(shown.contains("matrix_domain: example.com\nmy_password: [redacted]\n") && shown.contains("    b: c\n"), "{shown}");
        assert_eq!(presentable("host ansible_password=hunter2 ansible_port=22\n"), "host ansible_password=[redacted] ansible_port=22\n");
        assert_eq!(
            presentable("users: [{name: a, initial_password: 'hunter2 x', b: c}]\nd: e\n"),
            "users: [{name: a, initial_password: [redacted]\nd: e\n"
        );
        assert_eq!(presentable("a: {\"token\":\"hunter2\"}\n"), "a: {\"token\": [redacted]\n");
        assert_eq!(
            presentable("traefik_environment_variables: |\n  A=hunter2\n  B=hunter2\ntraefik_environment_variables_x: b\n"),
            "traefik_environment_variables: [redacted]\n  [redacted]\n  [redacted]\ntraefik_environment_variables_x: b\n"
        );
        assert_eq!(
            presentable("traefik_environment_variables:\n  a: hunter2\n  b:\n    - hunter2\n    c: d\nmy_password:\n  a: hunter2\n"),
            "traefik_environment_variables:\n  a: [redacted]\n  b:\n    [redacted]\n    c: [redacted]\nmy_password:\n  [redacted]\n"
        );
        assert_eq!(presentable("secret_path: /x\npassword_config_enabled: true\n"), "secret_path: /x\npassword_config_enabled: true\n");
    }

    #[test]
    fn a_secret_shows_in_no_format() {
        let secret = Secret::new("hunter2".to_owned());
        for shown in [format!("{secret}"), format!("{secret:?}"), format!("{secret:#?}")] {
            assert_eq!(shown, REDACTED);
        }
        assert_eq!(secret.reveal(), "hunter2");
    }
}
