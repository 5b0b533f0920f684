//! `mas-cli doctor`, judged: the program itself exits with 0 whatever it finds.

use std::time::Duration;

use super::{Context, Finding, Findings, Verdict};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Channel, Exec};
use crate::operation::output::Lines;
use crate::report::Event;

/// Runs inside MAS's container; the image has no shell.
const DOCTOR: &str = r#"exec docker exec "$1" mas-cli doctor"#;

/// Starts MAS where it does not run, runs its doctor, shows every line, and judges them.
///
/// # Errors
/// Kind `HostFailed` where a line is not good, naming the lines.
pub async fn doctor(context: &Context<'_>) -> Result<()> {
    let service = context.required_service("matrix-authentication-service")?;
    context.ensure_running(service).await?;
    context.stage("asking mas-cli doctor");
    let mut attempt = ask(context, &service.container).await?;
    // What has just started may not be routed yet: Traefik looks every few seconds.
    for _ in 1..ATTEMPTS {
        if attempt.status == 0 && attempt.judged.verdict().is_ok() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        attempt = ask(context, &service.container).await?;
    }
    for (channel, line) in attempt.lines {
        (context.sink)(context.name, Event::Output { line, stderr: channel == Channel::Stderr });
    }
    if attempt.status != 0 {
        return Err(Error::new(Kind::HostFailed, format!("mas-cli doctor ended with {}", attempt.status))
            .hint(format!("`journalctl -u {}` on the host may say more", service.unit)));
    }
    attempt.judged.verdict()?;
    context.done("every line is good");
    Ok(())
}

/// Asks it where MAS runs; each of its lines becomes a finding.
pub(super) async fn check(context: &Context<'_>, container: &str, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "mas-cli";
    let attempt = ask(context, container).await?;
    for line in &attempt.judged.good_lines {
        findings.good(CHECK, container, line.clone());
    }
    for line in &attempt.judged.bad {
        findings.0.push(Finding {
            check: CHECK,
            name: container.to_owned(),
            verdict: Verdict::Bad,
            text: format!("mas-cli doctor: {line}"),
            hint: secret_hint(line),
            log: Vec::new(),
            ends: None,
        });
    }
    if attempt.status != 0 || (attempt.judged.good_lines.is_empty() && attempt.judged.bad.is_empty()) {
        let text = format!("mas-cli doctor ended with {} and said nothing that could be judged", attempt.status);
        let log = attempt.lines.into_iter().map(|(_, line)| line).collect();
        findings.0.push(Finding { check: CHECK, name: container.to_owned(), verdict: Verdict::Bad, text, hint: None, log, ends: None });
    }
    Ok(())
}

/// How often doctor is asked before a bad line counts, and how long the pauses are.
const ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_secs(2);

/// What doctor said once.
struct Attempt {
    lines: Vec<(Channel, String)>,
    judged: Judgement,
    status: u32,
}

async fn ask(context: &Context<'_>, container: &str) -> Result<Attempt> {
    let redactor = context.prepared.redactor();
    let mut lines = Lines::default();
    let mut judged = Judgement::default();
    let mut said = Vec::new();
    let mut take = |channel: Channel, line: String| {
        let line = redactor.redact(&line).into_owned();
        judged.line(channel, &line);
        said.push((channel, line));
    };
    let status = context
        .host
        .exec_streaming(Exec::new(DOCTOR).arguments(&[container]), &mut |channel, bytes| {
            for line in lines.add(channel, bytes) {
                take(channel, line);
            }
        })
        .await?;
    for (channel, line) in lines.rest() {
        take(channel, line);
    }
    Ok(Attempt { lines: said, judged, status })
}

/// Good is: check lines with the tick, and nothing at WARN or ERROR. Not every failure carries a cross.
#[derive(Debug, Default)]
struct Judgement {
    good_lines: Vec<String>,
    bad: Vec<String>,
}

impl Judgement {
    fn line(&mut self, channel: Channel, line: &str) {
        let plain = without_colors(line);
        let words: Vec<&str> = plain.split_whitespace().collect();
        let complaint = channel == Channel::Stderr && words.iter().any(|word| matches!(*word, "WARN" | "ERROR"));
        if plain.contains('❌') || plain.contains('⚠') || complaint {
            self.bad.push(plain.trim().to_owned());
        } else if plain.contains('✅') {
            self.good_lines.push(plain.split_once('✅').map_or("", |(_, said)| said).trim().to_owned());
        }
    }

    fn verdict(&self) -> Result<()> {
        match (self.bad.as_slice(), self.good_lines.len()) {
            ([], 0) => Err(Error::new(Kind::HostFailed, "mas-cli doctor said nothing that could be judged")),
            ([], _) => Ok(()),
            (bad, _) => {
                let mut error = Error::new(Kind::HostFailed, format!("mas-cli doctor found {} bad lines: {}", bad.len(), bad.join(" | ")));
                if let Some(hint) = secret_hint(&bad.join("\n")) {
                    error = error.hint(hint);
                }
                Err(error)
            }
        }
    }
}

/// What complaints about a secret that is not shared look like.
fn secret_hint(complaint: &str) -> Option<String> {
    let about = complaint.contains("403") || complaint.contains("503") || complaint.to_lowercase().contains("secret");
    about.then(|| {
        "the shared secret of MAS (`matrix_authentication_service_config_matrix_secret`) and of Synapse must be the same; \
         leave both to their defaults, or set both"
            .to_owned()
    })
}

/// A line without terminal escapes.
fn without_colors(line: &str) -> String {
    let mut plain = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A control sequence ends with a letter.
            for part in characters.by_ref() {
                if part.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_alone_are_good() {
        let mut judgement = Judgement::default();
        judgement.line(Channel::Stdout, "✅ Homeserver is reachable");
        judgement.line(Channel::Stderr, "2026-11-22T03:00:00Z  INFO mas_cli: doing things with ERRORS in a name");
        assert!(judgement.verdict().is_ok());
    }

    #[test]
    fn a_warning_without_a_cross_is_bad_and_so_is_silence() {
        let mut judgement = Judgement::default();
        judgement.line(Channel::Stdout, "✅ one");
        judgement.line(Channel::Stderr, "\u{1b}[2m2026\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m the homeserver answered 403");
        let error = judgement.verdict().unwrap_err();
        assert!(error.message.contains("403") && error.hints[0].contains("shared secret"), "{error:?}");
        assert_eq!(error.kind.exit_code(), 2);
        assert!(Judgement::default().verdict().is_err());
    }
}
