//! The chain of units, and where it breaks.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Finding, Findings, Verdict};
use crate::desired::Service;
use crate::diagnostic::Result;
use crate::host::systemd::{self, UnitState};

const CHECK: &str = "unit";
pub(super) const DOCKER: &str = "docker.service";
/// So often within one life of the machine is more than an update.
const RESTARTS: u32 = 3;
const LOG_LINES: u32 = 12;

/// Looks at Docker and every service, in the order in which they start; gives the units that run.
pub(super) async fn check(context: &Context<'_>, findings: &mut Findings) -> Result<BTreeSet<String>> {
    let services: Vec<&Service> = context.prepared.desired.services.iter().filter(|service| service.autostart).collect();
    let mut chain = vec![Link { unit: DOCKER, requires: Vec::new() }];
    chain.extend(
        services
            .iter()
            .map(|service| Link { unit: &service.unit, requires: service.requires.iter().map(String::as_str).chain([DOCKER]).collect() }),
    );
    let units: Vec<String> = chain.iter().map(|link| link.unit.to_owned()).collect();
    let states = systemd::unit_states(&**context.host, &units).await?;
    let mut judged = judge(&chain, &states);
    for finding in judged.iter_mut().filter(|finding| finding.verdict == Verdict::Bad) {
        let lines = systemd::journal_tail(&**context.host, &finding.name, LOG_LINES).await?;
        let redactor = context.prepared.redactor();
        finding.log = lines.iter().map(|line| redactor.redact(line).into_owned()).collect();
    }
    findings.0.extend(judged);
    Ok(states.into_iter().filter(|(_, state)| state.is_active()).map(|(unit, _)| unit).collect())
}

/// A unit and what it cannot do without.
struct Link<'a> {
    unit: &'a str,
    requires: Vec<&'a str>,
}

/// What only stands still because something before it does is not the fault.
fn judge(chain: &[Link<'_>], states: &BTreeMap<String, UnitState>) -> Vec<Finding> {
    let runs = |unit: &str| states.get(unit).is_some_and(UnitState::is_active);
    let mut findings = Findings::default();
    for link in chain {
        let unit = link.unit;
        let unknown = UnitState::default();
        let state = states.get(unit).unwrap_or(&unknown);
        let missing: Vec<&str> =
            link.requires.iter().copied().filter(|required| states.contains_key(*required) && !runs(required)).collect();
        if runs(unit) {
            if state.restarts > RESTARTS {
                let text = format!("{unit} runs, and systemd had to restart it {} times", state.restarts);
                let hint = format!("`journalctl -u {unit}` on the host says why it ended");
                findings.add(CHECK, unit, Verdict::Warning, text, Some(&hint));
            } else {
                findings.good(CHECK, unit, format!("{unit} runs"));
            }
        } else if !missing.is_empty() {
            findings.add(CHECK, unit, Verdict::Skipped, format!("{unit} stands still; it needs {}", missing.join(", ")), None);
        } else if !state.exists() {
            let hint = if unit == DOCKER { "`homestead install-all` installs it" } else { "`homestead install-all` writes and starts it" };
            findings.bad(CHECK, unit, format!("{unit} is not there"), hint);
        } else {
            let how = match (state.active.as_str(), state.result.as_str()) {
                ("failed", "" | "success") => "has failed".to_owned(),
                ("failed", result) => format!("has failed ({result})"),
                ("activating", _) if state.sub == "auto-restart" => {
                    format!("ends again and again; systemd has restarted it {} times", state.restarts)
                }
                ("activating", _) => "starts, and is not there yet".to_owned(),
                _ => "is stopped".to_owned(),
            };
            let hint = match state.active.as_str() {
                "inactive" => "`homestead start-all` starts it",
                _ => "its last lines say why; when that is mended, `homestead start-all`",
            };
            findings.bad(CHECK, unit, format!("{unit} {how}"), hint);
        }
    }
    findings.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(active: &str, sub: &str, restarts: u32) -> UnitState {
        UnitState {
            load: "loaded".into(),
            active: active.into(),
            sub: sub.into(),
            restarts,
            result: "exit-code".into(),
            ..UnitState::default()
        }
    }

    #[test]
    fn the_first_broken_link_is_the_fault() {
        let link = |unit: &'static str, requires: &[&'static str]| Link { unit, requires: requires.to_vec() };
        let chain = [
            link(DOCKER, &[]),
            link("postgres.service", &[DOCKER]),
            link("synapse.service", &["postgres.service", "mas.service", DOCKER]),
            link("mas.service", &["postgres.service", DOCKER]),
            link("element.service", &[DOCKER]),
            link("traefik.service", &[DOCKER]),
            link("exim.service", &[DOCKER]),
        ];
        let states = BTreeMap::from([
            (DOCKER.to_owned(), state("active", "running", 0)),
            ("postgres.service".to_owned(), state("activating", "auto-restart", 17)),
            ("synapse.service".to_owned(), state("inactive", "dead", 0)),
            ("mas.service".to_owned(), state("failed", "failed", 0)),
            ("element.service".to_owned(), state("inactive", "dead", 0)),
            ("traefik.service".to_owned(), state("active", "running", 9)),
            ("exim.service".to_owned(), UnitState { load: "not-found".into(), ..state("inactive", "dead", 0) }),
        ]);
        let said = |finding: &Finding| format!("{:?} {}", finding.verdict, finding.text);
        insta::assert_snapshot!(judge(&chain, &states).iter().map(said).collect::<Vec<_>>().join("\n"), @"
        Good docker.service runs
        Bad postgres.service ends again and again; systemd has restarted it 17 times
        Skipped synapse.service stands still; it needs postgres.service, mas.service
        Skipped mas.service stands still; it needs postgres.service
        Bad element.service is stopped
        Warning traefik.service runs, and systemd had to restart it 9 times
        Bad exim.service is not there
        ");
    }
}
