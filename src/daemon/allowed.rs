//! Which commands the daemon runs for others. It runs as a user of its own, with its own inventory: what
//! reads or names files of the caller's choosing stays out.

/// The commands, and whether words may follow.
pub const COMMANDS: [(&str, bool); 11] = [
    ("install-all", false),
    ("setup-all", false),
    ("install-service", true),
    ("setup-service", true),
    ("run-tags", true),
    ("start-all", false),
    ("stop-all", false),
    ("restart-all", false),
    ("restart", true),
    ("start-group", true),
    ("stop-group", true),
];

/// Tags that need more than the daemon has, or ask.
const REFUSED_TAGS: [&str; 3] = ["register-user", "import-postgres", "syn2mas"];

/// Whether the daemon runs a command.
///
/// # Errors
/// Why not, in words.
pub fn check(words: &[String]) -> Result<(), String> {
    let Some((command, rest)) = words.split_first() else { return Err("`command` is empty".to_owned()) };
    let names = || COMMANDS.map(|(name, _)| format!("`{name}`")).join(", ");
    let Some((_, more)) = COMMANDS.iter().find(|(name, _)| name == command) else {
        return Err(format!("`{command}` is none of the commands that the daemon runs: {}", names()));
    };
    if !more && !rest.is_empty() {
        return Err(format!("`{command}` takes no words here"));
    }
    for word in rest {
        let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,@".contains(c)) && !word.starts_with('-');
        if !plain {
            return Err(format!("`{word}` is no plain name; options are not passed on"));
        }
        if let Some(tag) = REFUSED_TAGS.iter().find(|tag| word.split(',').any(|word| word == **tag)) {
            return Err(format!("`{tag}` needs somebody at a terminal: run it there"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    fn checked(text: &str) -> Result<(), String> {
        check(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn ordinary_commands_are_run() {
        for text in ["install-all", "run-tags restart-all,install-synapse", "stop-group synapse"] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let refused =
            ["", "vault view secrets.yml", "install-all extra", "run-tags -i", "run-tags ../x", "stop-group --yes", "run-tags a,syn2mas"];
        for text in refused {
            assert!(checked(text).is_err(), "{text}");
        }
        insta::assert_snapshot!(checked("run-tags -e@/etc/shadow").unwrap_err(), @"`-e@/etc/shadow` is no plain name; options are not passed on");
    }
}
