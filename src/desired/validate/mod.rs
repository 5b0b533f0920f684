//! What must hold before a host is touched: rules of manifests, requirements between roles, names and types
//! of variables.

mod format_version;
mod names;
mod types;
mod unused;

use std::collections::HashSet;

use regex::Regex;
use serde_json::Value as Json;

use super::evaluate::Evaluator;
use super::shape;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::inventory::{LayerKind, Mentions};
use crate::role::{Library, Manifest, Role, Rule, RuleKind};
use crate::vars::{Definition, Variables};

/// What the checks of a user's variables look at.
#[derive(Clone, Copy)]
pub struct Review<'a> {
    /// All roles.
    pub library: &'a Library,
    /// The host's variables.
    pub variables: &'a Variables,
    /// What the texts of the whole inventory mention.
    pub mentions: &'a Mentions,
    /// The variables that were read while the desired state was built.
    pub read: &'a HashSet<String>,
    /// The roles that are enabled.
    pub enabled: &'a [&'a Role],
    /// Whether other hosts share the variables of groups.
    pub many_hosts: bool,
}

/// Adds findings about the variables that a user sets, whatever they are for. A value that a rule complains of
/// already is not complained of for its type, too.
pub fn review(review: &Review<'_>, findings: &mut Vec<Diagnostic>) {
    let broken: HashSet<Span> = findings.iter().filter_map(|finding| finding.span.clone()).collect();
    findings.extend(names::check(review));
    findings.extend(unused::check(review));
    findings.extend(types::check(review, &broken));
    findings.extend(format_version::check(review));
}

impl<'a> Review<'a> {
    /// The variables that a user sets, with the strongest place of each.
    fn users(&self) -> impl Iterator<Item = (&'a str, &'a Definition)> {
        let variables = self.variables;
        let set = variables.names().filter_map(|name| Some((name, variables.definition(name)?)));
        set.filter(|(_, definition)| definition.kind.is_users())
    }

    /// Whether a role that is enabled has the variable.
    fn is_enabled(&self, name: &str) -> bool {
        self.enabled.iter().any(|role| role.documentation.contains_key(name))
    }

    /// Whether a variable is switched on.
    fn is_on(&self, name: &str) -> bool {
        self.variables.get(name).is_ok_and(|evaluated| match evaluated.value {
            Json::Bool(flag) => flag,
            Json::String(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1"),
            _ => false,
        })
    }
}

/// Errors for roles that a role cannot do without.
pub fn requirements(manifest: &Manifest, enabled: &[&str], library: &Library, variables: &Variables) -> Vec<Diagnostic> {
    let switch = |manifest: &Manifest| super::evaluate::only_variable(&manifest.enabled).map(str::to_owned);
    let missing = manifest.requires.iter().filter(|name| !enabled.contains(&name.as_str()));
    missing
        .map(|name| {
            let finding = Diagnostic::error("H0331", format!("`{}` needs `{name}`, which is not enabled", manifest.name));
            let finding = match (library.role(name).and_then(|role| switch(&role.manifest)), switch(manifest)) {
                (Some(other), Some(own)) => finding.help(format!("set `{other}: true`, or `{own}: false`")),
                (Some(other), None) => finding.help(format!("set `{other}: true`")),
                (None, _) => finding,
            };
            let own = switch(manifest).and_then(|variable| place(variables, &variable));
            own.map_or(finding.clone(), |span| finding.at(&span))
        })
        .collect()
}

/// A rule that does not hold.
pub struct Broken {
    finding: Diagnostic,
    /// Where what the rule is about was computed from, when it is not set itself.
    causes: Vec<Span>,
}

/// The rules of a manifest that do not hold.
pub fn rules(manifest: &Manifest, evaluator: &Evaluator<'_>) -> Vec<Broken> {
    let own = |finding| Broken { finding, causes: Vec::new() };
    let mut problems = Vec::new();
    let mut shapes = Vec::new();
    for rule in &manifest.shapes {
        match shape::Check::written(rule, evaluator) {
            Ok(check) => shapes.push(check),
            Err(problem) => problems.push(own(problem)),
        }
    }
    // Rules look at what is made of the texts.
    if problems.is_empty() && shapes.iter().all(shape::Check::readable) {
        let failed = |finding| Some(own(finding));
        problems.extend(manifest.rules.iter().filter_map(|rule| check(rule, evaluator).unwrap_or_else(failed)));
    }
    // With a rule broken, the whole may be wrong for the same reason: one report is enough.
    if problems.is_empty() {
        problems.extend(shapes.iter_mut().filter(|check| check.readable()).filter_map(|check| check.whole().err()).map(own));
    }
    problems.extend(shapes.into_iter().flat_map(shape::Check::into_findings).map(own));
    problems
}

/// Errors for broken rules. What only follows from another one is left out.
pub fn broken(rules: Vec<Broken>) -> Vec<Diagnostic> {
    let direct: HashSet<Span> = rules.iter().filter(|rule| rule.causes.is_empty()).filter_map(|rule| rule.finding.span.clone()).collect();
    let own = rules.into_iter().filter(|rule| !rule.causes.iter().any(|cause| direct.contains(cause)));
    own.map(|rule| rule.finding).collect()
}

fn check(rule: &Rule, evaluator: &Evaluator<'_>) -> Result<Option<Broken>, Diagnostic> {
    if !evaluator.truth_or(rule.when.as_ref(), true)? {
        return Ok(None);
    }
    let variables = evaluator.variables();
    let mut meant = None;
    let message = match &rule.kind {
        RuleKind::Require { variable, matches } => {
            let value = variables.get(variable)?.value;
            let text = match &value {
                Json::Null => String::new(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            match matches {
                _ if text.is_empty() => format!("`{variable}` is not set"),
                Some(pattern) if !whole_match(pattern, &text, &rule.span)? => {
                    meant = choices(pattern).and_then(|choices| nearest(&text, choices)).map(|choice| format!("did you mean `{choice}`?"));
                    format!("`{variable}` is malformed")
                }
                _ => return Ok(None),
            }
        }
        RuleKind::Refuse { condition, message, .. } => {
            if !evaluator.truth(condition)? {
                return Ok(None);
            }
            evaluator.text(message)?
        }
    };
    let mut finding = Diagnostic::error("H0332", message);
    let hint = rule.hint.as_ref().map(|hint| evaluator.text(hint)).transpose()?;
    finding.help = match (meant, hint) {
        (Some(meant), Some(hint)) => Some(format!("{hint}; {meant}")),
        (meant, hint) => meant.or(hint),
    };
    // The first that a user sets; else the first, for what it is computed from.
    let names = rule.variables();
    let variable = names.iter().find(|name| place(variables, name).is_some()).or_else(|| names.first());
    Ok(Some(match variable {
        Some(name) => at_its_cause(finding, name, variables),
        None => Broken { finding, causes: Vec::new() },
    }))
}

fn whole_match(pattern: &str, text: &str, span: &Span) -> Result<bool, Diagnostic> {
    let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        // The last line says what, the ones before it where.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Diagnostic::error("H0333", format!("`{pattern}` is no regular expression: {reason}")).at(span)
    })?;
    Ok(regex.is_match(text))
}

/// The values that a pattern such as `^(ssd|hdd)$` allows, when it is a choice of words.
fn choices(pattern: &str) -> Option<Vec<&str>> {
    let inner = pattern.strip_prefix('^').unwrap_or(pattern);
    let inner = inner.strip_suffix('$').unwrap_or(inner).strip_prefix('(')?.strip_suffix(')')?;
    let words: Vec<&str> = inner.strip_prefix("?:").unwrap_or(inner).split('|').collect();
    let plain = |word: &&str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    words.iter().all(plain).then_some(words)
}

/// A finding where the user sets the variable; else where the user sets what it is computed from.
fn at_its_cause(finding: Diagnostic, name: &str, variables: &Variables) -> Broken {
    if let Some(span) = place(variables, name) {
        return Broken { finding: finding.at(&span), causes: Vec::new() };
    }
    let node = variables.definition(name).map(|definition| &definition.node);
    let suspects = node.map(|node| variables.suspects(node)).unwrap_or_default();
    let causes = suspects.iter().map(|(_, span)| (*span).clone()).collect();
    let finding = match suspects.as_slice() {
        [] => own_file(variables).map_or(finding.clone(), |span| finding.at(&span)),
        [(cause, span), rest @ ..] => {
            // What a rule refuses is no value that is computed.
            let computed = finding.message.starts_with(&format!("`{name}`"));
            let message = if computed { format!("{}; it is computed from `{cause}`", finding.message) } else { finding.message.clone() };
            let finding = Diagnostic { message, ..finding }.at(span);
            rest.iter().fold(finding, |finding, (cause, span)| finding.note(format!("and from `{cause}`"), span))
        }
    };
    Broken { finding, causes }
}

/// The file that a host's own variables are in: there the missing one belongs.
fn own_file(variables: &Variables) -> Option<Span> {
    let mut files =
        variables.names().filter_map(|name| variables.definition(name).filter(|definition| definition.kind == LayerKind::HostVars));
    files.next().map(|definition| Span::whole(definition.span.file.clone()))
}

/// Where a user set a variable; none where only a role did.
pub fn place(variables: &Variables, name: &str) -> Option<Span> {
    let definition = variables.definition(name)?;
    definition.kind.is_users().then(|| definition.span.clone())
}

#[cfg(test)]
mod tests {
    use super::choices;

    #[test]
    fn a_choice_of_words_is_known_for_one() {
        assert_eq!(choices("^(ssd|hdd)$"), Some(vec!["ssd", "hdd"]));
        assert_eq!(choices("(?:create|run)"), Some(vec!["create", "run"]));
        assert_eq!(choices("^[0-9a-f]{64}$"), None);
        assert_eq!(choices("^(/|(/[a-z]+)+)$"), None);
    }
}
