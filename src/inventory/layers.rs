//! Layers: where variables come from, and who wins.

use std::fmt;

use camino::Utf8Path;

use super::files;
use super::node::{Node, Value};
use super::vault::VaultPasswords;
use crate::diagnostic::{Diagnostic, Span};

/// What kind of source a layer is, from the lowest precedence to the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerKind {
    /// A role's `defaults.yml`.
    RoleDefaults,
    /// `roles/wiring.yml`, which connects roles.
    Wiring,
    /// The variables of a group in the hosts file: `all` first, then children over parents.
    GroupVarsInHosts,
    /// `group_vars/all`.
    GroupVarsAll,
    /// `group_vars/<group>`: children over parents.
    GroupVars,
    /// The variables on a host's line in the hosts file.
    HostVarsInHosts,
    /// `host_vars/<host>`.
    HostVars,
    /// `-e` on the command line.
    Extra,
    /// What a migration under way decides: the host remembers it.
    Migration,
}

impl LayerKind {
    /// Whether a user wrote it: not a role, not the wiring, not the host's facts.
    pub const fn is_users(self) -> bool {
        !matches!(self, Self::RoleDefaults | Self::Wiring | Self::Migration)
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoleDefaults => "role defaults",
            Self::Wiring => "wiring",
            Self::GroupVarsInHosts => "group vars in the hosts file",
            Self::GroupVarsAll => "group_vars/all",
            Self::GroupVars => "group_vars",
            Self::HostVarsInHosts => "host vars in the hosts file",
            Self::HostVars => "host_vars",
            Self::Extra => "extra vars",
            Self::Migration => "migration",
        })
    }
}

/// One source of variables. Later layers win over earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What kind of source.
    pub kind: LayerKind,
    /// Which one: a file's path, or the group's or host's name in the hosts file, or `-e`.
    pub name: String,
    /// No name stands twice.
    pub variables: Vec<Variable>,
}

/// One variable of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub name_span: Span,
    /// Its value, not yet evaluated.
    pub value: Node,
}

impl Variable {
    /// Sets a variable among others: the last one of a name counts.
    pub fn set(variables: &mut Vec<Self>, name: &str, name_span: &Span, value: Node) {
        let variable = Self { name: name.to_owned(), name_span: name_span.clone(), value };
        match variables.iter_mut().find(|other| other.name == name) {
            Some(other) => *other = variable,
            None => variables.push(variable),
        }
    }
}

/// Reads a file of variables. `None` where it is wrong; an empty file is an empty layer.
pub fn read(path: &Utf8Path, kind: LayerKind, vault: &VaultPasswords, findings: &mut Vec<Diagnostic>) -> Option<Layer> {
    let errors = findings.len();
    let variables = match files::read_yaml(path, vault, findings) {
        Some(node) => from_mapping(node, findings)?,
        None if findings.len() == errors => Vec::new(),
        None => return None,
    };
    Some(Layer { kind, name: path.to_string(), variables })
}

/// The variables of a file's top level. `None` where that is no mapping.
pub fn from_mapping(node: Node, findings: &mut Vec<Diagnostic>) -> Option<Vec<Variable>> {
    let kind = node.kind();
    let Value::Map(entries) = node.value else {
        findings.push(
            Diagnostic::error("H0126", format!("variables must be a mapping, not {kind}"))
                .at(&node.span)
                .help("write one variable a line: `name: value`"),
        );
        return None;
    };
    let mut variables = Vec::new();
    for (key, value) in entries {
        match key.as_text() {
            Some(name) => {
                check_name(name, &key.span, findings);
                variables.push(Variable { name: name.to_owned(), name_span: key.span, value });
            }
            None => findings.push(
                Diagnostic::warning("H0127", format!("a variable's name must be text, not {}; this one is ignored", key.kind()))
                    .at(&key.span)
                    .help("quote it if it is meant: `\"yes\": ...`"),
            ),
        }
    }
    Some(variables)
}

/// Warns of a name that no expression can use. Ansible takes such variables too.
pub fn check_name(name: &str, span: &Span, findings: &mut Vec<Diagnostic>) {
    let keyword = matches!(
        name,
        "and"
            | "else"
            | "for"
            | "if"
            | "in"
            | "is"
            | "import"
            | "not"
            | "or"
            | "include"
            | "extends"
            | "block"
            | "true"
            | "false"
            | "none"
            | "True"
            | "False"
            | "None"
    );
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if keyword || !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let fixed: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let warning = Diagnostic::warning("H0127", format!("`{name}` is no valid variable name")).at(span);
        findings.push(if starts_well && !keyword {
            warning.help(format!("names hold letters, digits and `_`: did you mean `{fixed}`?"))
        } else {
            warning.help("names begin with a letter or `_`, hold letters, digits and `_`, and are no keyword")
        });
    }
}
