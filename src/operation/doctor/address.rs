//! Whose address MAS sees: the client's, or that of the reverse proxy for everybody.
//!
//! MAS limits logins by address. Where it sees the proxy's, one guesser of passwords locks everybody out.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value as Json;

use super::proxy::Proxy;
use super::{Context, Findings};
use crate::desired::Service;
use crate::diagnostic::Result;
use crate::host::systemd;

const CHECK: &str = "address";
const TRUSTED: &str = "matrix_authentication_service_config_http_trusted_proxies";
const LOG_LINES: u32 = 200;
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn check(context: &Context<'_>, proxy: &Proxy, mas: &Service, findings: &mut Findings) -> Result<()> {
    let trusted = context.variable(TRUSTED)?.unwrap_or_default();
    let trusted: Vec<&str> = trusted.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    if let Some(finding) = untrusted(&proxy.addresses, &trusted) {
        findings.bad(CHECK, &mas.container, finding, format!("add its network to `{TRUSTED}`, and leave the private networks in it"));
        return Ok(());
    }
    // A request of its own, known by its name, so that MAS's log tells whose it takes it for.
    let mark = format!("homestead-doctor/{:016x}", rand::random::<u64>());
    let base = context.text("matrix_authentication_service_config_http_public_base")?;
    let client = proxy.public.called(&mark);
    if client.get(&format!("{}/.well-known/openid-configuration", base.trim_end_matches('/'))).await.is_err() {
        // That MAS gives no answer is said elsewhere.
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        let log = systemd::journal_tail(&**context.host, &mas.unit, LOG_LINES).await?;
        if let Some(line) = log.iter().find(|line| line.contains(&mark)) {
            judge(&mas.container, seen(line), &proxy.addresses, findings);
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    findings.good(CHECK, &mas.container, "MAS believes Traefik what it says about clients' addresses");
    Ok(())
}

/// In words, where an address of the proxy is in no network that MAS believes.
fn untrusted(proxy: &[IpAddr], trusted: &[&str]) -> Option<String> {
    let stranger = proxy.iter().find(|address| !trusted.iter().any(|network| contains(network, **address)))?;
    Some(format!(
        "MAS does not believe the reverse proxy at {stranger} whose requests it hands on: everybody shares one address for MAS's limits"
    ))
}

/// Whether a network such as `172.16.0.0/12` has an address.
fn contains(network: &str, address: IpAddr) -> bool {
    let (base, length) = network.split_once('/').unwrap_or((network, ""));
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let Ok(base) = base.parse::<IpAddr>() else { return false };
    if base.is_ipv4() != address.is_ipv4() {
        return false;
    }
    let ((base, size), (address, _)) = (bits(base), bits(address));
    let length: u32 = if length.is_empty() { size } else { length.parse().unwrap_or(size) };
    length == 0 || (base ^ address) >> (128 - length.min(size)) == 0
}

/// The address of the client in a line of MAS's log.
fn seen(line: &str) -> Option<IpAddr> {
    let (_, rest) = line.split_once("client.address")?;
    let text: String = rest
        .trim_start_matches(['=', ':', '"', ' '])
        .chars()
        .take_while(|letter| letter.is_ascii_hexdigit() || ".:".contains(*letter))
        .collect();
    text.parse().ok()
}

fn judge(container: &str, seen: Option<IpAddr>, proxy: &[IpAddr], findings: &mut Findings) {
    match seen {
        Some(address) if proxy.contains(&address) => findings.bad(
            CHECK,
            container,
            format!("MAS takes the reverse proxy's address, {address}, for the client's: everybody shares it for MAS's limits"),
            format!("`{TRUSTED}` must hold the network of {address}; does a proxy of yours in front of Traefik send `X-Forwarded-For`?"),
        ),
        Some(address) => {
            findings.good(CHECK, container, format!("MAS sees the client's address: {address} for a request from the host itself"));
        }
        None => findings.good(CHECK, container, "MAS believes Traefik what it says about clients' addresses"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_addresses() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(contains("172.16.0.0/12", ip("172.31.255.1")) && !contains("172.16.0.0/12", ip("172.32.0.1")));
        assert!(contains("10.0.0.0/10", ip("10.63.0.1")) && !contains("10.0.0.0/10", ip("10.64.0.1")));
        assert!(contains("fd00::/8", ip("fd12::1")) && !contains("fd00::/8", ip("172.16.0.1")) && contains("::/0", ip("2001:db8::1")));
        assert!(
            contains("192.0.2.1", ip("192.0.2.1")) && !contains("192.0.2.1", ip("192.0.2.2")) && !contains("nonsense", ip("192.0.2.1"))
        );
        assert!(untrusted(&[ip("172.18.0.3")], &["172.16.0.0/12"]).is_none());
        assert!(untrusted(&[ip("172.18.0.3"), ip("10.64.0.2")], &["172.16.0.0/12", "10.0.0.0/10"]).unwrap().contains("at 10.64.0.2"));
    }

    #[test]
    fn the_log_tells_whose_address_it_is() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(seen(r#"GET-4 "GET /x HTTP/1.1" 200 OK "homestead-doctor/1" [1ms] client.address=172.18.0.1"#), Some(ip("172.18.0.1")));
        assert_eq!(seen(r#"client.address: "2001:db8::7", status"#), Some(ip("2001:db8::7")));
        assert_eq!(seen("GET-4 200 OK"), None);
        let verdict = |address: Option<&str>| {
            let mut findings = Findings::default();
            judge("mas", address.map(ip), &[ip("172.18.0.5")], &mut findings);
            findings.0[0].verdict
        };
        use super::super::Verdict;
        assert_eq!([verdict(Some("172.18.0.5")), verdict(Some("172.18.0.1")), verdict(None)], [Verdict::Bad, Verdict::Good, Verdict::Good]);
    }
}
