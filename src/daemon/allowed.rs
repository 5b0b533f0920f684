//! Which commands the daemon runs for others. It runs as a user of its own, with its own inventory: what
//! reads or names files of the caller's choosing stays out.

/// What may follow a command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Nothing.
    None,
    /// A word, or none.
    MayFollow,
    /// At least one word.
    Needed,
}

/// A command that the daemon runs.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What may follow.
    pub words: Words,
    /// Whether it only looks: its text is what it gives, and the host is as it was.
    pub looks: bool,
}

const fn does(name: &'static str, words: Words) -> Command {
    Command { name, words, looks: false }
}

const fn looks(name: &'static str) -> Command {
    Command { name, words: Words::None, looks: true }
}

/// All of them.
pub const COMMANDS: [Command; 15] = [
    does("install-all", Words::None),
    does("setup-all", Words::None),
    does("install-service", Words::Needed),
    does("setup-service", Words::Needed),
    does("run-tags", Words::Needed),
    does("start-all", Words::None),
    does("stop-all", Words::None),
    does("restart-all", Words::None),
    does("restart", Words::Needed),
    does("start-group", Words::Needed),
    does("stop-group", Words::Needed),
    does("rollback", Words::MayFollow),
    looks("plan"),
    looks("status"),
    looks("generations"),
];

/// The command of a line's first word.
pub fn command(words: &[String]) -> Option<&'static Command> {
    let name = words.first()?;
    COMMANDS.iter().find(|command| command.name == name)
}

/// Tags that need more than the daemon has, or ask.
const REFUSED_TAGS: [&str; 3] = ["register-user", "import-postgres", "syn2mas"];

/// Whether the daemon runs a command.
///
/// # Errors
/// Why not, in words.
pub fn check(words: &[String]) -> Result<(), String> {
    let Some((name, rest)) = words.split_first() else { return Err("`command` is empty".to_owned()) };
    let names = || COMMANDS.map(|command| format!("`{}`", command.name)).join(", ");
    let Some(command) = command(words) else {
        return Err(format!("`{name}` is none of the commands that the daemon runs: {}", names()));
    };
    match (command.words, rest) {
        (Words::None, [_, ..]) => return Err(format!("`{name}` takes no words here")),
        (Words::MayFollow, [_, _, ..]) => return Err(format!("`{name}` takes one word at most")),
        (Words::Needed, []) => return Err(format!("`{name}` needs a name: of roles, services, a group, or tags")),
        _ => {}
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
        for text in ["install-all", "run-tags restart-all,install-synapse", "stop-group synapse", "rollback", "rollback 3", "plan"] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let refused = [
            "",
            "vault view secrets.yml",
            "install-all extra",
            "restart",
            "rollback 1 2",
            "run-tags -i",
            "run-tags ../x",
            "stop-group --yes",
            "run-tags a,syn2mas",
        ];
        for text in refused {
            assert!(checked(text).is_err(), "{text}");
        }
        insta::assert_snapshot!(checked("run-tags -e@/etc/shadow").unwrap_err(), @"`-e@/etc/shadow` is no plain name; options are not passed on");
    }
}
