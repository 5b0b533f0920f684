//! Settings that Synapse refuses beside MAS, by file and line, before Synapse meets them.

use super::{Context, Finding, Request, Verdict, bad, good};
use crate::diagnostic::{Diagnostic, Error, Result, Severity, Span};
use crate::inventory::{Node, Value};
use crate::migration::State;
use crate::pipeline::{HostFacts, Loaded, Prepared};
use crate::vars::Variables;

const NAME: &str = "settings";
/// What ends the time in which Synapse keeps its logins.
const MIGRATING: &str = "matrix_authentication_service_migration_in_progress";
/// YAML of a user's own that goes into Synapse's configuration.
const EXTENSION: &str = "matrix_synapse_configuration_extension_yaml";

const DECIDED: &str = "it counts no longer from the cut-over on, and the last step takes it out of your files";

/// Works the host out as it will be after the move: the roles' own rules then say what cannot stay.
pub(super) fn examine(context: &Context<'_>, request: &Request<'_>) -> Vec<Finding> {
    after(request.loaded, context.name, request.facts, &context.prepared.variables)
}

fn after(loaded: &Loaded, name: &str, facts: &HostFacts, variables: &Variables) -> Vec<Finding> {
    let refused = problems(Prepared::with(loaded, name, facts, &[], &[(MIGRATING, Value::Bool(false))]), variables);
    // What the move switches off by itself remains to be told.
    let mut moved = facts.clone();
    moved.migration.state = State::Moved;
    let mut findings = problems(Prepared::new(loaded, name, &moved, &[]), variables);
    let decided = |finding: &Finding| !findings.iter().any(|left| left.text == finding.text);
    let told = refused.into_iter().filter(decided).map(|finding| Finding { verdict: Verdict::Warning, ..finding }.with_hint(DECIDED));
    findings = told.collect::<Vec<_>>().into_iter().chain(findings).collect();
    if findings.is_empty() {
        findings.push(good(NAME, "Synapse's configuration will be taken beside MAS"));
    }
    findings.sort_by(|left, right| left.place.cmp(&right.place));
    findings
}

fn problems(outcome: Result<Prepared>, variables: &Variables) -> Vec<Finding> {
    outcome.err().map_or_else(Vec::new, |error| judge(error, variables))
}

fn judge(error: Error, variables: &Variables) -> Vec<Finding> {
    if error.diagnostics.is_empty() {
        return vec![bad(NAME, error.message)];
    }
    let errors = error.diagnostics.into_iter().filter(|finding| finding.severity == Severity::Error);
    let extension = variables.definition(EXTENSION).filter(|definition| definition.kind.is_users());
    errors
        .map(|finding| {
            let inside = extension.filter(|extension| finding.span.as_ref() == Some(&extension.span));
            let place = inside.and_then(|extension| line_of(&extension.node, &finding)).or(finding.span);
            let problem = bad(NAME, finding.message).at(place);
            match finding.help {
                Some(help) => problem.with_hint(help),
                None => problem,
            }
        })
        .collect()
}

/// The line of the setting that a finding speaks of, in a text of YAML that stands in a file as a block.
fn line_of(node: &Node, finding: &Diagnostic) -> Option<Span> {
    let text = node.as_text().filter(|text| text.contains('\n'))?;
    let spoken = format!("{} {}", finding.message, finding.help.as_deref().unwrap_or_default());
    let words: Vec<&str> = spoken.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).collect();
    let key = |line: &str| {
        let (key, _) = line.split_once(':')?;
        let key = key.trim().trim_matches(['"', '\'']);
        (key.contains('_') || key == "msc3861").then(|| key.to_owned())
    };
    let at = text.lines().position(|line| key(line).is_some_and(|key| words.contains(&key.as_str())))?;
    let line = node.span.line + u32::try_from(at).ok()?;
    let column = text.lines().nth(at).map_or(0, |line| line.len() - line.trim_start().len());
    Some(Span::new(node.span.file.clone(), line, node.span.column + u32::try_from(column).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "matrix.example.com";
    const VARIABLES: &str = "matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_authentication_service_enabled: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
matrix_authentication_service_migration_in_progress: true
";

    /// What is found in an inventory that goes on like this from line 8.
    fn found(more: &str) -> String {
        let loaded = Loaded::of_one_host(HOST, &format!("{VARIABLES}{more}"));
        let facts = HostFacts::assumed();
        let prepared = Prepared::new(&loaded, HOST, &facts, &[]).unwrap();
        let findings = after(&loaded, HOST, &facts, &prepared.variables);
        let line = |finding: &Finding| {
            let place = finding.place.as_ref().map_or_else(String::new, |place| place.line.to_string());
            format!("{place:>2} {:?} {}", finding.verdict, finding.text)
        };
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_works_while_accounts_move_and_not_afterwards_is_found_by_its_line() {
        assert_eq!(found(""), "   Good Synapse's configuration will be taken beside MAS");
        insta::assert_snapshot!(found("matrix_synapse_enable_registration: true
matrix_synapse_oidc_enabled: true
matrix_synapse_oidc_providers: [{idp_id: dex, issuer: https://dex.example.com}]
matrix_synapse_cas_config_enabled: true
matrix_synapse_configuration_extension_yaml: |
  media_retention: {local_media_lifetime: 90d}
  enable_3pid_changes: true
  user_consent:
    version: '1'
  jwt_config:
    enabled: true
"), @"
         8 Warning Synapse cannot register users itself (enable_registration) while logins are left to Matrix Authentication Service
         9 Warning Synapse cannot use OpenID Connect providers (oidc_providers) itself while logins are left to Matrix Authentication Service
        11 Warning Synapse cannot use CAS (cas_config) while logins are left to Matrix Authentication Service
        14 Warning enable_3pid_changes cannot be true while logins are left to Matrix Authentication Service
        15 Warning Synapse cannot ask for consent (user_consent) while logins are left to Matrix Authentication Service
        17 Warning Synapse cannot use JSON web tokens (jwt_config) while logins are left to Matrix Authentication Service
        ");
    }

    #[test]
    fn a_setting_of_the_extension_is_found_at_its_line() {
        let text = "media_retention:\n  local_media_lifetime: 90d\nsession_lifetime: 24h\nuser_consent:\n  version: 1\n";
        let node = Node::new(Value::Text(text.to_owned()), Span::new("vars.yml", 11, 3));
        let line = |message: &str, help: &str| line_of(&node, &Diagnostic::error("H0332", message).help(help)).map(|span| span.to_string());
        assert_eq!(line("session_lifetime does not work", "remove session_lifetime").as_deref(), Some("vars.yml:13:3"));
        assert_eq!(line("Synapse cannot ask for consent (user_consent)", "remove it").as_deref(), Some("vars.yml:14:3"));
        assert_eq!(line("Synapse cannot use CAS (cas_config)", "set it to false"), None);
        let expression = Node::new(Value::Text("{{ mine }}".to_owned()), Span::new("vars.yml", 11, 3));
        assert_eq!(line_of(&expression, &Diagnostic::error("H0332", "session_lifetime")), None);
    }
}
