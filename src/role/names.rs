//! Names of variables across all roles: which exist, which existed, and which belong to components that no
//! role is for.

use std::collections::{HashMap, HashSet};

use super::fields::{Fields, list, text};
use super::library::Role;
use super::manifest::Rule;
use super::read::{pairs, texts};
use crate::diagnostic::Diagnostic;
use crate::inventory::{Node, Variable};

/// What is known about names of variables.
#[derive(Clone, Debug, Default)]
pub struct Names {
    known: HashSet<String>,
    renamed: HashMap<String, String>,
    removed: HashMap<String, String>,
    ignored: HashMap<String, String>,
    prefixes: Vec<(String, String)>,
    components: Vec<(String, String)>,
}

/// `roles/absent.yml`: the variables of what no role is for.
#[derive(Clone, Debug, Default)]
pub struct Absent {
    /// Pattern with a `*` at either end -> what it belongs to.
    components: Vec<(String, String)>,
    /// Old beginning of names -> new one.
    prefixes: Vec<(String, String)>,
    /// Old name -> new one.
    renamed: Vec<(String, String)>,
    /// Name -> what to do instead.
    removed: Vec<(String, String)>,
}

impl Absent {
    /// Reads the file.
    pub fn read(node: &Node) -> Result<Self, Diagnostic> {
        let mut fields = Fields::of(node)?;
        let absent = Self {
            components: texts(fields.optional("components"))?,
            prefixes: texts(fields.optional("prefixes"))?,
            renamed: texts(fields.optional("renamed"))?,
            removed: texts(fields.optional("removed"))?,
        };
        fields.finish()?;
        Ok(absent)
    }
}

/// A change of the playbook that its users have to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The version of the inventory's format that came with it, such as `v2026.04.02.0`.
    pub version: String,
    /// What changed, for people.
    pub summary: String,
    /// The roles that it touches.
    pub roles: Vec<String>,
}

impl Change {
    /// Reads `roles/changes.yml`.
    pub fn read_all(node: &Node) -> Result<Vec<Self>, Diagnostic> {
        let read = |node: &Node| {
            let mut fields = Fields::of(node)?;
            let change = Self {
                version: text(fields.required("version")?)?.to_owned(),
                summary: text(fields.required("summary")?)?.to_owned(),
                roles: fields.texts("roles")?,
            };
            fields.finish()?;
            Ok(change)
        };
        list(node)?.iter().map(read).collect()
    }
}

impl Names {
    /// Of all roles together.
    pub fn new(roles: &[Role], wiring: &[Variable], absent: Absent) -> Self {
        let mut names = Self { prefixes: absent.prefixes, components: absent.components, ..Self::default() };
        // The longest beginning says most.
        names.prefixes.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
        names.renamed.extend(absent.renamed);
        names.removed.extend(absent.removed);
        for role in roles {
            names.known.extend(role.documentation.keys().cloned());
            names.renamed.extend(role.manifest.renamed.iter().cloned());
            names.removed.extend(role.manifest.removed.iter().cloned());
            names.ignored.extend(role.manifest.ignored.iter().cloned());
            // What a rule is about has an answer, even without a default.
            names.known.extend(role.manifest.rules.iter().flat_map(Rule::variables).cloned());
        }
        names.known.extend(wiring.iter().map(|variable| variable.name.clone()));
        names
    }

    /// Whether a role has the variable.
    pub fn is_known(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    /// All variables of all roles.
    pub fn known(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.iter().map(String::as_str)
    }

    /// The present name of a variable that has another one by now.
    pub fn renamed(&self, name: &str) -> Option<String> {
        if self.is_known(name) {
            return None;
        }
        if let Some(new) = self.renamed.get(name) {
            return Some(new.clone());
        }
        let (old, new) = self.prefixes.iter().find(|(old, _)| name.starts_with(old.as_str()))?;
        let moved = format!("{new}{}", &name[old.len()..]);
        // A name that changed with its component may have changed again.
        let moved = self.renamed.get(&moved).cloned().unwrap_or(moved);
        (self.is_known(&moved) || self.component(&moved).is_some()).then_some(moved)
    }

    /// What to do in place of a variable that is gone.
    pub fn removed(&self, name: &str) -> Option<&str> {
        if self.is_known(name) {
            return None;
        }
        self.removed.get(name).map(String::as_str)
    }

    /// Why a variable of the playbook changes nothing here.
    pub fn ignored(&self, name: &str) -> Option<&str> {
        self.ignored.get(name).map(String::as_str)
    }

    /// The component that a variable belongs to which no role has.
    pub fn component(&self, name: &str) -> Option<&str> {
        let fits = |pattern: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
            (Some(end), None) => name.ends_with(end),
            (None, Some(start)) => name.starts_with(start),
            (None, None) => name == pattern,
        };
        self.components.iter().find(|(pattern, _)| fits(pattern)).map(|(_, component)| component.as_str())
    }
}

/// Whether a manifest contradicts itself about a name.
pub fn check_manifest(renamed: Option<&Node>, removed: Option<&Node>) -> Result<(), Diagnostic> {
    let removed = pairs(removed)?;
    for (old, new) in pairs(renamed)? {
        if removed.iter().any(|(name, _)| *name == old) {
            return Err(Diagnostic::error("H0347", format!("`{old}` is both renamed and removed"))
                .at(&new.span)
                .help("keep one of the two"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(left: &str, right: &str) -> (String, String) {
        (left.to_owned(), right.to_owned())
    }

    #[test]
    fn a_name_is_followed_to_its_present_one() {
        let absent = Absent {
            components: vec![pair("jitsi_*", "Jitsi"), pair("*_self_build", "building images")],
            prefixes: vec![pair("old_", "new_"), pair("old_jitsi_", "jitsi_")],
            renamed: vec![pair("new_b", "new_c"), pair("hostname", "new_a")],
            removed: vec![pair("gone", "nothing takes its place")],
        };
        let mut names = Names::new(&[], &[], absent);
        names.known.extend(["new_a".to_owned(), "new_c".to_owned()]);
        assert_eq!(names.renamed("hostname").as_deref(), Some("new_a"));
        assert_eq!(names.renamed("old_a").as_deref(), Some("new_a"));
        assert_eq!(names.renamed("old_b").as_deref(), Some("new_c"), "renamed twice");
        assert_eq!(names.renamed("old_jitsi_x").as_deref(), Some("jitsi_x"), "the longest beginning");
        assert_eq!(names.renamed("old_nothing"), None);
        assert_eq!(names.renamed("new_a"), None);
        assert_eq!(names.removed("gone"), Some("nothing takes its place"));
        assert_eq!(names.component("jitsi_x"), Some("Jitsi"));
        assert_eq!(names.component("x_self_build"), Some("building images"));
        assert_eq!(names.component("x_self_builder"), None);
    }
}
