//! A service that answers is of use to nobody before the reverse proxy leads to it: it learns of new containers late.

use super::Run;
use crate::desired::Service;
use crate::host::Script;

const ROUTES: &str = include_str!("../host/scripts/routes.sh");

/// For how long the reverse proxy is waited for; it goes by Docker's own health checks, which may come every half minute.
const LIMIT_SECONDS: u64 = 40;

/// Waits for the public addresses of what restarts, and of everything where the proxy itself does; nothing where there is none,
/// or where the proxy is not ours or does not listen at their port.
pub fn script(run: &Run<'_>) -> Option<Script> {
    let services = || run.desired.services.iter().filter(|service| service.autostart);
    let moves = |service: &Service| run.plan.restarts.iter().any(|restart| restart.unit == service.unit);
    let proxy = services().find(|service| service.role == "traefik")?;
    // What it asks about containers may stand between it and Docker.
    let all = moves(proxy) || services().any(|service| proxy.requires.contains(&service.unit) && moves(service));
    let routes = services().filter(|service| all || moves(service)).filter_map(|service| {
        let route = service.health.as_ref()?.route.as_ref()?;
        port(route).filter(|port| proxy.ports.contains(port)).map(|_| [service.unit.clone(), service.container.clone(), route.clone()])
    });
    let routes: Vec<String> = routes.flatten().collect();
    (!routes.is_empty()).then(|| Script::new(ROUTES, std::iter::once(LIMIT_SECONDS.to_string()).chain(routes)))
}

/// What a line of the script says, for people.
pub fn warning(line: &str) -> Option<String> {
    let [unit, url, status] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let answer = if status == "000" { "gives no answer".to_owned() } else { format!("gives status {status}") };
    Some(format!("{unit} is healthy, but {url} {answer} still: Traefik does not lead to it; `homestead self-check` looks closer"))
}

/// The port of an URL; only those with TLS, as a proxy in front of ours decides about the others.
fn port(url: &str) -> Option<u16> {
    let authority = url.strip_prefix("https://")?.split('/').next()?;
    authority.rsplit_once(':').map_or(Some(443), |(_, port)| port.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_ports() {
        assert_eq!(port("https://matrix.example.com/_matrix/client/versions"), Some(443));
        assert_eq!(port("https://matrix.example.com:8443/x"), Some(8443));
        assert_eq!(port("http://matrix.example.com/x"), None);
    }

    #[test]
    fn a_missing_route_is_told() {
        assert_eq!(
            warning("a.service\thttps://a.example.com/\t404").unwrap(),
            "a.service is healthy, but https://a.example.com/ gives status 404 still: Traefik does not lead to it; \
             `homestead self-check` looks closer"
        );
        assert!(warning("nonsense").is_none());
    }
}
