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

    /// What asks, in the way that the command line says.
    pub fn client(&self) -> Result<Client> {
        Client::new(self.resolve.clone(), &self.ca)
    }

    /// The host's addresses: those of the command line, else those of the inventory.
    pub async fn addresses(&self, prepared: &Prepared, client: &Client, name: &str) -> Result<Vec<IpAddr>> {
        if self.address.is_empty() { addresses(prepared, client, name).await } else { Ok(self.address.clone()) }
    }
}

/// Checks every server that the command line names.
pub async fn check(global: &GlobalArgs, terminal: &Terminal, args: &SelfCheckArgs) -> Result<Exit> {
    let loaded = converge::load(global, terminal)?;
    let client = args.client()?;
    let mut all = Vec::new();
    for name in loaded.hosts()? {
        let prepared = Prepared::new(&loaded, &name, &HostFacts::assumed(), &[])?;
        let addresses = args.addresses(&prepared, &client, &name).await?;
        let findings = self_check::self_check(&prepared, &client, &addresses, loaded.now).await?;
        if !terminal.json() {
            terminal.out(&text(&name, &findings, terminal, loaded.hosts()?.len() > 1));
        }
        all.push((name, findings));
    }
    Ok(end(&all, terminal))
}

/// The document for programs, and the exit code.
pub fn end(all: &[(String, Vec<Finding>)], terminal: &Terminal) -> Exit {
    let bad = all.iter().flat_map(|(_, findings)| findings).filter(|finding| finding.verdict == Verdict::Bad).count();
    if terminal.json() {
        let hosts: Vec<_> = all.iter().map(|(host, findings)| serde_json::json!({"host": host, "checks": findings})).collect();
        terminal.out(&format!("{:#}\n", serde_json::json!({"version": 1, "hosts": hosts})));
    }
    if bad == 0 { 0 } else { Kind::HostFailed.exit_code() }
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

/// Checks one server as it is known already, and shows what is found.
pub async fn examine(terminal: &Terminal, args: &SelfCheckArgs, loaded: &Loaded, name: &str, prepared: &Prepared) -> Result<Exit> {
    let client = args.client()?;
    let addresses = args.addresses(prepared, &client, name).await?;
    let findings = self_check::self_check(prepared, &client, &addresses, loaded.now).await?;
    terminal.tell(name, "self_check", &serde_json::json!({"checks": findings}));
    if !terminal.json() {
        terminal.out(&text(name, &findings, terminal, loaded.hosts()?.len() > 1));
    }
    let bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    Ok(if bad { Kind::HostFailed.exit_code() } else { 0 })
}

/// A host's findings for people; with its name where there are several hosts.
pub fn text(name: &str, findings: &[Finding], terminal: &Terminal, several: bool) -> String {
    let paint = |text: &str, code: &str| if terminal.color() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut lines = String::new();
    if several {
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
        for line in &finding.log {
            lines.push_str(&format!("    | {line}\n"));
        }
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
