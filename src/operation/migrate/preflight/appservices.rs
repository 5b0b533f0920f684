//! Bridges and bots that do not work with MAS as they did without.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::accounts::Accounts;
use super::{Context, Finding, count, good, place, warning};
use crate::diagnostic::Result;
use crate::host::{self, Exec};

const NAME: &str = "bridges";
/// What of a registration is asked for: its tokens stay where they are.
const KEYS: &str = "id|sender_localpart|io.element.msc4190|org.matrix.msc3202|de.sorunome.msc2409.push_ephemeral|receive_ephemeral";
/// Prints a heading and lines for each registration of a Synapse, then the units of the host.
const LOOK: &str = r#"
container=$1 keys=$2
shift 2
for file; do
  printf 'file %s\n' "$file"
  docker exec -- "$container" cat -- "$file" 2>/dev/null | grep -E "^[\"']?($keys)[\"']?[[:space:]]*:" || echo unreadable
done
systemctl list-unit-files --no-legend --no-pager 'matrix-*.service' | awk '{ print "unit " $1 }'
"#;

/// Components of the playbook that log in in a way that MAS does not know.
const BROKEN: [(&str, &str); 4] = [
    (
        "matrix-corporal",
        "matrix-corporal logs people in with Synapse's shared secret, which ends with MAS: manage the accounts with MAS's admin API",
    ),
    (
        "matrix-bot-matrix-reminder-bot",
        "the reminder bot logs in with a password and asks for its confirmation anew, which MAS does in a browser only: give it an access token, or stop it",
    ),
    (
        "matrix-postmoogle",
        "Postmoogle logs in with a password and sets up its encryption anew, which MAS allows in a browser only: give it an access token, or stop it",
    ),
    (
        "matrix-bot-postmoogle",
        "Postmoogle logs in with a password and sets up its encryption anew, which MAS allows in a browser only: give it an access token, or stop it",
    ),
];

/// One application service's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Registration {
    file: String,
    readable: bool,
    id: String,
    /// It sends and receives encrypted messages as devices of its users (MSC3202).
    encrypted: bool,
    /// It makes these devices without logging in (MSC4190), the only way beside MAS.
    makes_devices: bool,
}

pub(super) async fn examine(context: &Context<'_>, accounts: &Accounts) -> Result<Vec<Finding>> {
    let files = context.variable("matrix_synapse_app_service_config_files_final")?.unwrap_or_default();
    let container = context.service("matrix-synapse").map_or("matrix-synapse", |service| service.container.as_str());
    let mut arguments = vec![container, KEYS];
    arguments.extend(files.as_array().into_iter().flatten().filter_map(Json::as_str));
    let said = host::run(&**context.host, "looking at the bridges", Exec::new(LOOK).arguments(&arguments)).await?;
    let (registrations, units) = read(&String::from_utf8_lossy(&said));
    let at = place(context, &["matrix_synapse_app_service_config_files"]);
    let findings = judge(&registrations, &units, &accounts.appservices, &accounts.bots);
    Ok(findings.into_iter().map(|finding| if finding.hint.is_some() { finding.at(at.clone()) } else { finding }).collect())
}

fn read(said: &str) -> (Vec<Registration>, Vec<String>) {
    let (mut registrations, mut units) = (Vec::<Registration>::new(), Vec::new());
    for line in said.lines() {
        if let Some(file) = line.strip_prefix("file ") {
            registrations.push(Registration { file: file.to_owned(), readable: true, ..Registration::default() });
        } else if let Some(unit) = line.strip_prefix("unit ") {
            units.push(unit.trim_end_matches(".service").to_owned());
        } else if let Some(registration) = registrations.last_mut() {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            match key.trim().trim_matches(['"', '\'']) {
                "unreadable" => registration.readable = false,
                "id" => value.clone_into(&mut registration.id),
                "org.matrix.msc3202" => registration.encrypted = value == "true",
                "io.element.msc4190" => registration.makes_devices = value == "true",
                _ => {}
            }
        }
    }
    (registrations, units)
}

fn judge(registrations: &[Registration], units: &[String], users: &BTreeMap<String, u64>, bots: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for registration in registrations {
        let Registration { file, id, .. } = registration;
        let people = users.get(id).map_or_else(String::new, |number| format!(" ({})", count(*number, "user")));
        findings.push(if !registration.readable {
            warning(NAME, format!("the registration `{file}` cannot be read in Synapse's container"))
                .with_hint("see to it yourself that the bridge does not log in with encryption, or that its registration has `io.element.msc4190: true`")
        } else if registration.encrypted && !registration.makes_devices {
            warning(NAME, format!("the bridge `{id}`{people} encrypts, and would log in for that as MAS does not allow: its encryption stops"))
                .with_hint(format!(
                    "set MSC4190 in the bridge (mautrix bridges: `encryption.msc4190: true`), make its registration anew so that `{file}` has \
                     `io.element.msc4190: true`, and restart it and Synapse"
                ))
        } else {
            good(NAME, format!("the bridge `{id}`{people} goes on: it {}", if registration.encrypted { "makes its devices itself" } else { "does not encrypt" }))
        });
    }
    let running = |name: &str| units.iter().any(|unit| unit == name);
    findings.extend(BROKEN.iter().filter(|(unit, _)| running(unit)).map(|(unit, text)| warning(NAME, format!("`{unit}`: {text}"))));
    // Whatever else is called a bot may log in with a password; that goes on through the compatibility layer.
    let others: Vec<&str> = units
        .iter()
        .map(String::as_str)
        .filter(|unit| unit.starts_with("matrix-bot-") && !BROKEN.iter().any(|(broken, _)| broken == unit))
        .chain(bots.iter().map(String::as_str))
        .collect();
    if !others.is_empty() {
        findings.push(
            warning(NAME, format!("bots that may log in themselves: {}", others.join(", ")))
                .with_hint("their access tokens and passwords go on; what asks for a confirmation (new cross-signing keys, removing devices) does not work without a browser"),
        );
    }
    if findings.is_empty() {
        findings.push(good(NAME, "there are no bridges and no bots that the move could break"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "file /telegram.yaml
id: telegram
sender_localpart: telegrambot
org.matrix.msc3202: true
de.sorunome.msc2409.push_ephemeral: true
file /signal.yaml
\"id\": \"signal\"
'org.matrix.msc3202': true # devices
io.element.msc4190: true
file /irc.yaml
id: irc
file /gone.yaml
unreadable
unit matrix-synapse.service
unit matrix-corporal.service
unit matrix-bot-maubot.service
unit matrix-bot-postmoogle.service
";

    #[test]
    fn what_breaks_is_named_and_what_goes_on_too() {
        let (registrations, units) = read(SAID);
        let users = BTreeMap::from([("telegram".to_owned(), 41)]);
        let findings = judge(&registrations, &units, &users, &["@helper:example.com".to_owned()]);
        let said: Vec<String> = findings.iter().map(|finding| format!("{:?} {}", finding.verdict, finding.text)).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        Warning the bridge `telegram` (41 users) encrypts, and would log in for that as MAS does not allow: its encryption stops
        Good the bridge `signal` goes on: it makes its devices itself
        Good the bridge `irc` goes on: it does not encrypt
        Warning the registration `/gone.yaml` cannot be read in Synapse's container
        Warning `matrix-corporal`: matrix-corporal logs people in with Synapse's shared secret, which ends with MAS: manage the accounts with MAS's admin API
        Warning `matrix-bot-postmoogle`: Postmoogle logs in with a password and sets up its encryption anew, which MAS allows in a browser only: give it an access token, or stop it
        Warning bots that may log in themselves: matrix-bot-maubot, @helper:example.com
        ");
    }

    #[test]
    fn a_server_without_bridges_says_so() {
        let (registrations, units) = read("unit matrix-synapse.service\nunit matrix-traefik.service\n");
        assert_eq!(
            judge(&registrations, &units, &BTreeMap::new(), &[])[0].text,
            "there are no bridges and no bots that the move could break"
        );
    }
}
