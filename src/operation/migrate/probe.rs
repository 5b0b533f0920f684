//! Real logins, tried inside of the container network before the world comes back: an account that was made in Synapse for
//! this moves with the others, and must log in afterwards with its old password and its old token.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::time::{sleep, timeout};

use super::super::Context;
use super::super::register_user::{Made, NewUser, Registry};
use crate::desired::{Probe as HealthProbe, Service};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::Docker;
use crate::host::{Exec, ForwardingRefused, Stream};
use crate::secret::Secret;

/// What the names of such accounts begin with.
pub const PREFIX: &str = "homestead-probe-";
/// For one request.
const PATIENCE: Duration = Duration::from_secs(10);
/// A program that has just started may answer wrongly for a moment: Synapse asks MAS for its metadata first.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);
/// How often that is done where Docker's own look at a container's health is waited for.
const PATIENT_TURNS: u32 = 12;

/// Where sshd forwards no ports, a program on the host asks. The request stands in no argument.
const CURL: &str = "exec curl --silent --show-error --max-time 10 --config -";

/// Ends an account in MAS.
const END: &str = r#"exec docker exec "$1" mas-cli manage lock-user --deactivate "$2""#;

/// Where the two programs answer inside of the container network.
pub struct Servers<'a> {
    context: &'a Context<'a>,
    docker: Docker,
    synapse: &'a Service,
    mas: Option<&'a Service>,
}

/// An account to try logins with.
pub struct Probe {
    /// The local part of its name.
    pub username: String,
    password: Secret<String>,
    token: Secret<String>,
}

impl<'a> Servers<'a> {
    /// Those of a host.
    ///
    /// # Errors
    /// Synapse is not enabled; Docker does not answer.
    pub async fn of(context: &'a Context<'_>) -> Result<Self> {
        Ok(Self {
            context,
            docker: Docker::connect(context.host.clone()).await?,
            synapse: context.required_service("matrix-synapse")?,
            mas: context.service("matrix-authentication-service"),
        })
    }

    fn mas(&self) -> Result<(&Service, u16, &str)> {
        let service = self.mas.ok_or_else(|| Error::new(Kind::Invalid, "MAS is not enabled"))?;
        let (port, path) = address(service)?;
        Ok((service, port, path.strip_suffix("/.well-known/openid-configuration").unwrap_or_default()))
    }

    async fn ask(
        &self,
        service: &Service,
        port: u16,
        method: &str,
        path: &str,
        token: Option<&Secret<String>>,
        body: Option<&Json>,
    ) -> Result<Answer> {
        let container = self.docker.container(&service.container).await?;
        let address = container.and_then(|container| container.networks.values().flatten().next().copied());
        let address = address.ok_or_else(|| failed(&format!("{} does not run", service.unit)))?;
        request(self.context, address, port, method, path, token, body).await
    }

    async fn synapse(&self, method: &str, path: &str, token: Option<&Secret<String>>, body: Option<&Json>) -> Result<Answer> {
        let (port, _) = address(self.synapse)?;
        self.ask(self.synapse, port, method, path, token, body).await
    }

    /// Makes an account in Synapse and logs in with it.
    ///
    /// # Errors
    /// Synapse refuses.
    pub async fn make(&self, name: &str, password: Secret<String>) -> Result<Probe> {
        let username = format!("{PREFIX}{name}");
        let user = NewUser { username: username.clone(), password, admin: false };
        match Registry::of(self.context)?.make(self.context, &user).await? {
            Made::New => {}
            Made::Already => return Err(failed(&format!("there is an account `{username}` already"))),
        }
        let answer = self.synapse("POST", "/_matrix/client/v3/login", None, Some(&login(&user.username, &user.password))).await?;
        let token = answer.token().ok_or_else(|| failed(&format!("Synapse does not log `{username}` in: {}", answer.complaint())))?;
        Ok(Probe { username, password: user.password, token })
    }

    /// Tries the logins after the move. Each is tried for some seconds.
    ///
    /// # Errors
    /// The first that fails, in the server's words.
    pub async fn moved(&self, probe: &Probe) -> Result<()> {
        let (mas, port, prefix) = self.mas()?;
        let page = format!("{prefix}/login");
        until("the login page of MAS", || self.ask(mas, port, "GET", &page, None, None), |answer| answer.status < 400).await?;
        self.whoami(probe, &probe.token, "an access token from before").await?;
        let path = format!("{prefix}/_matrix/client/v3/login");
        let body = login(&probe.username, &probe.password);
        // Once: attempts are counted.
        let answer = self.ask(mas, port, "POST", &path, None, Some(&body)).await?;
        let token = answer.token().ok_or_else(|| {
            failed(&format!("an old password does not log in through MAS: status {}: {}", answer.status, answer.complaint()))
        })?;
        self.whoami(probe, &token, "an access token of a new login").await
    }

    /// Tries the logins after going back.
    ///
    /// # Errors
    /// Synapse does not offer passwords.
    pub async fn reverted(&self) -> Result<()> {
        let offers = |answer: &Answer| {
            answer.json["flows"].as_array().is_some_and(|flows| flows.iter().any(|flow| flow["type"] == "m.login.password"))
        };
        until("logins with passwords at Synapse", || self.synapse("GET", "/_matrix/client/v3/login", None, None), offers).await
    }

    /// Waits until Traefik leads clients to both programs, as other containers reach them; no longer than a minute, and not at all
    /// where there is no such way. Docker, and with it Traefik, takes its time to notice that a container is healthy.
    pub async fn until_served(&self) {
        let port = self.context.variable("matrix_playbook_internal_matrix_client_api_traefik_entrypoint_port");
        let port = port.ok().flatten().and_then(|port| port.as_u64()).and_then(|port| u16::try_from(port).ok());
        let (Some(traefik), Some(port)) = (self.context.service("traefik"), port) else { return };
        for path in ["/_matrix/client/v3/login", "/_matrix/client/versions"] {
            let mut served = Err(failed("nothing was asked"));
            for _ in 0..PATIENT_TURNS {
                served = until(path, || self.ask(traefik, port, "GET", path, None, None), |answer| answer.status == 200).await;
                if served.is_ok() {
                    break;
                }
            }
            if let Err(error) = served {
                self.context.warn(format!("the server does not answer through Traefik yet: {}", error.message));
            }
        }
    }

    async fn whoami(&self, probe: &Probe, token: &Secret<String>, what: &str) -> Result<()> {
        let is_it =
            |answer: &Answer| answer.json["user_id"].as_str().is_some_and(|user| user.starts_with(&format!("@{}:", probe.username)));
        until(what, || self.synapse("GET", "/_matrix/client/v3/account/whoami", Some(token), None), is_it).await
    }

    /// Ends the account in MAS.
    ///
    /// # Errors
    /// MAS refuses.
    pub async fn end(&self, username: &str) -> Result<()> {
        let (mas, _, _) = self.mas()?;
        let arguments = [mas.container.as_str(), username];
        let exec = Exec::new(END).arguments(&arguments);
        crate::host::run(&**self.context.host, &format!("ending the account {username}"), exec).await.map(drop)
    }

    /// Ends an account in Synapse, with its own password.
    ///
    /// # Errors
    /// Synapse refuses.
    pub async fn end_in_synapse(&self, probe: &Probe) -> Result<()> {
        let mut auth = login(&probe.username, &probe.password);
        let first = self.synapse("POST", DEACTIVATE, Some(&probe.token), Some(&json!({"erase": true}))).await?;
        auth["session"] = first.json["session"].clone();
        let body = json!({"erase": true, "auth": auth});
        let answer = self.synapse("POST", DEACTIVATE, Some(&probe.token), Some(&body)).await?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(failed(&format!("the account `{}` was not ended: {}", probe.username, answer.complaint())))
        }
    }
}

const DEACTIVATE: &str = "/_matrix/client/v3/account/deactivate";

fn login(username: &str, password: &Secret<String>) -> Json {
    json!({
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": username},
        "password": password.reveal(),
        "initial_device_display_name": "homestead migrate",
    })
}

fn failed(message: &str) -> Error {
    Error::new(Kind::HostFailed, message.to_owned())
}

fn address(service: &Service) -> Result<(u16, &str)> {
    match service.health.as_ref().map(|health| &health.probe) {
        Some(HealthProbe::Http { port, path }) => Ok((*port, path)),
        _ => Err(failed(&format!("nothing says where {} answers", service.unit))),
    }
}

/// Asks until it is good.
async fn until<F: Future<Output = Result<Answer>>>(what: &str, ask: impl Fn() -> F, good: impl Fn(&Answer) -> bool) -> Result<()> {
    let mut last = String::new();
    for _ in 0..TRIES {
        match ask().await {
            Ok(answer) if good(&answer) => return Ok(()),
            Ok(answer) => last = format!("status {}: {}", answer.status, answer.complaint()),
            Err(error) if error.kind == Kind::Unreachable => return Err(error),
            Err(error) => last = error.message,
        }
        sleep(PAUSE).await;
    }
    Err(failed(&format!("{what}: no good answer: {last}")))
}

/// What a server answered.
struct Answer {
    status: u16,
    json: Json,
}

impl Answer {
    fn token(&self) -> Option<Secret<String>> {
        self.json["access_token"].as_str().filter(|_| self.status == 200).map(|token| Secret::new(token.to_owned()))
    }

    /// The server's own words; nothing of a good answer, which may hold a token.
    fn complaint(&self) -> &str {
        self.json["error"].as_str().unwrap_or("no reason given")
    }
}

async fn request(
    context: &Context<'_>,
    address: IpAddr,
    port: u16,
    method: &str,
    path: &str,
    token: Option<&Secret<String>>,
    body: Option<&Json>,
) -> Result<Answer> {
    let authority = SocketAddr::new(address, port).to_string();
    let body = body.map(Json::to_string).unwrap_or_default();
    let no_answer = |why: &dyn std::fmt::Display| failed(&format!("`{method} {path}` gets no answer: {why}"));
    let stream = match timeout(PATIENCE, context.host.tcp_stream(address, port)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.source.as_ref().is_some_and(|source| source.is::<ForwardingRefused>()) => {
            return on_host(context, method, &format!("http://{authority}{path}"), token, &body).await;
        }
        Ok(Err(error)) if error.kind == Kind::Unreachable => return Err(error),
        Ok(Err(error)) => return Err(no_answer(&error)),
        Err(_) => return Err(no_answer(&"no connection")),
    };
    match timeout(PATIENCE, over(stream, &authority, method, path, token, body)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(no_answer(&error)),
        Err(_) => Err(no_answer(&format!("nothing in {} s", PATIENCE.as_secs()))),
    }
}

async fn over(
    stream: Box<dyn Stream>,
    authority: &str,
    method: &str,
    path: &str,
    token: Option<&Secret<String>>,
    body: String,
) -> std::result::Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::builder().method(method).uri(path).header("Host", authority).header("Connection", "close");
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {}", token.reveal()));
    }
    let request = request.header("Content-Type", "application/json").body(Full::new(Bytes::from(body)))?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>(Answer { status, json: serde_json::from_slice(&bytes).unwrap_or(Json::Null) })
    };
    tokio::pin!(answer);
    // The connection must be driven as long as the answer is awaited, and no longer: some servers keep it open.
    Ok(tokio::select! {
        answer = &mut answer => answer?,
        ended = connection => {
            ended?;
            answer.await?
        }
    })
}

async fn on_host(context: &Context<'_>, method: &str, url: &str, token: Option<&Secret<String>>, body: &str) -> Result<Answer> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut lines = format!("url = \"{}\"\nrequest = \"{method}\"\nwrite-out = \"\\n%{{http_code}}\"\n", quoted(url));
    lines.push_str("header = \"Content-Type: application/json\"\n");
    if let Some(token) = token {
        lines.push_str(&format!("header = \"Authorization: Bearer {}\"\n", quoted(token.reveal())));
    }
    if !body.is_empty() {
        lines.push_str(&format!("data = \"{}\"\n", quoted(body)));
    }
    let output = context.host.exec(Exec::new(CURL).stdin(lines.as_bytes())).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (json, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    match status.trim().parse() {
        Ok(status) if output.status == 0 => Ok(Answer { status, json: serde_json::from_str(json).unwrap_or(Json::Null) }),
        _ => Err(failed(&format!("`{method} {url}` gets no answer: {}", crate::host::complaint(&output)))),
    }
}
