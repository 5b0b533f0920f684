//! A container as it can be tried before its unit runs it: the words of its `docker create`, and what its own
//! program can be asked about its configuration.

use super::evaluate::Evaluator;
use crate::diagnostic::Diagnostic;
use crate::role;

/// What can be tried of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// The image that it runs.
    pub image: String,
    /// Options of `docker create`, as words, without the container's name.
    pub options: Vec<String>,
    /// What follows the image, as words.
    pub command: Vec<String>,
    /// The networks that it joins.
    pub networks: Vec<String>,
    /// What the role mounts into it; what users mount stands in the options alone.
    pub mounts: Vec<TrialMount>,
    /// Programs that look at its configuration.
    pub checks: Vec<Check>,
}

/// A bind mount of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialMount {
    /// Path on the host.
    pub source: String,
    /// Path inside.
    pub target: String,
    /// What it may write is data; what it may only read is configuration.
    pub read_only: bool,
}

/// A program that looks at what a service is about to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The image that holds it.
    pub image: String,
    /// The program; the image's own entry point where absent.
    pub program: Option<String>,
    /// Its arguments.
    pub command: Vec<String>,
    /// In the service's network.
    pub network: bool,
    /// What it is about, for people: a path on the host, or words.
    pub about: String,
    /// What to do when it fails.
    pub hint: Option<String>,
}

/// Evaluates the checks of a container that runs `image`.
///
/// # Errors
/// An expression that fails or has the wrong type.
pub fn checks(entries: &[role::Check], image: &str, evaluator: &Evaluator<'_>) -> Result<Vec<Check>, Diagnostic> {
    let mut checks = Vec::new();
    for entry in entries {
        for evaluator in evaluator.repeated(&entry.repeat)? {
            let mut command = evaluator.texts(Some(&entry.command))?;
            for part in evaluator.texts(entry.unit_arguments.as_ref())? {
                // One that is not closed is refused where the unit is made.
                command.extend(words(&part).unwrap_or_default());
            }
            checks.push(Check {
                image: evaluator.optional_text(entry.image.as_ref())?.unwrap_or_else(|| image.to_owned()),
                program: evaluator.optional_text(entry.program.as_ref())?,
                command,
                network: evaluator.truth_or(entry.network.as_ref(), false)?,
                about: evaluator.text(&entry.about)?,
                hint: evaluator.optional_text(entry.hint.as_ref())?,
            });
        }
    }
    Ok(checks)
}

/// The words that systemd makes of a part of a unit's command line (systemd.service(5), "Command lines");
/// none where a quote is not closed. `%%` and `$$` stand for one character each.
pub fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    let mut quote = None;
    while let Some(character) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let text = word.get_or_insert_default();
        match character {
            '"' | '\'' if quote == Some(character) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(character),
            '\\' => match characters.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                's' => text.push(' '),
                other => text.push(other),
            },
            _ => text.push(character),
        }
    }
    words.extend(word);
    quote.is_none().then(|| words.into_iter().map(|word| word.replace("%%", "%").replace("$$", "$")).collect())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_those_that_systemd_reads() {
        let read = |text| words(text).unwrap();
        assert_eq!(read("--add-host a:b"), ["--add-host", "a:b"]);
        assert_eq!(read("--health-cmd='curl -f \"x\" || exit 1' --env=A=#b"), ["--health-cmd=curl -f \"x\" || exit 1", "--env=A=#b"]);
        assert_eq!(read(r#""a\"b\\c" """#), ["a\"b\\c", ""]);
        assert_eq!(read("--env=A=100%% --env=B=$$c"), ["--env=A=100%", "--env=B=$c"]);
        assert_eq!((words("'open"), words("end\\")), (None, None));
    }
}
