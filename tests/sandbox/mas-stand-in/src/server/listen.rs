//! Listeners: binds them, wraps their routes in the request log, and serves.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client_address::client_address;
use super::{App, Peer, router};
use crate::config::Bind;
use crate::log::{self, Level};

static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Binds every listener and serves in the background until `stop` changes.
pub async fn serve(app: &App, stop: &watch::Receiver<bool>) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for listener in &app.config.http.listeners {
        if listener.proxy_protocol {
            bail!("this stand-in does not speak the PROXY protocol (`http.listeners[].proxy_protocol`)");
        }
        if listener.tls.is_some() {
            bail!("this stand-in does not serve TLS (`http.listeners[].tls`)");
        }
        let routes = router(app, listener).layer(middleware::from_fn_with_state(app.clone(), log_request));
        let name = listener.name.as_deref().unwrap_or("unnamed");
        for bind in &listener.binds {
            start(&mut tasks, bind, routes.clone(), stop.clone()).await.with_context(|| format!("could not bind the listener `{name}`"))?;
            crate::info!("listener `{name}` listens on {}", describe(bind));
        }
    }
    Ok(tasks)
}

async fn start(tasks: &mut JoinSet<()>, bind: &Bind, routes: Router, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let service = routes.into_make_service_with_connect_info::<Peer>();
    let stopped = async move {
        // The sender going away stops the server as well.
        let _ = stop.changed().await;
    };
    let tcp = match bind {
        Bind::Port { host: None, port } => TcpListener::bind(("::", *port)).await?,
        Bind::Port { host: Some(host), port } => TcpListener::bind((host.as_str(), *port)).await?,
        Bind::Address(address) => TcpListener::bind(address.as_str()).await?,
        Bind::Socket { socket, mode } => {
            let listener = bind_socket(socket, *mode)?;
            tasks.spawn(async move { ended(axum::serve(listener, service).with_graceful_shutdown(stopped).await) });
            return Ok(());
        }
        Bind::Descriptor => bail!("this stand-in does not take file descriptors"),
    };
    tasks.spawn(async move { ended(axum::serve(tcp, service).with_graceful_shutdown(stopped).await) });
    Ok(())
}

fn bind_socket(socket: &Path, mode: Option<u32>) -> anyhow::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    if let Some(mode) = mode {
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(listener)
}

fn ended(result: std::io::Result<()>) {
    if let Err(error) = result {
        crate::error!("a listener stopped: {error}");
    }
}

fn describe(bind: &Bind) -> String {
    match bind {
        Bind::Port { host, port } => format!("http://{}:{port}", host.as_deref().unwrap_or("[::]")),
        Bind::Address(address) => format!("http://{address}"),
        Bind::Socket { socket, .. } => format!("unix:{}", socket.display()),
        Bind::Descriptor => "a file descriptor".to_owned(),
    }
}

/// Answers preflight requests, lets browsers read the answers, and writes one line a request.
async fn log_request(State(app): State<App>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let method = request.method().clone();
    let line = format!("\"{method} {} {:?}\"", request.uri().path(), request.version());
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    let client = client_address(peer, request.headers(), &app.config.http.trusted_proxies);

    let mut response = if method == Method::OPTIONS { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if method == Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        let allowed = HeaderValue::from_static("authorization, content-type");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }

    let status = response.status();
    let level = match status.as_u16() {
        500.. => Level::Error,
        400.. => Level::Warn,
        _ => Level::Info,
    };
    let mut message = format!("{line} {status} \"{agent}\" [elapsed: {:.1}ms]", started.elapsed().as_secs_f64() * 1000.0);
    if let Some(client) = client {
        message.push_str(&format!(" client.address={client}"));
    }
    log::write(level, &format!("http.server.response {method}-{number}"), &message);
    response
}
