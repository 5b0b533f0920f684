//! Turns a script into words for a process, and words into one line for a login shell.

use crate::diagnostic::{Error, Kind, Result};

use super::Exec;

/// Every script starts with this: messages in English, so that they can be read by us, and the
/// folders in which a login without a profile does not look.
const PREAMBLE: &str =
    "LC_ALL=C; PATH=\"$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"; export LC_ALL PATH; umask 022\n";

/// One word of POSIX shell that stands for exactly `text`, which holds no NUL.
pub fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A command line of quoted words.
pub(super) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// `sh -c SCRIPT sh ARGUMENTS...`.
pub(super) fn words(exec: &Exec<'_>) -> Result<Vec<String>> {
    if exec.script.contains('\0') || exec.arguments.iter().any(|argument| argument.contains('\0')) {
        return Err(Error::new(Kind::Usage, "a script's arguments cannot hold a NUL byte"));
    }
    let fixed = ["sh".to_owned(), "-c".to_owned(), format!("{PREAMBLE}{}", exec.script), "sh".to_owned()];
    Ok(fixed.into_iter().chain(exec.arguments.iter().map(|&argument| argument.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn through_sh(words: &[String]) -> Vec<u8> {
        let script = format!("printf '%s\\0' {}", line(words.iter().map(String::as_str)));
        Command::new("sh").arg("-c").arg(script).output().unwrap().stdout
    }

    #[test]
    fn quotes_only_where_needed() {
        assert_eq!(line(["systemctl", "restart", "a b", "", "it's"]), r"systemctl restart 'a b' '' 'it'\''s'");
        assert_eq!(quote("FOO=bar"), "'FOO=bar'");
        assert_eq!(quote("~/x"), "'~/x'");
    }

    #[test]
    fn a_nul_is_refused() {
        assert!(words(&Exec::new("true").arguments(&["a\0b"])).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sh_reads_back_what_was_quoted(words in prop::collection::vec("[^\0]{0,40}", 1..6)) {
            let expected: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).collect();
            prop_assert_eq!(through_sh(&words), expected);
        }
    }
}
