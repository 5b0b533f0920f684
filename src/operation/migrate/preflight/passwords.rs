//! Whether MAS will understand the hashes of Synapse's passwords.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Context, Finding, bad, count, good, place, warning};
use crate::diagnostic::Result;

const NAME: &str = "passwords";
const SCHEMES: &str = "matrix_authentication_service_config_passwords_schemes";
/// Beginnings of bcrypt's hashes.
const BCRYPT: [&str; 3] = ["$2a$", "$2b$", "$2y$"];

/// `hashes`: the beginnings of the hashes, and how many there are of each.
pub(super) fn examine(context: &Context<'_>, hashes: &BTreeMap<String, u64>) -> Result<Vec<Finding>> {
    let configuration = context.variable("matrix_synapse_configuration")?.unwrap_or_default();
    let pepper = configuration.pointer("/password_config/pepper").and_then(Json::as_str).unwrap_or_default();
    let schemes = context.variable(SCHEMES)?.unwrap_or_default();
    let enabled = context.is_true("matrix_authentication_service_config_passwords_enabled")?;
    let findings = judge(hashes, pepper, enabled, &schemes).into_iter();
    Ok(findings.map(|finding| if finding.hint.is_some() { finding.at(place(context, &[SCHEMES])) } else { finding }).collect())
}

fn judge(hashes: &BTreeMap<String, u64>, pepper: &str, enabled: bool, schemes: &Json) -> Vec<Finding> {
    let (bcrypt, others): (Vec<_>, Vec<_>) = hashes.iter().partition(|(beginning, _)| BCRYPT.contains(&beginning.as_str()));
    let sum = |hashes: &[(&String, &u64)]| hashes.iter().map(|(_, number)| **number).sum::<u64>();
    let (bcrypt, strange) = (sum(&bcrypt), sum(&others));
    let mut findings = Vec::new();
    if strange > 0 {
        let beginnings: Vec<String> = others.iter().map(|(beginning, _)| format!("`{beginning}`")).collect();
        findings.push(
            warning(
                NAME,
                format!("{} not made with bcrypt (beginning with {}): they will not work in MAS", are(strange), beginnings.join(", ")),
            )
            .with_hint("these people need a new password after the move: `mas-cli manage set-password NAME` on the host"),
        );
    }
    if bcrypt == 0 {
        findings.push(good(NAME, "nobody has a password in Synapse that MAS would have to understand"));
        return findings;
    }
    if !enabled {
        findings.push(
            warning(
                NAME,
                format!(
                    "{} in Synapse, and MAS takes no passwords (`matrix_authentication_service_config_passwords_enabled`)",
                    have(bcrypt)
                ),
            )
            .with_hint("leave the variable at true for people to log in as before"),
        );
        return findings;
    }
    let first = schemes.as_array().into_iter().flatten().find(|scheme| scheme["version"] == 1);
    let secret = first.and_then(|scheme| scheme["secret"].as_str()).unwrap_or_default();
    let advice = format!(
        "leave `{SCHEMES}` to its default; or write as the scheme with version 1: algorithm bcrypt, secret \
         \"{{{{ matrix_synapse_password_config_pepper }}}}\", unicode_normalization true"
    );
    let problem = match first {
        None => Some("MAS has no password scheme with version 1, which Synapse's hashes get".to_owned()),
        Some(scheme) if scheme["algorithm"] != "bcrypt" => {
            Some("MAS's password scheme with version 1 is not bcrypt, and Synapse's hashes are".to_owned())
        }
        // What is empty is not there, for Synapse and for MAS's configuration as homestead writes it.
        Some(_) if secret != pepper => Some(if secret.is_empty() {
            "Synapse has a pepper (`password_config.pepper`), and MAS's bcrypt scheme has no `secret`".to_owned()
        } else {
            "the `secret` of MAS's bcrypt scheme is not Synapse's pepper (`password_config.pepper`)".to_owned()
        }),
        Some(_) => None,
    };
    if let Some(problem) = problem {
        findings.push(bad(NAME, format!("{problem}: {} would not work", count(bcrypt, "password"))).with_hint(advice));
        return findings;
    }
    if first.is_some_and(|scheme| scheme["unicode_normalization"] != true) {
        findings.push(
            warning(
                NAME,
                "MAS's bcrypt scheme lacks `unicode_normalization: true`: passwords with letters beyond ASCII may not work".to_owned(),
            )
            .with_hint(advice),
        );
    }
    let peppered = if pepper.is_empty() { "without a pepper" } else { "with Synapse's pepper" };
    findings.push(good(NAME, format!("{} bcrypt, {peppered}: MAS understands them", are(bcrypt))));
    findings
}

fn are(number: u64) -> String {
    format!("{} {}", count(number, "password"), if number == 1 { "is" } else { "are" })
}

fn have(number: u64) -> String {
    format!("{} {}", count(number, "person").replace("persons", "people"), if number == 1 { "has a password" } else { "have passwords" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(hashes: &[(&str, u64)], pepper: &str, enabled: bool, schemes: Json) -> String {
        let hashes = hashes.iter().map(|(beginning, number)| ((*beginning).to_owned(), *number)).collect();
        judge(&hashes, pepper, enabled, &schemes).iter().map(|finding| format!("{:?} {}\n", finding.verdict, finding.text)).collect()
    }

    #[test]
    fn the_pepper_must_be_the_secret_of_the_first_scheme() {
        let scheme = |secret: &str| json!([{"version": 1, "algorithm": "bcrypt", "secret": secret, "unicode_normalization": true}, {"version": 2, "algorithm": "argon2id"}]);
        let users: &[(&str, u64)] = &[("$2b$", 200)];
        assert_eq!(
            said(users, "salt", true, scheme("salt")),
            "Good 200 passwords are bcrypt, with Synapse's pepper: MAS understands them\n"
        );
        assert_eq!(said(users, "", true, scheme("")), "Good 200 passwords are bcrypt, without a pepper: MAS understands them\n");
        assert!(said(users, "salt", true, scheme("")).starts_with("Bad Synapse has a pepper"));
        let wrong = said(users, "salt", true, scheme("sugar"));
        assert!(
            wrong.starts_with("Bad the `secret` of MAS's bcrypt scheme is not Synapse's pepper") && !wrong.contains("sugar"),
            "{wrong}"
        );
        assert!(
            said(users, "", true, json!([{"version": 1, "algorithm": "argon2id"}]))
                .starts_with("Bad MAS's password scheme with version 1 is not")
        );
        assert!(said(users, "", true, json!([])).starts_with("Bad MAS has no password scheme with version 1"));
        assert!(said(users, "", true, json!([{"version": 1, "algorithm": "bcrypt"}])).starts_with("Warning MAS's bcrypt scheme lacks"));
        assert!(said(users, "", false, scheme("")).starts_with("Warning 200 people have passwords in Synapse"));
    }

    #[test]
    fn other_hashes_are_counted() {
        let others =
            said(&[("$2a$", 1), ("$arg", 2)], "", true, json!([{"version": 1, "algorithm": "bcrypt", "unicode_normalization": true}]));
        insta::assert_snapshot!(others, @"
        Warning 2 passwords are not made with bcrypt (beginning with `$arg`): they will not work in MAS
        Good 1 password is bcrypt, without a pepper: MAS understands them
        ");
        assert_eq!(said(&[], "", true, json!([])), "Good nobody has a password in Synapse that MAS would have to understand\n");
    }
}
