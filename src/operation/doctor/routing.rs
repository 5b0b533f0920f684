//! Who answers logins: MAS in the place of Synapse, on the public entrypoint and on the internal one.

use std::time::Duration;

use super::proxy::Proxy;
use super::{Client, Context, Findings};
use crate::diagnostic::Result;
use crate::operation::self_check::Page;

const CHECK: &str = "routing";
/// MAS's compatibility layer (<https://element-hq.github.io/matrix-authentication-service/setup/homeserver.html>).
const LOGINS: [&str; 3] = ["/_matrix/client/v3/login", "/_matrix/client/v3/logout", "/_matrix/client/v3/refresh"];
const OTHERS: [&str; 2] = ["/_matrix/client/versions", "/_matrix/client/v3/account/whoami"];
/// Traefik looks for changes every few seconds.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// What answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Mas,
    Synapse,
    /// Traefik knows no service for it, or cannot reach the one that it knows.
    Nobody(u16),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mas => f.write_str("MAS"),
            Self::Synapse => f.write_str("Synapse"),
            Self::Nobody(status) => write!(f, "nobody behind Traefik (status {status})"),
        }
    }
}

/// Synapse names itself, or its nginx does; Traefik's own pages are plain text; MAS says nothing of itself.
fn who(page: &Page) -> Who {
    match page.server.as_deref() {
        Some(server) if server.starts_with("Synapse") || server.starts_with("nginx") => Who::Synapse,
        _ if matches!(page.status, 404 | 502 | 503 | 504) && page.json().is_none() => Who::Nobody(page.status),
        _ => Who::Mas,
    }
}

pub(super) async fn check(context: &Context<'_>, proxy: &Proxy, findings: &mut Findings) -> Result<()> {
    if context.service("matrix-synapse").is_none() {
        return Ok(());
    }
    let delegating = !context.is_true("matrix_authentication_service_migration_in_progress")?;
    let public = context.text("matrix_homeserver_url")?;
    entrypoint(&proxy.public, public.trim_end_matches('/'), "public", delegating, findings).await;
    if let Some(inside) = &proxy.inside {
        entrypoint(&proxy.internal, inside, "internal", delegating, findings).await;
    }
    Ok(())
}

async fn entrypoint(client: &Client, base: &str, name: &str, delegating: bool, findings: &mut Findings) {
    let mut wrong = Vec::new();
    for attempt in 1..=ATTEMPTS {
        wrong.clear();
        for (paths, wanted) in [(&LOGINS[..], if delegating { Who::Mas } else { Who::Synapse }), (&OTHERS[..], Who::Synapse)] {
            for path in paths {
                match client.get(&format!("{base}{path}")).await {
                    Ok(page) if who(&page) == wanted => {}
                    Ok(page) => wrong.push(format!("{path} is answered by {}, not by {wanted}", who(&page))),
                    Err(error) => wrong.push(format!("{path} gives no answer: {error}")),
                }
            }
        }
        if wrong.is_empty() || attempt == ATTEMPTS {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    judge(base, name, delegating, &wrong, findings);
}

fn judge(base: &str, name: &str, delegating: bool, wrong: &[String], findings: &mut Findings) {
    if wrong.is_empty() {
        let text = if delegating {
            format!("the {name} entrypoint leads login, logout and refresh to MAS, and the rest to Synapse")
        } else {
            format!("the {name} entrypoint leads all requests to Synapse, as it should while accounts move")
        };
        findings.good(CHECK, base, text);
        return;
    }
    let hint = if wrong.iter().any(|line| line.contains("nobody behind")) {
        "Traefik leaves out containers that are not healthy, and does not see those whose labels it may not read: \
         `journalctl -u matrix-traefik` and `-u matrix-container-socket-proxy` on the host"
    } else {
        "the labels decide: `homestead install-service matrix-authentication-service` writes them; a priority of your own in \
         `matrix_synapse_container_labels_*_priority` may outrank those of MAS"
    };
    findings.bad(CHECK, base, format!("the {name} entrypoint ({base}): {}", wrong.join("; ")), hint);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(status: u16, server: Option<&str>, body: &str) -> Page {
        Page { status, allow_origin: None, server: server.map(str::to_owned), body: body.to_owned() }
    }

    #[test]
    fn each_program_is_known_by_its_answer() {
        assert_eq!(who(&page(200, Some("Synapse/1.163.2"), "{}")), Who::Synapse);
        assert_eq!(who(&page(404, Some("Synapse/1.163.2"), "{\"errcode\":\"M_UNRECOGNIZED\"}")), Who::Synapse);
        assert_eq!(who(&page(405, Some("nginx"), "{}")), Who::Synapse);
        assert_eq!(who(&page(200, None, "{\"flows\":[]}")), Who::Mas);
        assert_eq!(who(&page(405, None, "")), Who::Mas);
        assert_eq!(who(&page(404, None, "404 page not found\n")), Who::Nobody(404));
        assert_eq!(who(&page(502, None, "Bad Gateway")), Who::Nobody(502));
    }
}
