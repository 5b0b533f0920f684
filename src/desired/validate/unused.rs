//! Variables of components that are not enabled: they have no effect, which is worth a remark.

use std::collections::BTreeMap;

use super::names::{Member, gathered};
use super::{Review, place};
use crate::desired::evaluate::only_variable;
use crate::diagnostic::Diagnostic;
use crate::inventory::LayerKind;
use crate::role::Role;

/// One finding for each component and file.
pub fn check(review: &Review<'_>) -> Vec<Diagnostic> {
    let mut components: BTreeMap<(&str, &str), Vec<Member>> = BTreeMap::new();
    for (name, definition) in review.users() {
        // With several hosts, what a group sets may be for another one.
        let shared = review.many_hosts && !matches!(definition.kind, LayerKind::HostVarsInHosts | LayerKind::HostVars);
        let used = review.read.contains(name)
            || review.mentions.contains(name)
            || review.is_enabled(name)
            || review.library.names.ignored(name).is_some();
        if shared || used || name.ends_with("_enabled") {
            continue;
        }
        if let Some(role) = review.library.roles.iter().find(|role| role.documentation.contains_key(name)) {
            let variables = components.entry((&role.manifest.name, &definition.span.file)).or_default();
            variables.push(Member { name: name.to_owned(), span: definition.span.clone(), component: role.manifest.name.clone() });
        }
    }
    components.iter().filter_map(|((role, _), variables)| finding(review, review.library.role(role)?, variables)).collect()
}

fn finding(review: &Review<'_>, role: &Role, variables: &[Member]) -> Option<Diagnostic> {
    let component = &role.manifest.name;
    let message = match variables {
        [Member { name, .. }] => format!("`{name}` has no effect: `{component}` is not enabled"),
        _ => format!("{} variables of `{component}` have no effect: it is not enabled", variables.len()),
    };
    let finding = gathered(Diagnostic::warning("H0341", message), variables)?;
    let remove = if variables.len() == 1 { "remove it" } else { "remove them" };
    let Some(switch) = switch(role) else { return Some(finding.help(remove)) };
    let finding = match place(review.variables, switch) {
        Some(span) => finding.note("switched off here", &span),
        None => finding,
    };
    Some(finding.help(format!("set `{switch}: true`, or {remove}")))
}

/// The variable that enables a role, where it is one.
fn switch(role: &Role) -> Option<&str> {
    only_variable(&role.manifest.enabled)
}
