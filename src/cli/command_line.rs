//! The words that the program was called with, as they may be written down.

use std::ffi::OsString;

use crate::role::Library;
use crate::secret::{REDACTED, sounds_secret};

/// The process's arguments.
#[allow(clippy::disallowed_methods, reason = "the one place where the command line is read")]
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// The words behind the program's name, without the values of further variables, unless a role knows a variable and
/// says that it is no secret.
pub fn shown(words: &[OsString], library: Option<&Library>) -> Vec<String> {
    let open = |name: &str| {
        let documentation = library.and_then(|library| library.documentation(name));
        !sounds_secret(name) && documentation.is_some_and(|documentation| !documentation.secret)
    };
    let mut shown = Vec::new();
    let mut words = words.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "--" {
            shown.push(word.into_owned());
            shown.extend(words.by_ref().map(std::borrow::Cow::into_owned));
            break;
        }
        if word == "-e" || word == "--extra-vars" {
            shown.push(word.into_owned());
            shown.extend(words.next().map(|value| variables(&value, &open)));
        } else if let Some(value) = word.strip_prefix("--extra-vars=") {
            shown.push(format!("--extra-vars={}", variables(value, &open)));
        } else if let Some(at) = short_option(&word) {
            // `-vea=1`: switches before it, the value behind it or in the next word.
            let (options, value) = word.split_at(at + 1);
            let value = if value.is_empty() { words.next() } else { Some(value.to_owned().into()) };
            let value = value.map(|value| variables(value.strip_prefix('=').unwrap_or(&value), &open)).unwrap_or_default();
            shown.push(options.to_owned());
            shown.push(value);
        } else {
            shown.push(word.into_owned());
        }
    }
    shown
}

/// Where the `e` of `-e` stands in a word of short options.
fn short_option(word: &str) -> Option<usize> {
    const SWITCHES: &str = "vkKJCDy";
    let options = word.strip_prefix('-').filter(|options| !options.starts_with('-'))?;
    let at = options.find('e')?;
    options[..at].chars().all(|option| SWITCHES.contains(option)).then_some(at + 1)
}

/// `name=value`, with the value where it may be seen. What is written in another way is not taken apart.
fn variables(text: &str, open: &dyn Fn(&str) -> bool) -> String {
    if text.starts_with('@') {
        return text.to_owned();
    }
    match text.split_once('=') {
        Some((name, _)) if name.is_empty() || !name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') => REDACTED.to_owned(),
        Some((name, value)) if open(name) && !value.contains(char::is_whitespace) => format!("{name}={value}"),
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => REDACTED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Source;

    #[test]
    fn values_stay_unseen_unless_a_role_says_that_they_are_no_secret() {
        let library = Library::load(Source::embedded()).unwrap();
        let call = |line: &str| {
            let words: Vec<OsString> = format!("homestead {line}").split(' ').map(OsString::from).collect();
            shown(&words, Some(&library)).join(" ")
        };
        assert_eq!(
            call("install-all -i hosts -e matrix_domain=example.com --extra-vars password=hunter2 -ex=hunter2 -vetoken=hunter2 --json"),
            "install-all -i hosts -e matrix_domain=example.com --extra-vars password=[redacted] -e x=[redacted] -ve token=[redacted] --json"
        );
        assert_eq!(call("plan --extra-vars={\"a\":\"hunter2\"} -e @vars.yml -e"), "plan --extra-vars=[redacted] -e @vars.yml -e");
        assert_eq!(call("plan -Kve a_b=c -e 'two"), "plan -Kve a_b=[redacted] -e [redacted]");
        // Two variables in one argument: the second could be anything.
        let words = ["homestead", "plan", "-e", "matrix_domain=example.com password=hunter2"].map(OsString::from);
        assert_eq!(shown(&words, Some(&library)), ["plan", "-e", "matrix_domain=[redacted]"]);
        assert_eq!(call("start-group -- -e x=1"), "start-group -- -e x=1");
    }
}
