//! Whether the mail server of MAS would take its mail.

use std::net::IpAddr;

use super::smtp::{self, Privacy, Question};
use super::{Client, Context, Docker, Findings, Verdict, words};
use crate::diagnostic::Result;
use crate::host::{Exec, ForwardingRefused};
use crate::secret::Secret;

const CHECK: &str = "mail";
const LOOK_UP: &str = r#"getent ahosts "$1" | awk '{ print $1; exit }'"#;

pub(super) async fn check(context: &Context<'_>, docker: &Docker, client: &Client, findings: &mut Findings) -> Result<()> {
    let variable = |name: &str| context.text(&format!("matrix_authentication_service_config_email_{name}"));
    match variable("transport")?.as_str() {
        "smtp" => {}
        "blackhole" => {
            let hint = "people who forget their password need one from you; docs/email.md says how to send mail";
            findings.add(CHECK, "blackhole", Verdict::Warning, "MAS is told to send no mail", Some(hint));
            return Ok(());
        }
        other => {
            findings.add(CHECK, other, Verdict::Skipped, format!("mail goes through `{other}`, which cannot be asked"), None);
            return Ok(());
        }
    }
    let server = variable("hostname")?;
    let number = context.variable("matrix_authentication_service_config_email_port")?;
    let number = number.and_then(|port| port.as_u64().or_else(|| port.as_str()?.parse().ok())).and_then(|port| u16::try_from(port).ok());
    let Some(port) = number else { return Ok(()) };
    let place = format!("{server}:{port}");
    // A neighbour in Docker, or a name that the host resolves.
    let container = docker.container(&server).await?;
    let neighbour = container.as_ref().and_then(|container| container.networks.values().flatten().next().copied());
    let address = match (neighbour, &container) {
        (Some(address), _) => Some(address),
        (None, Some(_)) => {
            findings.bad(CHECK, &place, format!("the mail relay `{server}` does not run"), "`homestead start-all` starts it");
            return Ok(());
        }
        (None, None) => look_up(context, &server).await?,
    };
    let Some(address) = address else {
        findings.bad(CHECK, &place, format!("the mail server `{server}` has no address on the host"), "is its name right?");
        return Ok(());
    };
    let stream = match context.host.tcp_stream(address, port).await {
        Ok(stream) => stream,
        Err(error) if error.source.as_ref().is_some_and(|source| source.is::<ForwardingRefused>()) => {
            findings.add(CHECK, &place, Verdict::Skipped, format!("the mail server {place} was not asked: {ForwardingRefused}"), None);
            return Ok(());
        }
        Err(error) => {
            let text = format!("the mail server {place} takes no connection: {}", words(context, error)?);
            findings.bad(
                CHECK,
                &place,
                text,
                "does it run, and does the provider of the host let mail out? Many close the ports 25 and 465",
            );
            return Ok(());
        }
    };
    let user = variable("username")?;
    let question = Question {
        server,
        own_name: context.text("matrix_server_fqn_matrix")?,
        privacy: match variable("mode")?.as_str() {
            "tls" => Privacy::FromTheBeginning,
            "starttls" => Privacy::StartTls,
            _ => Privacy::Never,
        },
        credentials: if user.is_empty() { None } else { Some((user, Secret::new(variable("password")?))) },
        sender: variable("from_address")?,
    };
    match smtp::ask(stream, &question, client.tls()).await {
        Ok(()) => findings.good(CHECK, &place, format!("the mail server {place} takes mail from {}", question.sender)),
        Err(problem) => {
            let problem = context.prepared.redactor().redact(&problem).into_owned();
            let hint = "the variables are `matrix_authentication_service_config_email_*`; docs/email.md says what they take";
            findings.bad(CHECK, &place, format!("the mail server {place} would not take MAS's mail: {problem}"), hint);
        }
    }
    Ok(())
}

async fn look_up(context: &Context<'_>, name: &str) -> Result<Option<IpAddr>> {
    if let Ok(address) = name.parse() {
        return Ok(Some(address));
    }
    let output = context.host.exec(Exec::new(LOOK_UP).arguments(&[name])).await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}
