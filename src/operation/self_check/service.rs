//! What the services answer.

use serde_json::Value as Json;

use super::client::Page;
use super::names::Reachable;
use super::{Client, Findings, Site, Verdict};
use crate::diagnostic::Result;

pub(super) async fn check(site: &Site<'_>, client: &Client, reachable: &Reachable, findings: &mut Findings) -> Result<()> {
    let asker = Asker { client, reachable };
    let issuer = issuer(site)?;
    if site.has("matrix-static-files") {
        well_known_client(site, &asker, issuer.as_deref(), findings).await?;
        if site.federation()?.is_some() {
            well_known_server(site, &asker, findings).await?;
        }
    }
    if site.has("matrix-synapse") {
        client_api(site, &asker, findings).await?;
        federation(site, &asker, findings).await?;
    }
    if site.has("matrix-authentication-service") {
        mas(site, &asker, issuer.as_deref(), findings).await?;
    }
    if site.has("matrix-client-element") {
        element(site, &asker, findings).await?;
    }
    Ok(())
}

/// MAS's issuer where Synapse asks MAS.
fn issuer(site: &Site<'_>) -> Result<Option<String>> {
    let delegating = site.has("matrix-authentication-service") && !site.truth("matrix_authentication_service_migration_in_progress")?;
    Ok(if delegating { Some(site.text("matrix_authentication_service_config_http_issuer")?) } else { None })
}

/// Asks only where a connection is possible: what hangs on a closed port was said once.
struct Asker<'a> {
    client: &'a Client,
    reachable: &'a Reachable,
}

impl Asker<'_> {
    /// A page with status 200; everything else becomes a finding.
    async fn page(&self, check: &'static str, url: &str, hint: &str, findings: &mut Findings) -> Option<Page> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let default = if url.starts_with("http://") { 80 } else { 443 };
        let (name, port) =
            authority.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))).unwrap_or((authority, default));
        if !self.reachable.has(name, port) {
            findings.add(check, url, Verdict::Skipped, format!("{url} was not asked for: there is no connection to {name}:{port}"), None);
            return None;
        }
        match self.client.get(url).await {
            Ok(page) if page.status == 200 => Some(page),
            Ok(page) => {
                findings.bad(check, url, format!("{url} answers with status {}", page.status), hint);
                None
            }
            Err(error) => {
                findings.bad(check, url, format!("{url} gives no answer: {error}"), hint);
                None
            }
        }
    }

    /// The same for JSON.
    async fn json(&self, check: &'static str, url: &str, hint: &str, findings: &mut Findings) -> Option<(Page, Json)> {
        let page = self.page(check, url, hint, findings).await?;
        let Some(json) = page.json() else {
            findings.bad(check, url, format!("{url} answers with something that is no JSON"), hint);
            return None;
        };
        Some((page, json))
    }
}

fn base_domain(site: &Site<'_>, file: &str) -> Result<String> {
    let scheme = site.text("matrix_static_files_scheme")?;
    Ok(format!("{scheme}://{}/.well-known/matrix/{file}", site.text("matrix_domain")?))
}

/// Where to mend the well-known files: here, or on the server of the domain.
fn mend_well_known(site: &Site<'_>, file: &str) -> Result<String> {
    let (domain, matrix) = (site.text("matrix_domain")?, site.text("matrix_server_fqn_matrix")?);
    Ok(if site.serves_base_domain()? {
        "`homestead install-service static-files` writes it; `homestead start-group matrix-static-files` starts its server".to_owned()
    } else {
        format!(
            "the web server of {domain} must pass /.well-known/matrix/{file} on to https://{matrix}/.well-known/matrix/{file}, or redirect to it; \
             where this host serves {domain}, set `matrix_static_files_container_labels_base_domain_enabled: true`"
        )
    })
}

async fn well_known_client(site: &Site<'_>, asker: &Asker<'_>, issuer: Option<&str>, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "well-known";
    let url = base_domain(site, "client")?;
    let hint = mend_well_known(site, "client")?;
    let Some((page, json)) = asker.json(CHECK, &url, &hint, findings).await else { return Ok(()) };
    let expected = site.text("matrix_homeserver_url")?;
    let same = |left: &str, right: &str| left.trim_end_matches('/') == right.trim_end_matches('/');
    let base = json.pointer("/m.homeserver/base_url").and_then(Json::as_str).unwrap_or_default();
    let announced = json.pointer("/org.matrix.msc2965.authentication/issuer").and_then(Json::as_str);
    if !same(base, &expected) {
        findings.bad(CHECK, &url, format!("{url} names the homeserver `{base}`, and it is `{expected}`"), hint);
    } else if page.allow_origin.as_deref() != Some("*") {
        findings.bad(
            CHECK,
            &url,
            format!("{url} may not be read by web clients: `Access-Control-Allow-Origin: *` is missing"),
            "the web server that serves it must add this header",
        );
    } else if let (Some(issuer), announced) = (issuer, announced)
        && !announced.is_some_and(|announced| same(announced, issuer))
    {
        findings.bad(CHECK, &url, format!("{url} names the issuer `{}`, and MAS is `{issuer}`", announced.unwrap_or("none")), hint);
    } else {
        findings.good(CHECK, &url, format!("{url} leads clients to {base}"));
    }
    Ok(())
}

async fn well_known_server(site: &Site<'_>, asker: &Asker<'_>, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "well-known";
    let url = base_domain(site, "server")?;
    let hint = mend_well_known(site, "server")?;
    let Some((_, json)) = asker.json(CHECK, &url, &hint, findings).await else { return Ok(()) };
    let expected = site.text("matrix_static_files_file_matrix_server_property_m_server")?;
    let server = json.get("m.server").and_then(Json::as_str).unwrap_or_default();
    if server == expected {
        findings.good(CHECK, &url, format!("{url} leads other servers to {server}"));
    } else {
        findings.bad(CHECK, &url, format!("{url} leads other servers to `{server}`, and it should be `{expected}`"), hint);
    }
    Ok(())
}

async fn client_api(site: &Site<'_>, asker: &Asker<'_>, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "client-api";
    let base = site.text("matrix_homeserver_url")?;
    let url = format!("{}/_matrix/client/versions", base.trim_end_matches('/'));
    let hint = "does Synapse run? `journalctl -u matrix-synapse` on the host; after a start, Traefik needs some seconds to notice it";
    let Some((_, json)) = asker.json(CHECK, &url, hint, findings).await else { return Ok(()) };
    match json.get("versions").and_then(Json::as_array).and_then(|versions| versions.last()).and_then(Json::as_str) {
        Some(version) => findings.good(CHECK, &url, format!("{url} answers; it speaks {version}")),
        None => findings.bad(CHECK, &url, format!("{url} does not answer as a homeserver does"), hint),
    }
    Ok(())
}

async fn federation(site: &Site<'_>, asker: &Asker<'_>, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "federation";
    let Some(port) = site.federation()? else { return Ok(()) };
    let url = format!("https://{}:{port}/_matrix/federation/v1/version", site.text("matrix_server_fqn_matrix_federation")?);
    let hint = "other servers cannot reach this one: `journalctl -u matrix-synapse` and `-u matrix-traefik` on the host say more";
    let Some((_, json)) = asker.json(CHECK, &url, hint, findings).await else { return Ok(()) };
    match json.pointer("/server/name").and_then(Json::as_str) {
        Some(name) => {
            let version = json.pointer("/server/version").and_then(Json::as_str).unwrap_or("of unknown version");
            findings.good(CHECK, &url, format!("{url} answers; it is {name} {version}"));
        }
        None => findings.bad(CHECK, &url, format!("{url} does not answer as a homeserver does"), hint),
    }
    Ok(())
}

async fn mas(site: &Site<'_>, asker: &Asker<'_>, issuer: Option<&str>, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "mas";
    let base = site.text("matrix_authentication_service_config_http_public_base")?;
    let url = format!("{}/.well-known/openid-configuration", base.trim_end_matches('/'));
    let hint =
        "does MAS run? `journalctl -u matrix-authentication-service` on the host; `homestead run-tags mas-cli-doctor` asks it itself";
    let Some((_, json)) = asker.json(CHECK, &url, hint, findings).await else { return Ok(()) };
    let expected = site.text("matrix_authentication_service_config_http_issuer")?;
    let said = json.get("issuer").and_then(Json::as_str).unwrap_or_default();
    if said != expected {
        findings.bad(
            CHECK,
            &url,
            format!("{url} names the issuer `{said}`, and the inventory says `{expected}`"),
            "`homestead install-all` brings both together",
        );
        return Ok(());
    }
    findings.good(CHECK, &url, format!("{url} answers; the issuer is {said}"));
    let Some(issuer) = issuer else { return Ok(()) };
    let homeserver = site.text("matrix_homeserver_url")?;
    let homeserver = homeserver.trim_end_matches('/');
    let url = format!("{homeserver}/_matrix/client/v1/auth_metadata");
    let hint = "Synapse keeps what MAS said: `homestead run-tags restart-group -e group=synapse`; then `homestead run-tags mas-cli-doctor`";
    if let Some((_, json)) = asker.json(CHECK, &url, hint, findings).await {
        let said = json.get("issuer").and_then(Json::as_str).unwrap_or_default();
        if said == issuer {
            findings.good(CHECK, &url, "Synapse and MAS agree on the issuer");
        } else {
            findings.bad(CHECK, &url, format!("Synapse takes `{said}` for the issuer, and MAS is `{issuer}`"), hint);
        }
    }
    let url = format!("{homeserver}/_matrix/client/v3/login");
    let hint = "old clients log in there through MAS: is its compatibility layer on (`matrix_authentication_service_container_labels_public_compatibility_layer_enabled`)?";
    if let Some((_, json)) = asker.json(CHECK, &url, hint, findings).await {
        let flows = json.get("flows").and_then(Json::as_array).map_or(0, Vec::len);
        if flows > 0 {
            findings.good(CHECK, &url, format!("{url} answers with {flows} ways to log in"));
        } else {
            findings.bad(CHECK, &url, format!("{url} offers no way to log in"), hint);
        }
    }
    Ok(())
}

async fn element(site: &Site<'_>, asker: &Asker<'_>, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "element";
    let url = site.text("matrix_client_element_url_endpoint_public")?;
    let hint = "does Element Web run? `journalctl -u matrix-client-element` on the host";
    let Some((_, json)) = asker.json(CHECK, &url, hint, findings).await else { return Ok(()) };
    let domain = site.text("matrix_domain")?;
    let said = json.pointer("/default_server_config/m.homeserver/server_name").and_then(Json::as_str).unwrap_or(&domain);
    if said == domain {
        findings.good(CHECK, &url, format!("{url} answers; it is for {domain}"));
    } else {
        findings.bad(
            CHECK,
            &url,
            format!("{url} is for `{said}`, and the server is `{domain}`"),
            "`homestead install-service element` writes it",
        );
    }
    Ok(())
}
