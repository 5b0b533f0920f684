//! Whether MAS knows every provider that people log in to Synapse with; else the lines that are missing.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;

use super::{Context, Finding, bad, count, good, place, warning};
use crate::diagnostic::Result;

const NAME: &str = "providers";
const VARIABLE: &str = "matrix_authentication_service_config_upstream_oauth2_providers";

/// `used`: Synapse's names of providers, and how many people each has.
pub(super) fn examine(context: &Context<'_>, now: SystemTime, used: &BTreeMap<String, u64>) -> Result<Vec<Finding>> {
    let known = context.variable(VARIABLE)?.unwrap_or_default();
    let configuration = context.variable("matrix_synapse_configuration")?.unwrap_or_default();
    let base = context.text("matrix_authentication_service_config_http_public_base")?;
    let milliseconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or_default());
    let judged = judge(used, &known, &configuration["oidc_providers"], &base, &mut || ulid(milliseconds, rand::random()));
    let at = place(context, &[VARIABLE, "matrix_synapse_oidc_providers", "matrix_synapse_configuration_extension_yaml"]);
    Ok(judged.into_iter().map(|finding| if finding.hint.is_some() { finding.at(at.clone()) } else { finding }).collect())
}

fn judge(used: &BTreeMap<String, u64>, known: &Json, synapses: &Json, base: &str, id: &mut dyn FnMut() -> String) -> Vec<Finding> {
    let known: Vec<&Json> = known.as_array().into_iter().flatten().collect();
    let mapped = |name: &str| known.iter().any(|provider| provider["synapse_idp_id"] == name);
    let synapses: Vec<&Json> = synapses.as_array().into_iter().flatten().collect();
    let mut findings = Vec::new();
    for (name, people) in used {
        let people = count(*people, "account");
        if mapped(name) {
            findings.push(good(NAME, format!("{people} of `{name}` will belong to MAS's provider with `synapse_idp_id: {name}`")));
            continue;
        }
        let text = format!("{people} of the provider `{name}`, and no provider of MAS has `synapse_idp_id: {name}`");
        let synapse = synapses.iter().find(|provider| name_of(provider) == *name).copied();
        let twin = synapse.and_then(|synapse| known.iter().find(|provider| same(provider, synapse)));
        let hint = match twin {
            Some(provider) => format!(
                "add this line to the provider with the id {} in `{VARIABLE}`:\n      synapse_idp_id: {name}",
                provider["id"].as_str().unwrap_or("?")
            ),
            None => lines(name, synapse, base, &id()),
        };
        findings.push(bad(NAME, text).with_hint(hint));
    }
    for synapse in synapses {
        let name = name_of(synapse);
        if !used.contains_key(&name) && !mapped(&name) {
            findings.push(
                warning(NAME, format!("Synapse offers the provider `{name}`, which nobody uses and which MAS does not know"))
                    .with_hint("syn2mas refuses to move accounts as long as Synapse lists a provider without a counterpart: remove it from Synapse, or add it to MAS"),
            );
        }
    }
    if findings.is_empty() {
        findings.push(good(NAME, "nobody logs in to Synapse with an account from elsewhere"));
    }
    findings
}

/// Synapse puts `oidc-` in front of the `idp_id`, and calls a provider without one `oidc`.
fn name_of(provider: &Json) -> String {
    match provider["idp_id"].as_str() {
        None | Some("" | "oidc") => "oidc".to_owned(),
        Some(id) => format!("oidc-{id}"),
    }
}

fn same(provider: &Json, synapse: &Json) -> bool {
    let issuer = |provider: &Json| provider["issuer"].as_str().map(|issuer| issuer.trim_end_matches('/').to_owned());
    issuer(provider).is_some() && issuer(provider) == issuer(synapse)
}

/// What to add to `vars.yml`, filled in as far as Synapse's configuration says it. Its secret is not shown.
fn lines(name: &str, synapse: Option<&Json>, base: &str, id: &str) -> String {
    let get = |key: &str| synapse.and_then(|provider| provider[key].as_str());
    let text = |value: &str| Json::from(value).to_string();
    let scopes = synapse.and_then(|provider| provider["scopes"].as_array());
    let scope = scopes.map(|scopes| scopes.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(" "));
    let template = |key: &str, common: &str| {
        let own = synapse.and_then(|provider| provider.pointer(&format!("/user_mapping_provider/config/{key}"))).and_then(Json::as_str);
        text(&format!("{{% raw %}}{}{{% endraw %}}", own.unwrap_or(common)))
    };
    let mut lines = vec![
        format!(
            "add these lines to `{VARIABLE}`, and register {}/upstream/callback/{id} as a redirect address there:",
            base.trim_end_matches('/')
        ),
        format!("  - id: {id}"),
        format!("    synapse_idp_id: {name}"),
        format!("    human_name: {}", text(get("idp_name").unwrap_or(name))),
    ];
    lines.extend(get("idp_brand").map(|brand| format!("    brand_name: {}", text(brand))));
    lines.push(format!("    issuer: {}", get("issuer").map_or_else(|| "'...'".to_owned(), text)));
    lines.push(format!("    client_id: {}", get("client_id").map_or_else(|| "'...'".to_owned(), text)));
    lines.push("    client_secret: '...'  # the one that Synapse has".to_owned());
    lines.push(format!("    token_endpoint_auth_method: {}", get("client_auth_method").unwrap_or("client_secret_basic")));
    lines.push(format!("    scope: {}", text(scope.as_deref().unwrap_or("openid profile email"))));
    lines.push("    claims_imports:".to_owned());
    for (claim, action, key, common) in [
        ("localpart", "require", "localpart_template", "{{ user.preferred_username }}"),
        ("displayname", "suggest", "display_name_template", "{{ user.name }}"),
        ("email", "suggest", "email_template", "{{ user.email }}"),
    ] {
        lines.push(format!("      {claim}: {{action: {action}, template: {}}}", template(key, common)));
    }
    lines.join("\n    ")
}

/// A ULID (<https://github.com/ulid/spec>): 48 bits of time, 80 bits of chance, in Crockford's base 32.
fn ulid(milliseconds: u64, chance: [u8; 10]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let random = chance.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let number = u128::from(milliseconds & 0xffff_ffff_ffff) << 80 | random;
    (0..26).rev().map(|place| char::from(DIGITS[usize::try_from(number >> (5 * place) & 31).unwrap_or_default()])).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn used(names: &[(&str, u64)]) -> BTreeMap<String, u64> {
        names.iter().map(|(name, people)| ((*name).to_owned(), *people)).collect()
    }

    fn said(findings: &[Finding]) -> String {
        let line = |finding: &Finding| format!("{:?} {}\n{}", finding.verdict, finding.text, finding.hint.as_deref().unwrap_or_default());
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_ulid_has_its_time_in_front() {
        // The specification's example: 1469918176385 is 01ARYZ6S41.
        assert_eq!(ulid(1_469_918_176_385, [0; 10]), "01ARYZ6S410000000000000000");
        assert_eq!(ulid(0xffff_ffff_ffff, [0xff; 10]), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(ulid(1, [1; 10]).len(), 26);
    }

    #[test]
    fn a_provider_that_mas_lacks_comes_with_its_lines() {
        let synapse = json!([{
            "idp_id": "dex", "idp_name": "Our directory", "issuer": "https://dex.example.com/", "client_id": "synapse",
            "client_secret": "test-only-uaY4ohri", "scopes": ["openid", "profile"],
            "user_mapping_provider": {"config": {"localpart_template": "{{ user.login }}"}},
        }]);
        let findings =
            judge(&used(&[("oidc-dex", 20)]), &json!([]), &synapse, "https://matrix.example.com/auth/", &mut || ulid(0, [7; 10]));
        insta::assert_snapshot!(said(&findings), @r#"
        Bad 20 accounts of the provider `oidc-dex`, and no provider of MAS has `synapse_idp_id: oidc-dex`
        add these lines to `matrix_authentication_service_config_upstream_oauth2_providers`, and register https://matrix.example.com/auth/upstream/callback/00000000000W3GE1R70W3GE1R7 as a redirect address there:
              - id: 00000000000W3GE1R70W3GE1R7
                synapse_idp_id: oidc-dex
                human_name: "Our directory"
                issuer: "https://dex.example.com/"
                client_id: "synapse"
                client_secret: '...'  # the one that Synapse has
                token_endpoint_auth_method: client_secret_basic
                scope: "openid profile"
                claims_imports:
                  localpart: {action: require, template: "{% raw %}{{ user.login }}{% endraw %}"}
                  displayname: {action: suggest, template: "{% raw %}{{ user.name }}{% endraw %}"}
                  email: {action: suggest, template: "{% raw %}{{ user.email }}{% endraw %}"}
        "#);
    }

    #[test]
    fn a_provider_that_is_there_needs_one_line_and_a_mapped_one_none() {
        let known = json!([{"id": "01X", "issuer": "https://dex.example.com"}, {"id": "01Y", "synapse_idp_id": "oidc"}]);
        let synapse = json!([{"idp_id": "dex", "issuer": "https://dex.example.com/"}, {"idp_id": "unused", "issuer": "https://u"}]);
        let findings = judge(&used(&[("oidc", 1), ("oidc-dex", 2)]), &known, &synapse, "https://m/", &mut || unreachable!());
        insta::assert_snapshot!(said(&findings), @"
        Good 1 account of `oidc` will belong to MAS's provider with `synapse_idp_id: oidc`

        Bad 2 accounts of the provider `oidc-dex`, and no provider of MAS has `synapse_idp_id: oidc-dex`
        add this line to the provider with the id 01X in `matrix_authentication_service_config_upstream_oauth2_providers`:
              synapse_idp_id: oidc-dex
        Warning Synapse offers the provider `oidc-unused`, which nobody uses and which MAS does not know
        syn2mas refuses to move accounts as long as Synapse lists a provider without a counterpart: remove it from Synapse, or add it to MAS
        ");
    }
}
