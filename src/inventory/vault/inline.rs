//! Single values of a YAML file that are vaults: `name: !vault |` and the lines below it.
//!
//! Works on the text, not on its meaning, so that comments and layout stay as they are.

use super::is_vault;
use crate::diagnostic::{Result, Span};

/// One `!vault` value in a text.
#[derive(Debug, PartialEq, Eq)]
pub struct InlineVault<'a> {
    /// The vault text, without its indentation.
    pub vault: String,
    /// What stands before the tag on its line.
    pub before: &'a str,
    /// How deep the vault text is indented.
    pub indent: &'a str,
    /// Where the tag stands.
    pub span: Span,
}

/// Whether a text holds values that are vaults.
pub fn holds_vaults(text: &str) -> bool {
    let mut found = false;
    // What replaces a value is thrown away, so the replacement cannot fail.
    let _ = replace(text, "", |_| {
        found = true;
        Ok(String::new())
    });
    found
}

/// The text with what `replacement` gives in the place of each `!vault` tag and the lines that belong to it.
///
/// # Errors
/// Those of `replacement`.
pub fn replace(text: &str, file: &str, mut replacement: impl FnMut(&InlineVault<'_>) -> Result<String>) -> Result<String> {
    let mut replaced = String::with_capacity(text.len());
    let mut lines = (1..).zip(text.split_inclusive('\n')).peekable();
    while let Some((number, line)) = lines.next() {
        let Some(at) = tag(line) else {
            replaced.push_str(line);
            continue;
        };
        let mut body: Vec<&str> = Vec::new();
        let mut indent = None;
        while let Some((_, next)) = lines.peek() {
            let depth = next.len() - next.trim_start_matches(' ').len();
            let belongs = match indent {
                None => depth > 0 && is_vault(next.trim()),
                Some(indent) => depth >= indent && !next.trim().is_empty() && next.trim().bytes().all(|byte| byte.is_ascii_hexdigit()),
            };
            if !belongs {
                break;
            }
            indent.get_or_insert(depth);
            body.push(next);
            lines.next();
        }
        let Some(indent) = indent else {
            replaced.push_str(line);
            continue;
        };
        let before = &line[..at];
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(0);
        let vault = body.iter().map(|line| line.trim()).fold(String::new(), |text, line| text + line + "\n");
        let inline =
            InlineVault { vault, before, indent: body.first().map_or("", |line| &line[..indent]), span: Span::new(file, number, column) };
        replaced.push_str(before);
        replaced.push_str(&replacement(&inline)?);
        // The last line of a file may have no end.
        if body.last().is_some_and(|last| last.ends_with('\n')) {
            replaced.push('\n');
        }
    }
    Ok(replaced)
}

/// Where `!vault |` stands at the end of a line that is no comment.
fn tag(line: &str) -> Option<usize> {
    let at = line.find("!vault")?;
    let behind = line[at + "!vault".len()..].trim();
    let block = matches!(behind, "|" | "|-" | "|+" | ">" | ">-" | ">+");
    let key = line[..at].trim_end();
    let begins = key.is_empty() || key.ends_with([':', '-']);
    (block && begins && !key.trim_start().starts_with('#')).then_some(at)
}

/// A vault text as the value of a key: the tag, and below it the lines, indented.
pub fn as_value(vault: &str, indent: &str) -> String {
    vault.lines().fold("!vault |".to_owned(), |text, line| text + "\n" + indent + line)
}

/// An open value as YAML: in double quotes, which can hold any text on one line.
pub fn as_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
