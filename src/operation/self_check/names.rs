//! Names and ports: where they lead, and whether somebody answers there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Client, Findings, Site, Verdict};
use crate::diagnostic::Result;

/// The ports that take connections.
pub(super) struct Reachable {
    open: BTreeSet<(String, u16)>,
    /// Those of them that must speak TLS.
    tls: BTreeSet<(String, u16)>,
}

impl Reachable {
    pub(super) fn has(&self, name: &str, port: u16) -> bool {
        self.open.contains(&(name.to_owned(), port))
    }

    pub(super) fn with_tls(&self) -> impl Iterator<Item = (&str, u16)> {
        self.open.intersection(&self.tls).map(|(name, port)| (name.as_str(), *port))
    }
}

/// A name that the server is reached by.
#[derive(Default)]
struct Name {
    purposes: Vec<&'static str>,
    /// Port -> whether it speaks TLS.
    ports: BTreeMap<u16, bool>,
    /// It must lead to this host; the domain of the user ids may lead to another.
    here: bool,
}

pub(super) async fn check(site: &Site<'_>, client: &Client, addresses: &[IpAddr], findings: &mut Findings) -> Result<Reachable> {
    let mut reachable = Reachable { open: BTreeSet::new(), tls: BTreeSet::new() };
    for (name, wanted) in names(site)? {
        if !resolves(client, addresses, &name, &wanted, findings).await {
            continue;
        }
        for (port, tls) in wanted.ports {
            let place = format!("{name}:{port}");
            match client.connect(&name, port).await {
                Ok(_) => {
                    findings.good("port", &place, format!("{place} takes connections"));
                    reachable.open.insert((name.clone(), port));
                    if tls {
                        reachable.tls.insert((name.clone(), port));
                    }
                }
                Err(error) => findings.bad(
                    "port",
                    &place,
                    format!("{place} takes no connection: {error}"),
                    format!("does Traefik run (`homestead start-group traefik`), and does every firewall, the provider's too, let TCP port {port} in?"),
                ),
            }
        }
    }
    Ok(reachable)
}

/// Every name, with what it is for.
fn names(site: &Site<'_>) -> Result<BTreeMap<String, Name>> {
    let mut names: BTreeMap<String, Name> = BTreeMap::new();
    let mut add = |name: String, purpose: &'static str, port: u16, tls: bool, here: bool| {
        if !name.is_empty() {
            let entry = names.entry(name).or_default();
            if !entry.purposes.contains(&purpose) {
                entry.purposes.push(purpose);
            }
            entry.ports.insert(port, tls);
            entry.here |= here;
        }
    };
    let secure = site.truth("matrix_playbook_ssl_enabled")?;
    let web = if secure { 443 } else { 80 };
    let matrix = site.text("matrix_server_fqn_matrix")?;
    if site.has("matrix-synapse") {
        add(matrix.clone(), "the homeserver", web, secure, true);
    }
    if secure && site.has("traefik") && site.truth("traefik_config_entrypoint_web_enabled")? {
        add(matrix, "the homeserver", 80, false, true);
    }
    if let Some(port) = site.federation()? {
        add(site.text("matrix_server_fqn_matrix_federation")?, "federation", port, true, true);
    }
    if site.has("matrix-client-element") {
        add(site.text("matrix_client_element_hostname")?, "Element Web", web, secure, true);
    }
    if site.has("matrix-authentication-service") {
        add(site.text("matrix_authentication_service_hostname")?, "MAS", web, secure, true);
    }
    if site.has("matrix-static-files") {
        add(site.text("matrix_domain")?, "the well-known files", web, secure, site.serves_base_domain()?);
    }
    Ok(names)
}

/// Whether a name leads anywhere; says where, and whether that is right.
async fn resolves(client: &Client, addresses: &[IpAddr], name: &str, wanted: &Name, findings: &mut Findings) -> bool {
    if client.is_told(name) {
        return true;
    }
    let purposes = wanted.purposes.join(", ");
    // An address inside of a network says nothing about the one that the world sees.
    let comparable: Vec<&IpAddr> = addresses.iter().filter(|address| is_public(address)).collect();
    let target = comparable.first().map_or_else(|| "the host's address".to_owned(), ToString::to_string);
    let found = match client.addresses(name).await {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => {
            findings.bad(
                "dns",
                name,
                format!("{name} ({purposes}) has no address"),
                format!("add an A record for {name} that holds {target}"),
            );
            return false;
        }
        Err(error) => {
            findings.bad(
                "dns",
                name,
                format!("{name} ({purposes}) has no address: {error}"),
                format!("add an A record for {name} that holds {target}"),
            );
            return false;
        }
    };
    let shown = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let same_kind = |address: &IpAddr| comparable.iter().any(|known| known.is_ipv4() == address.is_ipv4());
    let strangers: Vec<String> =
        found.iter().filter(|address| same_kind(address) && !comparable.contains(address)).map(ToString::to_string).collect();
    if !wanted.here {
        findings.good("dns", name, format!("{name} ({purposes}) has the address {shown}"));
    } else if comparable.is_empty() {
        findings.good(
            "dns",
            name,
            format!("{name} ({purposes}) has the address {shown}; the inventory does not say whether that is the host's"),
        );
    } else if !strangers.is_empty() {
        findings.bad(
            "dns",
            name,
            format!("{name} ({purposes}) leads to {}, and the host is {target}", strangers.join(", ")),
            format!("change the A record of {name} to {target}; a proxy such as Cloudflare's must be off for it"),
        );
    } else if found.iter().any(|address| comparable.contains(&address)) {
        findings.good("dns", name, format!("{name} ({purposes}) leads to the host, {shown}"));
    } else {
        findings.add(
            "dns",
            name,
            Verdict::Warning,
            format!("{name} ({purposes}) has the address {shown}, and the inventory reaches the host at {target}"),
            Some(&format!("if {shown} is not the host's, change the record to {target}")),
        );
    }
    true
}

/// Seen from everywhere (RFC 1918, RFC 6598, RFC 4193 say which are not).
fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || (first == 100 && (64..128).contains(&second)))
        }
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unspecified() || address.is_unique_local() || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_addresses_are_not_compared() {
        for inner in ["10.1.2.3", "192.168.1.1", "127.0.0.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"] {
            assert!(!is_public(&inner.parse().unwrap()), "{inner}");
        }
        for outer in ["203.0.113.7", "100.128.0.1", "2001:db8::1"] {
            assert!(is_public(&outer.parse().unwrap()), "{outer}");
        }
    }
}
