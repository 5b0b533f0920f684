//! What must hold before a host is touched: rules of manifests, requirements between roles, renamed
//! variables.

use regex::Regex;
use serde_json::Value as Json;

use super::evaluate::Evaluator;
use super::shape;
use crate::diagnostic::{Diagnostic, Span};
use crate::inventory::LayerKind;
use crate::role::{Library, Manifest, Rule, RuleKind};
use crate::vars::Variables;

/// Warnings for variables that a user sets under their old names.
pub fn renamed(library: &Library, variables: &Variables) -> Vec<Diagnostic> {
    let set = |old: &str| place(variables, old);
    library
        .renamed()
        .filter_map(|(old, new)| {
            let span = set(old)?;
            Some(
                Diagnostic::warning("H0330", format!("`{old}` is now called `{new}`"))
                    .at(&span)
                    .help(format!("rename it to `{new}`; its value is used as it is")),
            )
        })
        .collect()
}

/// Warnings for variables of the playbook that a user sets and that change nothing here.
pub fn ignored(library: &Library, variables: &Variables) -> Vec<Diagnostic> {
    let set = |(name, reason)| place(variables, name).map(|span| (name, reason, span));
    let warning = |(name, reason, span)| Diagnostic::warning("H0335", format!("`{name}` changes nothing: {reason}")).at(&span);
    library.ignored().filter_map(set).map(warning).map(|warning| warning.help("remove it")).collect()
}

/// Errors for components that a user switches on and that no role here is for: what they add to other
/// services' configurations would be lost without a word.
pub fn unknown_components(library: &Library, variables: &Variables) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for name in variables.names().filter(|name| name.starts_with("matrix_") && name.ends_with("_enabled") && !library.knows(name)) {
        let on = variables.get(name).is_ok_and(|evaluated| evaluated.value == Json::Bool(true));
        if let (true, Some(span)) = (on, place(variables, name)) {
            findings.push(
                Diagnostic::error("H0334", format!("`{name}` switches on something that homestead does not have"))
                    .at(&span)
                    .help("what it adds to the configuration of other services would be lost; to go on without it, set it to false"),
            );
        }
    }
    findings
}

/// Errors for roles that a role cannot do without.
pub fn requirements(manifest: &Manifest, enabled: &[&str], variables: &Variables) -> Vec<Diagnostic> {
    let missing = manifest.requires.iter().filter(|name| !enabled.contains(&name.as_str()));
    missing
        .map(|name| {
            let finding = Diagnostic::error("H0331", format!("`{}` needs `{name}`, which is not enabled", manifest.name));
            let switch = super::evaluate::only_variable(&manifest.enabled).and_then(|variable| place(variables, variable));
            switch.map_or(finding.clone(), |span| finding.at(&span))
        })
        .collect()
}

/// Errors for the rules of a manifest that do not hold.
pub fn rules(manifest: &Manifest, evaluator: &Evaluator<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut shapes = Vec::new();
    for rule in &manifest.shapes {
        match shape::Check::written(rule, evaluator) {
            Ok(check) => shapes.push(check),
            Err(problem) => problems.push(problem),
        }
    }
    // Rules look at what is made of the texts.
    if problems.is_empty() && shapes.iter().all(shape::Check::readable) {
        problems.extend(manifest.rules.iter().filter_map(|rule| check(rule, evaluator).unwrap_or_else(Some)));
    }
    // With a rule broken, the whole may be wrong for the same reason: one report is enough.
    if problems.is_empty() {
        problems.extend(shapes.iter_mut().filter(|check| check.readable()).filter_map(|check| check.whole().err()));
    }
    problems.extend(shapes.into_iter().flat_map(shape::Check::into_findings));
    problems
}

fn check(rule: &Rule, evaluator: &Evaluator<'_>) -> Result<Option<Diagnostic>, Diagnostic> {
    if !evaluator.truth_or(rule.when.as_ref(), true)? {
        return Ok(None);
    }
    let variables = evaluator.variables();
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
                Some(pattern) if !whole_match(pattern, &text, &rule.span)? => format!("`{variable}` is malformed"),
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
    finding.span = rule.variables().iter().find_map(|name| place(variables, name));
    finding.help = rule.hint.as_ref().map(|hint| evaluator.text(hint)).transpose()?;
    Ok(Some(finding))
}

fn whole_match(pattern: &str, text: &str, span: &Span) -> Result<bool, Diagnostic> {
    let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| Diagnostic::error("H0333", error.to_string()).at(span))?;
    Ok(regex.is_match(text))
}

/// Where a user set a variable; none where only a role did.
pub fn place(variables: &Variables, name: &str) -> Option<Span> {
    let definition = variables.definition(name)?;
    let users = !matches!(definition.kind, LayerKind::RoleDefaults | LayerKind::Wiring);
    users.then(|| definition.span.clone())
}
