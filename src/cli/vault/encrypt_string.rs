//! `vault encrypt-string`: single values, ready for a file of variables.

use std::io::{IsTerminal as _, Read as _};

use camino::Utf8PathBuf;
use clap::Args;

use super::super::vault_passwords::{self, Identities};
use super::encrypt::lock;
use super::{Exit, files, say};
use crate::cli::global::{self, GlobalArgs};
use crate::cli::prompt;
use crate::diagnostic::{Error, Kind, Result};
use crate::inventory::vault::inline;
use crate::report::Terminal;
use crate::secret::Secret;

/// How deep Ansible indents the lines of a value.
const INDENT: &str = "          ";

/// Encrypt single values for a file of variables
///
/// Without a string it asks for one, or reads standard input where that is no terminal. A string on the command line
/// stands in the shell's history and, while this runs, in the list of processes.
#[derive(Debug, Args)]
pub struct EncryptStringArgs {
    /// The strings; `-` for standard input
    strings: Vec<String>,
    /// The variable's name; several times for several strings, in their order
    #[arg(short, long, value_name = "NAME")]
    name: Vec<String>,
    /// The variable's name for what standard input holds
    #[arg(long, value_name = "NAME")]
    stdin_name: Option<String>,
    /// Ask for the string
    #[arg(short, long)]
    prompt: bool,
    /// Show the string while it is typed
    #[arg(long)]
    show_input: bool,
    /// Write the result there, `-` for standard output
    #[arg(long, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
    /// The vault id to encrypt with, where there are several
    #[arg(long, value_name = "LABEL")]
    encrypt_vault_id: Option<String>,
}

/// A value, its variable, and where it came from.
struct Value {
    name: Option<String>,
    text: Secret<Vec<u8>>,
    from: &'static str,
}

impl EncryptStringArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let identities = Identities::read(global, &global::environment())?;
        let identity = identities.to_encrypt_with(self.encrypt_vault_id.as_deref())?;
        let on_command_line = self.strings.iter().filter(|text| *text != "-").count();
        if self.name.len() > on_command_line.max(1) {
            return Err(Error::new(Kind::Usage, format!("there are more names than strings: {}", self.name.join(", "))));
        }
        let password = vault_passwords::to_lock(&identity, &identities)?;
        let values = self.values(terminal)?;
        if let Some(empty) = values.iter().find(|value| value.text.reveal().is_empty()) {
            return Err(Error::new(Kind::Usage, format!("the string from {} is empty, so it was not encrypted", empty.from)));
        }
        let mut result = String::new();
        for (number, value) in (1..).zip(&values) {
            if values.len() > 1 {
                let name = value.name.as_ref().map_or_else(String::new, |name| format!(" `{name}`"));
                say(terminal, &format!("# string {number}{name}, from {}", value.from));
            }
            let named = value.name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
            result.push_str(&format!("{named}{}\n", inline::as_value(&lock(&value.text, &password), INDENT)));
        }
        files::write_output(self.output.as_ref(), result.as_bytes())?;
        Ok(0)
    }

    /// In Ansible's order: asked for, from standard input, from the command line.
    fn values(&self, terminal: &Terminal) -> Result<Vec<Value>> {
        let words: Vec<&String> = self.strings.iter().filter(|text| *text != "-").collect();
        let input_named = self.strings.len() > words.len() || self.stdin_name.is_some();
        let none_named = words.is_empty() && !input_named;
        let prompt = self.prompt || none_named && std::io::stdin().is_terminal();
        if self.prompt && input_named {
            return Err(Error::new(Kind::Usage, "`--prompt` and standard input cannot both give the string"));
        }
        let mut names = self.name.iter().cloned();
        let mut values = Vec::new();
        if prompt {
            let name = match names.next() {
                Some(name) if words.is_empty() => Some(name),
                _ => Some(prompt::ask_shown("Variable name (enter for no name): ")?).filter(|name| !name.is_empty()),
            };
            let text = if self.show_input {
                Secret::new(prompt::ask_shown("String to encrypt: ")?)
            } else {
                prompt::ask_hidden_beside_input("String to encrypt (hidden): ")?
            };
            values.push(Value { name, text: Secret::new(text.into_inner().into_bytes()), from: "the question" });
        } else if input_named || none_named {
            if std::io::stdin().is_terminal() {
                say(terminal, "reading the string from standard input; Ctrl-D ends it, twice if its line has no end");
            }
            let mut text = Vec::new();
            let failed = |error: std::io::Error| Error::new(Kind::Usage, "cannot read standard input").caused_by(error);
            std::io::stdin().read_to_end(&mut text).map_err(failed)?;
            let name = self.stdin_name.clone().or_else(|| if words.is_empty() { names.next() } else { None });
            values.push(Value { name, text: Secret::new(text), from: "standard input" });
        }
        let mut names = self.name.iter().cloned();
        if !words.is_empty() && !self.name.is_empty() && words.len() > self.name.len() {
            say(terminal, "there are more strings than names: the last ones get none");
        }
        for word in words {
            values.push(Value { name: names.next(), text: Secret::new(word.clone().into_bytes()), from: "the command line" });
        }
        Ok(values)
    }
}
