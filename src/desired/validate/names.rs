//! Names of variables that a user sets: old ones, gone ones, unknown ones.

use std::collections::BTreeMap;

use super::Review;
use crate::diagnostic::{Diagnostic, Span, nearest_variable};
use crate::vars::Definition;

/// What tags and commands take through `-e`; no role has these.
const ARGUMENTS: [&str; 4] = ["username", "password", "admin", "group"];

/// How many names a message lists.
const LISTED: usize = 3;

/// Checks every name.
pub fn check(review: &Review<'_>) -> Vec<Diagnostic> {
    let names = &review.library.names;
    let mut findings = Vec::new();
    let mut elsewhere = Gathered::default();
    let mut unknown = Gathered::default();
    let own_components = own_components(review);
    for (name, definition) in review.users() {
        if let Some(reason) = names.ignored(name) {
            findings
                .push(Diagnostic::warning("H0335", format!("`{name}` changes nothing: {reason}")).at(&definition.span).help("remove it"));
        } else if let Some(advice) = names.removed(name) {
            findings.push(removed(name, advice, definition));
        } else if let Some(new) = names.renamed(name) {
            findings.push(renamed(review, name, &new, definition));
        } else if !names.is_known(name) && !is_argument(name, definition) {
            match classify(review, name, &own_components) {
                Class::Fine => {}
                Class::SwitchedOn => findings.push(switched_on(review, name, definition)),
                Class::Elsewhere(component) => elsewhere.add(name, definition, &component),
                Class::Misspelt(meant) => findings.push(
                    Diagnostic::warning("H0345", format!("no role has a variable `{name}`"))
                        .at(&definition.span)
                        .help(format!("did you mean `{meant}`?")),
                ),
                Class::Unknown => unknown.add(name, definition, ""),
            }
        }
    }
    findings.extend(elsewhere.files.values().filter_map(|variables| belongs_elsewhere(variables)));
    findings.extend(unknown.files.values().filter_map(|variables| not_used(variables)));
    findings
}

fn is_argument(name: &str, definition: &Definition) -> bool {
    name.starts_with("ansible_") || (definition.is_extra() && ARGUMENTS.contains(&name))
}

enum Class {
    /// Something uses it, or nobody misses it.
    Fine,
    /// It switches on a component that no role is for.
    SwitchedOn,
    /// It belongs to such a component.
    Elsewhere(String),
    /// A role has almost this one.
    Misspelt(String),
    /// Nothing is known about it.
    Unknown,
}

fn classify(review: &Review<'_>, name: &str, own_components: &[String]) -> Class {
    let names = &review.library.names;
    let switch = name.ends_with("_enabled");
    if switch && name.starts_with("matrix_") && review.is_on(name) {
        return Class::SwitchedOn;
    }
    if review.read.contains(name) || review.mentions.contains(name) || review.library.mention(name) {
        return Class::Fine;
    }
    // To switch off what is not there is no mistake.
    let off = || switch && !review.is_on(name);
    if let Some(component) = names.component(name) {
        return if off() { Class::Fine } else { Class::Elsewhere(component.to_owned()) };
    }
    if let Some(prefix) = own_components.iter().find(|prefix| name.starts_with(prefix.as_str())) {
        let component = format!("`{}`", prefix.trim_end_matches('_').replace('_', "-"));
        return if off() { Class::Fine } else { Class::Elsewhere(component) };
    }
    match nearest_variable(name, names.known()) {
        Some(meant) => Class::Misspelt(meant.to_owned()),
        None if off() => Class::Fine,
        None => Class::Unknown,
    }
}

/// The beginnings of names of components that a user names by their switch, and that no role is for.
fn own_components(review: &Review<'_>) -> Vec<String> {
    let names = &review.library.names;
    let switches = review.users().filter_map(|(name, _)| {
        let component = name.strip_suffix("enabled")?;
        let whole = name.starts_with("matrix_") && !names.is_known(name) && names.removed(name).is_none() && names.renamed(name).is_none();
        // `matrix_synapse_x_enabled` is a setting of Synapse, not a component.
        let part = || names.known().any(|known| known.strip_suffix("enabled").is_some_and(|role| component.starts_with(role)));
        (whole && !part()).then(|| component.to_owned())
    });
    switches.collect()
}

fn removed(name: &str, advice: &str, definition: &Definition) -> Diagnostic {
    Diagnostic::error("H0336", format!("`{name}` is gone")).at(&definition.span).help(advice)
}

fn renamed(review: &Review<'_>, name: &str, new: &str, definition: &Definition) -> Diagnostic {
    let places = |name| review.variables.definition(name).into_iter().flat_map(places);
    let old: Vec<&Span> = places(name).collect();
    let own = places(new).find(|span| !old.contains(span));
    if let Some(other) = own {
        return Diagnostic::error("H0337", format!("`{name}` and `{new}`, its new name, are both set"))
            .at(&definition.span)
            .note(format!("`{new}` is set here"), other)
            .help(format!("remove `{name}`"));
    }
    let finding = Diagnostic::warning("H0330", format!("`{name}` is now called `{new}`")).at(&definition.span);
    if review.library.names.is_known(new) {
        return finding.help(format!("rename it to `{new}`; its value is used as it is"));
    }
    match review.library.names.component(new) {
        Some(component) => finding.help(format!("rename it to `{new}`, or remove it: homestead does not have {component}")),
        None => finding.help(format!("rename it to `{new}`, or remove it: no role here reads it")),
    }
}

/// The places where a user sets a variable.
fn places(definition: &Definition) -> impl Iterator<Item = &Span> {
    let weaker = definition.overrides.iter().map(|weaker| (weaker.kind, &weaker.span));
    std::iter::once((definition.kind, &definition.span)).chain(weaker).filter(|(kind, _)| kind.is_users()).map(|(_, span)| span)
}

fn switched_on(review: &Review<'_>, name: &str, definition: &Definition) -> Diagnostic {
    let finding = Diagnostic::error("H0334", format!("`{name}` switches on something that homestead does not have")).at(&definition.span);
    let lost = "what it adds to the configuration of other services would be lost; to go on without it, set it to false";
    match nearest_variable(name, review.library.names.known()) {
        Some(meant) => finding.help(format!("did you mean `{meant}`? Else {lost}")),
        None => finding.help(lost),
    }
}

/// Variables with one finding a file.
#[derive(Default)]
struct Gathered {
    files: BTreeMap<String, Vec<Member>>,
}

/// One of the variables of a finding.
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it is set.
    pub span: Span,
    /// What it belongs to.
    pub component: String,
}

impl Gathered {
    fn add(&mut self, name: &str, definition: &Definition, component: &str) {
        let file = definition.span.file.to_string();
        self.files.entry(file).or_default().push(Member {
            name: name.to_owned(),
            span: definition.span.clone(),
            component: component.to_owned(),
        });
    }
}

fn belongs_elsewhere(variables: &[Member]) -> Option<Diagnostic> {
    let mut components: Vec<&str> = Vec::new();
    for Member { component, .. } in variables {
        if !components.contains(&component.as_str()) {
            components.push(component);
        }
    }
    let listed = listed(&components);
    let message = match variables {
        [Member { name, .. }] => format!("`{name}` belongs to something that homestead does not have: {listed}"),
        _ => format!("{} variables belong to something that homestead does not have: {listed}", variables.len()),
    };
    gathered(Diagnostic::warning("H0338", message), variables).map(|finding| {
        finding.help(if variables.len() == 1 { "it has no effect here; remove it" } else { "they have no effect here; remove them" })
    })
}

fn not_used(variables: &[Member]) -> Option<Diagnostic> {
    let message = match variables {
        [Member { name, .. }] => format!("no role has a variable `{name}`, and nothing uses it"),
        _ => {
            let names: Vec<String> = variables.iter().map(|Member { name, .. }| format!("`{name}`")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("{} variables are of no role, and nothing uses them: {}", variables.len(), listed(&names))
        }
    };
    let help = "correct the name, or remove it; `homestead vars` lists the known ones";
    gathered(Diagnostic::warning("H0339", message), variables).map(|finding| finding.help(help))
}

/// The first ones, and how many more there are.
pub fn listed(words: &[&str]) -> String {
    match words.len().checked_sub(LISTED) {
        Some(more) if more > 1 => format!("{}, and {more} more", words[..LISTED].join(", ")),
        _ => words.join(", "),
    }
}

/// A finding at the first of its variables, with the others as further places.
pub fn gathered(finding: Diagnostic, variables: &[Member]) -> Option<Diagnostic> {
    let mut sorted: Vec<&Span> = variables.iter().map(|member| &member.span).collect();
    sorted.sort();
    let (first, rest) = sorted.split_first()?;
    Some(rest.iter().fold(finding.at(first), |finding, span| finding.note("", span)))
}
