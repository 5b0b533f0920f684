//! Questions to the person at the terminal.

use std::io::IsTerminal;

use async_trait::async_trait;

use crate::diagnostic::{Error, Kind, Result};
use crate::host::Prompt;
use crate::report::aside;
use crate::secret::Secret;

/// Asks a question whose answer may be seen.
///
/// # Errors
/// The terminal is gone.
pub fn ask(question: &str) -> Result<String> {
    use std::io::Write as _;
    let failed = |error: std::io::Error| Error::new(Kind::Usage, "cannot read from the terminal").caused_by(error);
    std::io::stderr().write_all(question.as_bytes()).map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(failed)?;
    Ok(line.trim().to_owned())
}

/// Asks without showing the answer.
///
/// # Errors
/// There is no terminal.
pub fn ask_hidden(question: &str) -> Result<Secret<String>> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(Kind::Usage, format!("there is no terminal to ask: {}", question.trim_end().trim_end_matches(':')))
            .hint("run it in a terminal, or give the answer in the inventory"));
    }
    aside(|| rpassword::prompt_password(question))
        .map(Secret::new)
        .map_err(|error| Error::new(Kind::Usage, "cannot read from the terminal").caused_by(error))
}

/// The same where standard input may be something else than the terminal: data that is piped in.
///
/// # Errors
/// There is no terminal.
pub fn ask_hidden_beside_input(question: &str) -> Result<Secret<String>> {
    aside(|| rpassword::prompt_password(question)).map(Secret::new).map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => Error::new(Kind::Interrupted, "stopped at the question; nothing was changed"),
        _ => {
            Error::new(Kind::Usage, format!("there is no terminal to ask: {}", question.trim_end().trim_end_matches(':'))).caused_by(error)
        }
    })
}

/// Asks and shows the answer.
///
/// # Errors
/// There is no terminal.
pub fn ask_shown(question: &str) -> Result<String> {
    use std::io::{BufRead as _, Write as _};
    let failed = |error: std::io::Error| {
        Error::new(Kind::Usage, format!("there is no terminal to ask: {}", question.trim_end().trim_end_matches(':'))).caused_by(error)
    };
    let mut terminal = fs_err::OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(failed)?;
    terminal.write_all(question.as_bytes()).map_err(failed)?;
    let mut line = String::new();
    std::io::BufReader::new(terminal).read_line(&mut line).map_err(failed)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks for a yes; anything else is a no.
///
/// # Errors
/// There is no terminal.
pub fn confirm(question: &str) -> Result<bool> {
    yes_or_no(question, "`--yes` answers it beforehand")
}

/// The same about a plan.
///
/// # Errors
/// There is no terminal.
pub fn confirm_plan(question: &str) -> Result<bool> {
    yes_or_no(question, "leave out `--ask`, or keep the plan with `homestead plan --out FILE` and give it to `homestead apply`")
}

fn yes_or_no(question: &str, without_terminal: &str) -> Result<bool> {
    use std::io::Write as _;
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(Kind::Usage, "there is no terminal to ask for a confirmation; nothing was touched").hint(without_terminal));
    }
    let failed = |error: std::io::Error| Error::new(Kind::Usage, "cannot read from the terminal").caused_by(error);
    let line = aside(|| {
        std::io::stderr().write_all(format!("{question} [y/N] ").as_bytes())?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    })
    .map_err(failed)?;
    Ok(matches!(line.trim(), "y" | "yes"))
}

/// Asks for a word that nobody types by mistake.
///
/// # Errors
/// Something else was typed, of kind `Interrupted`; there is no terminal.
pub fn confirm_by_typing(question: &str, word: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(Kind::Usage, "there is no terminal to ask for a confirmation; nothing was touched")
            .hint("`--yes` answers it beforehand"));
    }
    if ask(&format!("{question}\nType `{word}` to go on: "))? == word {
        return Ok(());
    }
    Err(Error::new(Kind::Interrupted, "not confirmed; nothing was touched"))
}

/// The person at the terminal, when there is one.
pub struct TerminalPrompt;

#[async_trait]
impl Prompt for TerminalPrompt {
    async fn ask(&self, question: &str, echo: bool) -> Result<Option<Secret<String>>> {
        if !std::io::stdin().is_terminal() {
            return Ok(None);
        }
        let question = format!("{question} ");
        let failed = |error: std::io::Error| Error::new(Kind::Usage, "cannot read from the terminal").caused_by(error);
        let ask = move || {
            if echo {
                use std::io::Write as _;
                std::io::stderr().write_all(question.as_bytes())?;
                let mut line = String::new();
                std::io::stdin().read_line(&mut line)?;
                Ok(line.trim_end_matches(['\n', '\r']).to_owned())
            } else {
                rpassword::prompt_password(question)
            }
        };
        let answer = tokio::task::spawn_blocking(move || aside(ask)).await;
        let answer = answer.map_err(|error| Error::new(Kind::Usage, "the question was interrupted").caused_by(error))?;
        Ok(Some(Secret::new(answer.map_err(failed)?)))
    }
}
