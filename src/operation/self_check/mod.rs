//! Looks at a server from outside, as its users and other servers do: names, ports, certificates, answers.
//!
//! Nothing here connects over SSH, so that it works also when the host does not let anybody in.

pub(super) mod certificate;
mod client;
mod names;
mod service;

pub use client::{Client, Page, Resolve};

use std::net::IpAddr;
use std::time::SystemTime;

use serde::Serialize;

use crate::diagnostic::Result;
use crate::pipeline::Prepared;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and something should be done.
    Warning,
    /// It does not work.
    Bad,
    /// It could not be asked, because something before it is bad.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which: `dns`, `port`, `certificate`, `well-known`, `client-api`, `federation`, `mas`, `element`; and those of the doctor.
    pub check: &'static str,
    /// What was asked: a name, a name with a port, or an address of a page.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
    /// What the program in question wrote last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// When the certificate ends, in seconds since 1970; absent where the check is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<i64>,
}

/// Collects findings.
#[derive(Default)]
pub(super) struct Findings(pub Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, check: &'static str, name: &str, verdict: Verdict, text: impl Into<String>, hint: Option<&str>) {
        let (name, hint) = (name.to_owned(), hint.map(str::to_owned));
        self.0.push(Finding { check, name, verdict, text: text.into(), hint, log: Vec::new(), ends: None });
    }

    /// The finding that was added last is about a certificate that ends then.
    fn ends(&mut self, end: i64) {
        if let Some(last) = self.0.last_mut() {
            last.ends = Some(end);
        }
    }

    pub(super) fn good(&mut self, check: &'static str, name: &str, text: impl Into<String>) {
        self.add(check, name, Verdict::Good, text, None);
    }

    pub(super) fn bad(&mut self, check: &'static str, name: &str, text: impl Into<String>, hint: impl Into<String>) {
        self.add(check, name, Verdict::Bad, text, Some(&hint.into()));
    }
}

/// What the inventory says about a server, as far as it is seen from outside.
struct Site<'a> {
    prepared: &'a Prepared,
}

impl Site<'_> {
    fn value(&self, name: &str) -> Result<serde_json::Value> {
        let variables = &self.prepared.variables;
        if variables.definition(name).is_none() { Ok(serde_json::Value::Null) } else { Ok(variables.get(name)?.value) }
    }

    fn text(&self, name: &str) -> Result<String> {
        Ok(match self.value(name)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        })
    }

    fn truth(&self, name: &str) -> Result<bool> {
        Ok(matches!(self.text(name)?.as_str(), "true" | "True" | "yes" | "1"))
    }

    fn has(&self, role: &str) -> bool {
        self.prepared.desired.roles.iter().any(|name| name == role)
    }

    /// The port on which other servers reach it; nothing where it does not federate.
    fn federation(&self) -> Result<Option<u16>> {
        if !(self.has("matrix-synapse")
            && self.truth("matrix_homeserver_federation_enabled")?
            && self.truth("matrix_synapse_federation_enabled")?)
        {
            return Ok(None);
        }
        Ok(self.text("matrix_federation_public_port")?.parse().ok())
    }

    /// The host that holds `matrix_domain`'s pages is this one.
    fn serves_base_domain(&self) -> Result<bool> {
        self.truth("matrix_static_files_container_labels_base_domain_enabled")
    }
}

/// Checks a server. `addresses` are those of the host, `now` tells how long certificates last.
///
/// # Errors
/// The variables cannot be evaluated. What is wrong with the server is a finding, not an error.
pub async fn self_check(prepared: &Prepared, client: &Client, addresses: &[IpAddr], now: SystemTime) -> Result<Vec<Finding>> {
    let site = Site { prepared };
    let mut findings = Findings::default();
    let reachable = names::check(&site, client, addresses, &mut findings).await?;
    certificate::check(client, &reachable, now, &mut findings).await;
    service::check(&site, client, &reachable, &mut findings).await?;
    Ok(findings.0)
}
