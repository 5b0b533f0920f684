//! `self-check`: the server as the world sees it.

use std::net::IpAddr;

use camino::Utf8PathBuf;
use clap::Args;

use super::Exit;
use super::converge;
use super::global::GlobalArgs;
use crate::diagnostic::{Error, Kind, Result};
use crate::operation::self_check::{self, Client, Finding, Resolve, Verdict};
use crate::pipeline::{HostFacts, Loaded, Prepared};
use crate::report::Terminal;

/// Check from here what users and other servers see: names, ports, certificates, answers
///
/// Needs no connection to the host itself. Exits with 2 when something is bad.
#[derive(Debug, Default, Args)]
pub struct SelfCheckArgs {
    /// The host's address, where the inventory does not say the one that the world sees
    #[arg(long, value_name = "ADDRESS")]
    address: Vec<IpAddr>,
    /// Where a name leads, in place of what DNS says; `*` is every name
    #[arg(long, value_name = "NAME:PORT:ADDRESS[:PORT]")]
    resolve: Vec<Resolve>,
    /// Trust the certificate authorities in this file too
    #[arg(long, value_name = "FILE")]
    ca: Vec<Utf8PathBuf>,
}

impl SelfCheckArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        check(global, terminal, self).await
    }
}

/// Checks every server that the command line names.
pub async fn check(global: &GlobalArgs, terminal: &Terminal, args: &SelfCheckArgs) -> Result<Exit> {
    let loaded = converge::load(global, terminal)?;
    let client = Client::new(args.resolve.clone(), &args.ca)?;
    let mut all = Vec::new();
    for name in loaded.hosts()? {
        let prepared = Prepared::new(&loaded, &name, &HostFacts::assumed(), &[])?;
        let addresses = if args.address.is_empty() { addresses(&prepared, &client, &name).await? } else { args.address.clone() };
        let findings = self_check::self_check(&prepared, &client, &addresses, loaded.now).await?;
        if !terminal.json() {
            terminal.out(&text(&name, &findings, terminal, &loaded));
        }
        all.push((name, findings));
    }
    let bad = all.iter().flat_map(|(_, findings)| findings).filter(|finding| finding.verdict == Verdict::Bad).count();
    if terminal.json() {
        let hosts: Vec<_> = all.iter().map(|(host, findings)| serde_json::json!({"host": host, "checks": findings})).collect();
        terminal.out(&format!("{:#}\n", serde_json::json!({"version": 1, "hosts": hosts})));
    }
    Ok(if bad == 0 { 0 } else { Kind::HostFailed.exit_code() })
}

/// The addresses at which the inventory reaches a host.
async fn addresses(prepared: &Prepared, client: &Client, name: &str) -> Result<Vec<IpAddr>> {
    let variables = &prepared.variables;
    let host = match variables.definition("ansible_host") {
        Some(_) => variables.get("ansible_host")?.value.as_str().map(str::to_owned),
        None => None,
    };
    let host = host.unwrap_or_else(|| name.to_owned());
    match host.parse() {
        Ok(address) => Ok(vec![address]),
        Err(_) => client.addresses(&host).await.map_err(|error| {
            Error::new(Kind::Unreachable, format!("the address of `{host}` cannot be found: {error}"))
                .hint("is this machine online? `--address` says the host's address")
        }),
    }
}

fn text(name: &str, findings: &[Finding], terminal: &Terminal, loaded: &Loaded) -> String {
    let paint = |text: &str, code: &str| if terminal.color() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut lines = String::new();
    if loaded.hosts().is_ok_and(|hosts| hosts.len() > 1) {
        lines.push_str(&format!("{name}:\n"));
    }
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => paint("✓", "32"),
            Verdict::Warning => paint("!", "33"),
            Verdict::Bad => paint("✗", "31"),
            Verdict::Skipped => "-".to_owned(),
        };
        lines.push_str(&format!("{mark} {}\n", finding.text));
        if let Some(hint) = &finding.hint {
            lines.push_str(&format!("    hint: {hint}\n"));
        }
    }
    let count = |verdict: Verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    lines.push_str(&format!(
        "{} good, {} to look at, {} bad, {} not asked\n",
        count(Verdict::Good),
        count(Verdict::Warning),
        count(Verdict::Bad),
        count(Verdict::Skipped)
    ));
    lines
}
