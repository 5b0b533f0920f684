//! Who may open vaults: `LABEL@SOURCE`, as `--vault-id` takes it.

use std::fmt;

use camino::Utf8PathBuf;

use super::DEFAULT_ID;
use crate::diagnostic::{Error, Kind, Result};

/// A vault id and where its password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultIdentity {
    /// The label; none is Ansible's `default`.
    pub id: Option<String>,
    /// Where the password comes from.
    pub source: PasswordSource,
    /// Who says so, for messages: `--vault-id`, `ansible.cfg:3`.
    pub said_by: String,
}

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// A question that names the label.
    Prompt,
    /// The question of `--ask-vault-pass`.
    AskVaultPass,
    /// A file that holds it, or a program that prints it.
    File(Utf8PathBuf),
}

impl VaultIdentity {
    /// Reads `LABEL@SOURCE` or `SOURCE`, where a source is `prompt` or a path.
    ///
    /// # Errors
    /// [`Kind::Usage`]: the label cannot stand in a header, or there is no source.
    pub fn parse(text: &str, said_by: &str) -> Result<Self> {
        let (label, source) = text.split_once('@').unwrap_or(("", text));
        let wrong = |problem: &str| {
            Error::new(Kind::Usage, format!("{said_by}: `{text}` is no vault id: {problem}"))
                .hint("write it as `LABEL@FILE` or `LABEL@prompt`; the label may be left out")
        };
        check_label(label).map_err(|problem| wrong(&problem))?;
        let source = match source.trim() {
            "" => return Err(wrong("it has no source")),
            "prompt" => PasswordSource::Prompt,
            path => PasswordSource::File(Utf8PathBuf::from(path)),
        };
        Ok(Self { id: Some(label.to_owned()).filter(|id| !id.is_empty() && id != DEFAULT_ID), source, said_by: said_by.to_owned() })
    }

    /// A password file without a label.
    pub fn of_file(path: Utf8PathBuf, said_by: &str) -> Self {
        Self { id: None, source: PasswordSource::File(path), said_by: said_by.to_owned() }
    }

    /// The question of `--ask-vault-pass`.
    pub fn asked() -> Self {
        Self { id: None, source: PasswordSource::AskVaultPass, said_by: "--ask-vault-pass".to_owned() }
    }

    /// The label, as Ansible calls it.
    pub fn label(&self) -> &str {
        self.id.as_deref().unwrap_or(DEFAULT_ID)
    }
}

impl fmt::Display for VaultIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            PasswordSource::Prompt | PasswordSource::AskVaultPass => write!(f, "{}@prompt", self.label()),
            PasswordSource::File(path) => write!(f, "{}@{path}", self.label()),
        }
    }
}

/// Says what keeps a label out of a vault's header: that is one line of ASCII, parted by `;`.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub fn check_label(label: &str) -> Result<(), String> {
    let wrong = label.chars().find(|&character| character == ';' || !character.is_ascii_graphic() && character != ' ');
    match wrong {
        Some(character) => Err(format!("the label holds `{}`", character.escape_default())),
        None if label.trim() != label => Err("the label begins or ends with a space".to_owned()),
        None => Ok(()),
    }
}
