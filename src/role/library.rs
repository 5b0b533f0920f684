//! All roles, read: manifests, defaults, documentation, wiring.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use super::documentation::Documentation;
use super::infer;
use super::manifest::Manifest;
use super::names::{Absent, Change, Names};
use super::shape;
use super::source::Source;
use super::types::Type;
use super::{parts, read};
use crate::diagnostic::{Diagnostic, Error, Result, Span};
use crate::inventory::{Layer, LayerKind, Node, Variable, yaml};

/// One component.
#[derive(Clone, Debug)]
pub struct Role {
    /// What it wants.
    pub manifest: Manifest,
    /// Its variables and their defaults, in the order of the file.
    pub defaults: Vec<Variable>,
    /// What its variables are for.
    pub documentation: BTreeMap<String, Documentation>,
}

/// Every role that there is.
#[derive(Clone, Debug)]
pub struct Library {
    /// In an order that puts a role behind the ones that it requires.
    pub roles: Vec<Role>,
    /// What connects roles.
    pub wiring: Vec<Variable>,
    /// Which variables there are and were.
    pub names: Names,
    /// What changed in the playbook and needs a look, the oldest first.
    pub changes: Vec<Change>,
    /// The words of all texts, when something asked for them.
    words: OnceLock<HashSet<String>>,
    source: Source,
}

impl Library {
    /// Reads every role of a source.
    ///
    /// # Errors
    /// All that is wrong with any of them, together.
    pub fn load(source: Source) -> Result<Self> {
        let mut problems = Vec::new();
        let mut roles = Vec::new();
        for name in source.roles() {
            match role(&source, &name) {
                Ok(role) => roles.push(role),
                Err(problem) => problems.push(problem),
            }
        }
        let wiring = shared(&source, "wiring.yml", &mut problems, |path, text| Ok(variables(path, text)?.0));
        let absent = shared(&source, "absent.yml", &mut problems, |path, text| Absent::read(&parse(path, text)?));
        let changes = shared(&source, "changes.yml", &mut problems, |path, text| Change::read_all(&parse(path, text)?));
        if !problems.is_empty() {
            return Err(Error::roles(problems));
        }
        infer_types(&mut roles, &wiring);
        let names = Names::new(&roles, &wiring, absent);
        Ok(Self { roles: ordered(roles), wiring, names, changes, words: OnceLock::new(), source })
    }

    /// A role by name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.manifest.name == name)
    }

    /// A file under `templates/`, by its path below that folder.
    pub fn template(&self, path: &str) -> Option<&str> {
        self.source.get(&format!("templates/{path}"))
    }

    /// The defaults of every role and the wiring, low to high.
    pub fn layers(&self) -> Vec<Layer> {
        let defaults = self.roles.iter().map(|role| Layer {
            kind: LayerKind::RoleDefaults,
            name: role.manifest.name.clone(),
            variables: role.defaults.clone(),
        });
        let wiring = Layer { kind: LayerKind::Wiring, name: "wiring".to_owned(), variables: self.wiring.clone() };
        defaults.chain([wiring]).collect()
    }

    /// The names of the variables that are documented as secret.
    pub fn secret_names(&self) -> BTreeSet<String> {
        let documented = self.roles.iter().flat_map(|role| role.documentation.iter());
        documented.filter(|(_, documentation)| documentation.secret).map(|(name, _)| name.clone()).collect()
    }

    /// What is known about a variable.
    pub fn documentation(&self, name: &str) -> Option<&Documentation> {
        self.roles.iter().find_map(|role| role.documentation.get(name))
    }

    /// Old variable names with the new ones, of every role.
    pub fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.roles.iter().flat_map(|role| &role.manifest.renamed).map(|(old, new)| (old.as_str(), new.as_str()))
    }

    /// Variables of the playbook that change nothing here, with the reason, of every role.
    pub fn ignored(&self) -> impl Iterator<Item = (&str, &str)> {
        self.roles.iter().flat_map(|role| &role.manifest.ignored).map(|(name, reason)| (name.as_str(), reason.as_str()))
    }

    /// Whether a role or the wiring has a variable of that name, or says what to do about it.
    pub fn knows(&self, name: &str) -> bool {
        let names = &self.names;
        names.is_known(name) || names.ignored(name).is_some() || names.removed(name).is_some() || names.renamed(name).is_some()
    }

    /// Names of variables that nothing reads any more, with the reason, of every role.
    pub fn removed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.roles.iter().flat_map(|role| &role.manifest.removed).map(|(name, reason)| (name.as_str(), reason.as_str()))
    }

    /// Whether a variable is documented as secret, under its present name or an old one. Those of components that
    /// no role is for may hold anything, so they count as secret, too.
    pub fn is_secret(&self, name: &str) -> bool {
        let secret =
            |name: &str| self.roles.iter().any(|role| role.documentation.get(name).is_some_and(|documentation| documentation.secret));
        let foreign = || !self.names.is_known(name) && self.names.component(name).is_some();
        secret(name) || foreign() || self.names.renamed(name).is_some_and(|name| secret(&name))
    }

    /// The text of a file that is built in, by the name that messages give it.
    pub fn built_in(&self, file: &str) -> Option<&str> {
        self.source.get(file).filter(|_| self.source.shown(file) == file)
    }

    /// Whether a place is in one of these roles and templates, not in what a user wrote.
    pub fn holds(&self, span: &Span) -> bool {
        self.source.shows(&span.file)
    }

    /// Whether a text of a role or template names a variable.
    pub fn mention(&self, name: &str) -> bool {
        self.words.get_or_init(|| self.source.iter().flat_map(|(_, text)| words(text)).map(str::to_owned).collect()).contains(name)
    }
}

/// Takes from expressions what neither comments nor literal defaults tell.
fn infer_types(roles: &mut [Role], wiring: &[Variable]) {
    let documented = roles.iter().flat_map(|role| &role.documentation);
    let mut known: HashMap<String, Vec<Type>> = documented.map(|(name, words)| (name.clone(), words.types.clone())).collect();
    let defaults = roles.iter().flat_map(|role| &role.defaults);
    let definitions: Vec<_> = defaults.chain(wiring).map(|variable| (variable.name.as_str(), &variable.value)).collect();
    infer::complete(&mut known, &definitions);
    for (name, words) in roles.iter_mut().flat_map(|role| &mut role.documentation) {
        if let Some(types) = known.remove(name) {
            words.types = types;
        }
    }
}

/// A file of `roles/` that belongs to no role; as good as empty where it is absent or wrong.
fn shared<T: Default>(
    source: &Source,
    name: &str,
    problems: &mut Vec<Diagnostic>,
    read: impl FnOnce(&str, &str) -> Result<T, Diagnostic>,
) -> T {
    let path = format!("roles/{name}");
    let Some(text) = source.get(&path) else { return T::default() };
    read(&source.shown(&path), text).unwrap_or_else(|problem| {
        problems.push(problem);
        T::default()
    })
}

fn role(source: &Source, name: &str) -> Result<Role, Diagnostic> {
    let path = format!("roles/{name}/role.yml");
    let mut node = parse(&source.shown(&path), source.get(&path).unwrap_or_default())?;
    for path in source.parts(&path) {
        parts::append(&mut node, parse(&source.shown(path), source.get(path).unwrap_or_default())?)?;
    }
    let mut manifest = read::manifest(&node)?;
    for rule in &mut manifest.shapes {
        let path = format!("roles/{name}/{}", rule.file);
        let Some(text) = source.get(&path) else {
            return Err(Diagnostic::error("H0354", format!("there is no file `{}`", source.shown(&path))).at(&rule.span));
        };
        rule.shape = shape::read(&parse(&source.shown(&path), text)?)?;
    }
    if manifest.name != name {
        return Err(
            Diagnostic::error("H0306", format!("the role in `{}` calls itself `{}`", source.shown(&path), manifest.name)).at(&node.span)
        );
    }
    let path = format!("roles/{name}/defaults.yml");
    let (mut defaults, mut documentation) = variables(&source.shown(&path), source.get(&path).unwrap_or_default())?;
    for path in source.parts(&path) {
        let (more, documented) = variables(&source.shown(path), source.get(path).unwrap_or_default())?;
        if let Some(twice) = more.iter().find(|variable| documentation.contains_key(&variable.name)) {
            return Err(
                Diagnostic::error("H0319", format!("`{}` has a default in another part of the role", twice.name)).at(&twice.name_span)
            );
        }
        defaults.extend(more);
        documentation.extend(documented);
    }
    Ok(Role { manifest, defaults, documentation })
}

fn parse(path: &str, text: &str) -> Result<Node, Diagnostic> {
    let (node, mut warnings) = yaml::read(text, path)?;
    // A role is ours: what a user is only warned of is an error here.
    if let Some(mut warning) = warnings.pop() {
        warning.severity = crate::diagnostic::Severity::Error;
        return Err(warning);
    }
    Ok(node.unwrap_or_else(|| Node::new(crate::inventory::Value::Null, crate::diagnostic::Span::whole(path))))
}

fn variables(path: &str, text: &str) -> Result<(Vec<Variable>, BTreeMap<String, Documentation>), Diagnostic> {
    let node = parse(path, text)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut variables = Vec::new();
    let mut documentation = BTreeMap::new();
    for (key, value) in read::top_level(&node)? {
        let name = key.as_text().unwrap_or_default().to_owned();
        let mut words = Documentation::above(&lines, key.span.line as usize, path)?;
        words.complete(value);
        documentation.insert(name.clone(), words);
        variables.push(Variable { name, name_span: key.span.clone(), value: value.clone() });
    }
    Ok((variables, documentation))
}

/// What may be a variable's name in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').filter(|word| word.contains('_'))
}

/// Puts each role behind the ones that it requires; otherwise the order stays as it is.
fn ordered(roles: Vec<Role>) -> Vec<Role> {
    let mut waiting = roles;
    let mut done: Vec<Role> = Vec::new();
    while !waiting.is_empty() {
        let names: BTreeSet<String> = waiting.iter().map(|role| role.manifest.name.clone()).collect();
        let ready = waiting.iter().position(|role| !role.manifest.requires.iter().any(|name| names.contains(name)));
        // Roles that require each other keep the order of their names.
        done.push(waiting.remove(ready.unwrap_or(0)));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_tells_what_it_takes() {
        let library = Library::load(Source::embedded()).unwrap();
        let documented = library.roles.iter().flat_map(|role| &role.documentation);
        let silent: Vec<&String> = documented.clone().filter(|(_, words)| words.types.is_empty()).map(|(name, _)| name).collect();
        assert!(silent.is_empty(), "a `# type:` is missing above {silent:#?}");
        let wordless: Vec<&String> = documented.filter(|(_, words)| words.text.is_empty()).map(|(name, _)| name).collect();
        assert!(wordless.is_empty(), "a description is missing above {wordless:#?}");
    }
}
