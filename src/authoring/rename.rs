//! New names of variables in a user's files. Only the names change: comments, layout and quotes stay.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use camino::Utf8PathBuf;

use crate::diagnostic::{Diagnostic, Error, Kind, Result, Span};
use crate::inventory::yaml::scalars::{Scalar, scalars};
use crate::inventory::{Inventory, VaultPasswords, vault, yaml};
use crate::role::Library;
use crate::vars::mentions;

/// A file that changes.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where.
    pub path: Utf8PathBuf,
    /// As it is.
    pub old: String,
    /// As it will be.
    pub new: String,
}

/// What can be done, and what is left to the user.
#[derive(Debug, Default)]
pub struct Fix {
    /// Files with their new text.
    pub changes: Vec<Change>,
    /// What stays, and why.
    pub left: Vec<Diagnostic>,
}

/// One file while it is looked at.
struct File {
    path: Utf8PathBuf,
    text: String,
    /// Whether it is a vault as a whole: it is looked into, and not changed.
    locked: bool,
    /// Names of variables with their bytes.
    names: Vec<(String, Range<usize>)>,
    /// Texts that may hold expressions.
    templates: Vec<Scalar>,
}

/// Finds everything that new names change in the files of an inventory.
///
/// # Errors
/// A file cannot be read.
pub fn fix(inventory: &Inventory, library: &Library, vault: &VaultPasswords) -> Result<Fix> {
    let mut fix = Fix::default();
    let mut files = Vec::new();
    for path in inventory.files() {
        let text =
            fs_err::read_to_string(&path).map_err(|error| Error::new(Kind::Usage, format!("cannot read `{path}`")).caused_by(error))?;
        if !vault::is_vault(&text) {
            files.push(read(path, text, inventory));
            continue;
        }
        let span = Span::whole(path.as_str());
        fix.left.push(Diagnostic::warning("H0360", "this file is encrypted, and is left alone").at(&span));
        let opened = vault.open(&text).map_err(|locked| Error::from(locked.diagnostic(&span)))?;
        files.push(File { locked: true, ..read(path, opened.into_inner(), inventory) });
    }
    let known = renamed(library, &files);
    let mut wanted: BTreeMap<&str, &str> = known.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
    for old in conflicts(&files, &wanted, &mut fix.left) {
        wanted.remove(old.as_str());
    }
    for file in files.iter().filter(|file| !file.locked) {
        let edits = file.edits(&wanted);
        if edits.is_empty() {
            continue;
        }
        let new = applied(&file.text, &edits);
        fix.changes.push(Change { path: file.path.clone(), old: file.text.clone(), new });
    }
    for file in &files {
        for (name, range) in &file.names {
            let Some(advice) = library.names.removed(name) else { continue };
            fix.left
                .push(Diagnostic::warning("H0361", format!("nothing reads `{name}` any more")).at(&file.span(range.start)).help(advice));
        }
    }
    Ok(fix)
}

/// Old names in the files, with the new ones: those that a role knows one by one, wherever they stand, and whole
/// families of names where a variable is set.
fn renamed(library: &Library, files: &[File]) -> BTreeMap<String, String> {
    let mentioned = library.renamed().filter(|(old, _)| files.iter().any(|file| file.mentions(old)));
    let mut renamed: BTreeMap<String, String> = mentioned.map(|(old, new)| (old.to_owned(), new.to_owned())).collect();
    for (name, _) in files.iter().flat_map(|file| &file.names) {
        if let Some(new) = library.names.renamed(name) {
            renamed.insert(name.clone(), new);
        }
    }
    renamed
}

fn read(path: Utf8PathBuf, text: String, inventory: &Inventory) -> File {
    let is_yaml = yaml::read(&text, path.as_str()).is_ok_and(|(node, _)| node.is_some_and(|node| node.kind() == "a mapping"));
    let hosts = inventory.is_hosts_file(&path);
    if is_yaml && !hosts {
        let (names, templates): (Vec<_>, Vec<_>) = scalars(&text).into_iter().partition(|scalar| scalar.names_variable);
        let names = names.into_iter().map(|scalar| (scalar.value, scalar.range)).collect();
        return File { path, text, locked: false, names, templates: templates.into_iter().filter(|scalar| scalar.is_template).collect() };
    }
    // A hosts file: its variables say where their names stand; its values are one line each.
    let names = inventory
        .hosts_file_variables(&path)
        .into_iter()
        .filter_map(|(name, span)| {
            let start = offset(&text, &span)?;
            Some((name, start..start + 1))
        })
        .collect();
    let mut templates = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.contains("{{") && !line.trim_start().starts_with(['#', ';']) {
            templates.push(Scalar { range: start..start + line.len(), value: line.to_owned(), names_variable: false, is_template: true });
        }
        start += line.len();
    }
    File { path, text, locked: false, names, templates }
}

fn offset(text: &str, span: &Span) -> Option<usize> {
    let line = usize::try_from(span.line).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(span.column).ok()?.checked_sub(1)?;
    let ahead: usize = text.get(start..)?.chars().take(column).map(char::len_utf8).sum();
    Some(start + ahead)
}

/// What must not be renamed, because nobody can tell what is meant; each is left to the user.
fn conflicts(files: &[File], wanted: &BTreeMap<&str, &str>, left: &mut Vec<Diagnostic>) -> BTreeSet<String> {
    let mut refused = BTreeSet::new();
    for (&old, &new) in wanted {
        let places = |name: &str| {
            files
                .iter()
                .flat_map(|file| file.names.iter().filter(|(found, _)| found == name).map(|(_, range)| file.span(range.start)))
                .collect::<Vec<_>>()
        };
        let rivals: Vec<&str> =
            wanted.iter().filter(|(other, target)| **target == new && **other != old).map(|(other, _)| *other).collect();
        let both = std::iter::once(new).chain(rivals).find(|name| !places(name).is_empty()).filter(|_| !places(old).is_empty());
        let why = match both {
            Some(other) => Some((
                format!("`{old}` and `{other}` are both set, and mean the same"),
                places(old).into_iter().next(),
                format!("keep one of them, under the name `{new}`"),
            )),
            None => files.iter().find_map(|file| {
                if file.locked && file.mentions(old) {
                    let help = "rename it by hand, in this file and where else it stands".to_owned();
                    return Some((format!("`{old}`, now called `{new}`, stands in an encrypted file too"), Some(file.span(0)), help));
                }
                let place = file.unclear(old)?;
                Some((
                    format!("`{old}`, now called `{new}`, cannot be told from another thing of that name here"),
                    Some(place),
                    "rename it by hand, here and where it is set".to_owned(),
                ))
            }),
        };
        if let Some((message, place, help)) = why {
            let finding = Diagnostic::warning("H0362", message).help(help);
            left.push(match place {
                Some(place) => finding.at(&place),
                None => finding,
            });
            refused.insert(old.to_owned());
        }
    }
    refused
}

impl File {
    fn span(&self, offset: usize) -> Span {
        if self.locked {
            // Places inside of a vault are of no use to anyone.
            return Span::whole(self.path.as_str());
        }
        let before = &self.text[..offset.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Span::new(self.path.as_str(), u32::try_from(line).unwrap_or(0), u32::try_from(column).unwrap_or(0))
    }

    fn mentions(&self, name: &str) -> bool {
        self.names.iter().any(|(found, _)| found == name)
            || self.templates.iter().any(|scalar| {
                let found = mentions(&scalar.value, name);
                found.unclear || !found.asked.is_empty()
            })
    }

    /// Where it cannot be told what a text means by a name.
    fn unclear(&self, name: &str) -> Option<Span> {
        self.templates.iter().find_map(|scalar| {
            let found = mentions(&scalar.value, name);
            let lost = !found.asked.is_empty() && self.written(scalar, name, &found.asked).is_none();
            (found.unclear || lost).then(|| self.span(scalar.range.start))
        })
    }

    /// Where in the file the places in a scalar's value stand: the n-th time that the name stands there as a word. None
    /// where quoting made more or fewer of them.
    fn written(&self, scalar: &Scalar, name: &str, asked: &[Range<usize>]) -> Option<Vec<Range<usize>>> {
        let raw = self.text.get(scalar.range.clone())?;
        let (inside, outside) = (words(&scalar.value, name), words(raw, name));
        if inside.len() != outside.len() {
            return None;
        }
        asked
            .iter()
            .map(|range| {
                let place = inside.iter().position(|start| *start == range.start)?;
                let start = scalar.range.start + outside.get(place)?;
                Some(start..start + name.len())
            })
            .collect()
    }

    fn edits(&self, wanted: &BTreeMap<&str, &str>) -> BTreeMap<usize, (usize, String)> {
        let mut edits = BTreeMap::new();
        for (&old, &new) in wanted {
            for (_, range) in self.names.iter().filter(|(found, _)| found == old) {
                // A quoted key begins with its quote.
                if let Some(ahead) = self.text.get(range.start..).and_then(|rest| rest.find(old)).filter(|ahead| *ahead <= 1) {
                    edits.insert(range.start + ahead, (old.len(), new.to_owned()));
                }
            }
            for scalar in &self.templates {
                let asked = mentions(&scalar.value, old).asked;
                for range in self.written(scalar, old, &asked).unwrap_or_default() {
                    edits.insert(range.start, (old.len(), new.to_owned()));
                }
            }
        }
        edits
    }
}

/// Where a name stands as a word.
fn words(text: &str, name: &str) -> Vec<usize> {
    let inside = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(name)
        .map(|(at, _)| at)
        .filter(|&at| !text[..at].ends_with(inside) && !text[at + name.len()..].starts_with(inside))
        .collect()
}

fn applied(text: &str, edits: &BTreeMap<usize, (usize, String)>) -> String {
    let mut new = text.to_owned();
    for (start, (length, name)) in edits.iter().rev() {
        new.replace_range(*start..start + length, name);
    }
    new
}
