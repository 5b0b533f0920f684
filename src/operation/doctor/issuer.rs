//! Everybody must name the same issuer: the configuration, MAS, the well-known file, Synapse.

use super::proxy::Proxy;
use super::{Client, Context, Findings};
use crate::diagnostic::Result;

const CHECK: &str = "issuer";

/// Who names an issuer, where, and in which part of the answer.
struct Witness {
    who: &'static str,
    address: String,
    pointer: &'static str,
    hint: &'static str,
}

pub(super) async fn check(context: &Context<'_>, proxy: &Proxy, findings: &mut Findings) -> Result<()> {
    let issuer = context.text("matrix_authentication_service_config_http_issuer")?;
    for witness in witnesses(context)? {
        let said = ask(&proxy.public, &witness).await;
        judge(&witness, &issuer, said, findings);
    }
    Ok(())
}

fn witnesses(context: &Context<'_>) -> Result<Vec<Witness>> {
    let base = context.text("matrix_authentication_service_config_http_public_base")?;
    let mut witnesses = vec![Witness {
        who: "MAS",
        address: format!("{}/.well-known/openid-configuration", base.trim_end_matches('/')),
        pointer: "/issuer",
        hint: "`homestead install-all` brings MAS's configuration and the inventory together",
    }];
    if context.service("matrix-static-files").is_some() {
        let scheme = context.text("matrix_static_files_scheme")?;
        let here = context.is_true("matrix_static_files_container_labels_base_domain_enabled")?;
        let name = context.text(if here { "matrix_domain" } else { "matrix_server_fqn_matrix" })?;
        witnesses.push(Witness {
            who: "the well-known file",
            address: format!("{scheme}://{name}/.well-known/matrix/client"),
            pointer: "/org.matrix.msc2965.authentication/issuer",
            hint: "`homestead install-service static-files` writes it",
        });
    }
    if context.service("matrix-synapse").is_some() && !context.is_true("matrix_authentication_service_migration_in_progress")? {
        let homeserver = context.text("matrix_homeserver_url")?;
        witnesses.push(Witness {
            who: "Synapse",
            address: format!("{}/_matrix/client/v1/auth_metadata", homeserver.trim_end_matches('/')),
            pointer: "/issuer",
            hint: "Synapse keeps what MAS said once: `homestead run-tags restart-group -e group=synapse`",
        });
    }
    Ok(witnesses)
}

async fn ask(client: &Client, witness: &Witness) -> Result<Option<String>, String> {
    let page = client.get(&witness.address).await?;
    if page.status != 200 {
        return Err(format!("it answers with status {}", page.status));
    }
    let json = page.json().ok_or("it answers with something that is no JSON")?;
    Ok(json.pointer(witness.pointer).and_then(|issuer| issuer.as_str()).map(str::to_owned))
}

fn judge(witness: &Witness, issuer: &str, said: Result<Option<String>, String>, findings: &mut Findings) {
    let Witness { who, address, hint, .. } = witness;
    match said {
        Ok(Some(said)) if said == issuer => findings.good(CHECK, address, format!("{who} names the issuer {issuer}")),
        Ok(Some(said)) => {
            findings.bad(CHECK, address, format!("{who} names the issuer `{said}`, and the inventory says `{issuer}`"), *hint);
        }
        Ok(None) => findings.bad(CHECK, address, format!("{who} names no issuer, and the inventory says `{issuer}`"), *hint),
        Err(error) => findings.bad(CHECK, address, format!("{who} does not name its issuer at {address}: {error}"), *hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_is_another_issuer() {
        let witness = Witness { who: "Synapse", address: "https://m/a".into(), pointer: "/issuer", hint: "restart it" };
        let verdict = |said: Result<Option<String>, String>| {
            let mut findings = Findings::default();
            judge(&witness, "https://m/auth/", said, &mut findings);
            format!("{:?} {}", findings.0[0].verdict, findings.0[0].text)
        };
        assert_eq!(verdict(Ok(Some("https://m/auth/".into()))), "Good Synapse names the issuer https://m/auth/");
        assert_eq!(
            verdict(Ok(Some("https://m/auth".into()))),
            "Bad Synapse names the issuer `https://m/auth`, and the inventory says `https://m/auth/`"
        );
        assert!(verdict(Ok(None)).starts_with("Bad Synapse names no issuer"));
        assert!(verdict(Err("status 503".into())).contains("at https://m/a: status 503"));
    }
}
