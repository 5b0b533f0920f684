//! The daemon's life: everything is opened, runs together, and ends in order.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::api::{self, Door, Service};
use super::clock::{Clock, SystemClock};
use super::commands::{Commands, Stop};
use super::engine::{Engine, Handle, Parts, Request};
use super::notify::{Notifier, messengers};
use super::pages;
use super::settings::Settings;
use super::store::Store;
use super::watch::Watch;
use crate::diagnostic::{Error, Kind, Result};
use crate::secret::Secret;

/// Where the socket is when the settings name none.
pub const SOCKET: &str = "/run/homestead/daemon.sock";
/// Where the database is when the settings name none.
pub const DATABASE: &str = "/var/lib/homestead-daemon/daemon.sqlite";

/// What the daemon is started with.
pub struct Start {
    /// `daemon.toml`; the defaults where there is none.
    pub config: Option<Utf8PathBuf>,
    /// What it does to hosts.
    pub commands: Arc<dyn Commands>,
    /// The inventory's files and folders.
    pub inventory: Vec<PathBuf>,
}

/// Runs the daemon until a signal ends it: SIGTERM or SIGINT let what goes on come to its next safe place, a second
/// one ends it at once; SIGHUP reads the settings again.
///
/// # Errors
/// The settings are wrong; the database, the socket or the port cannot be opened.
pub async fn live(start: Start) -> Result<()> {
    let settings = Arc::new(read_settings(start.config.as_deref())?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let database = settings.store.path.clone().unwrap_or_else(|| Utf8PathBuf::from(DATABASE));
    let store = Store::open(&database).map_err(|error| {
        broken(error.to_string())
            .hint(format!("the database is `{database}`; the setting `path` in the section `store` names another place"))
    })?;
    let mut watch = Watch::new(&start.inventory).map_err(|error| broken(format!("the inventory cannot be watched: {error}")))?;
    let stop = Stop::default();
    let parts = Parts {
        store: store.clone(),
        commands: start.commands.clone(),
        clock: clock.clone(),
        settings: settings.clone(),
        notifier: notifier(&store, &settings)?,
        new_run_id: Box::new(|now| format!("{}-{:08x}", now.strftime("%Y%m%dT%H%M%SZ"), rand::random::<u32>())),
    };
    let (engine, handle) = Engine::new(parts, stop.clone());
    let current = Arc::new(RwLock::new(settings.clone()));

    let mut tasks = JoinSet::new();
    let doors = CancellationToken::new();
    let shown = current.clone();
    let service = Service {
        store: store.clone(),
        engine: handle.clone(),
        commands: start.commands,
        clock: clock.clone(),
        settings: Arc::new(move || shown.read().unwrap_or_else(PoisonError::into_inner).clone()),
        token: settings.api.token_file.as_deref().map(read_token).transpose()?,
        port: None,
        closing: doors.clone(),
        starting: tokio::sync::Mutex::default(),
    };
    open_doors(&mut tasks, service, &settings, &doors).await?;
    let loop_ended = CancellationToken::new();
    let ended = loop_ended.clone();
    tasks.spawn(async move {
        let _guard = ended.drop_guard();
        engine.run().await.map_err(|error| broken(error.to_string()))
    });
    let mut signals = Signals::new()?;
    tell_systemd(&[sd_notify::NotifyState::Ready]);
    tracing::info!(%database, "the daemon is ready");
    let mut beat = tokio::time::interval(watchdog().unwrap_or(Duration::from_hours(1)));
    loop {
        tokio::select! {
            () = loop_ended.cancelled() => break,
            () = watch.changed() => drop(handle.ask(Request::Inventory).await),
            _ = beat.tick() => tell_systemd(&[sd_notify::NotifyState::Watchdog]),
            signal = signals.next() => match signal {
                What::End if stop.soft.is_cancelled() => stop.hard.cancel(),
                What::End => {
                    tell_systemd(&[sd_notify::NotifyState::Stopping]);
                    tracing::info!("stopping when what goes on has come to a safe place; once more to stop at once");
                    stop.soft.cancel();
                }
                What::Reload => reload(start.config.as_deref(), &store, &handle, &current).await,
            }
        }
    }
    doors.cancel();
    let mut result = Ok(());
    while let Some(task) = tasks.join_next().await {
        let outcome = task.map_err(|error| broken(format!("a part of the daemon ended badly: {error}"))).and_then(|outcome| outcome);
        result = result.and(outcome);
    }
    result
}

/// Reads the settings.
///
/// # Errors
/// The file cannot be read, or something in it is wrong.
pub fn read_settings(path: Option<&Utf8Path>) -> Result<Settings> {
    let Some(path) = path else { return Ok(Settings::default()) };
    let text =
        fs_err::read_to_string(path).map_err(|error| Error::new(Kind::Invalid, "the daemon's settings cannot be read").caused_by(error))?;
    Settings::parse(path, &text)
}

async fn reload(config: Option<&Utf8Path>, store: &Store, handle: &Handle, current: &RwLock<Arc<Settings>>) {
    let read = read_settings(config).and_then(|settings| Ok((notifier(store, &settings)?, Arc::new(settings))));
    match read {
        Ok((notifier, settings)) => {
            *current.write().unwrap_or_else(PoisonError::into_inner) = settings.clone();
            handle.ask(Request::Settings(settings, notifier)).await;
            tracing::info!("the settings were read again");
        }
        Err(error) => {
            for finding in &error.diagnostics {
                tracing::error!("{finding}");
            }
            tracing::error!(%error, "the settings stay as they were");
        }
    }
}

fn notifier(store: &Store, settings: &Settings) -> Result<Arc<Notifier>> {
    let messengers = messengers(&settings.notify).map_err(|problem| Error::new(Kind::Invalid, format!("nobody can be told: {problem}")))?;
    Ok(Arc::new(Notifier::new(store.clone(), messengers)))
}

async fn open_doors(tasks: &mut JoinSet<Result<()>>, service: Service, settings: &Settings, stop: &CancellationToken) -> Result<()> {
    let port = match settings.api.listen {
        Some(address) => {
            Some(TcpListener::bind(address).await.map_err(|error| broken(format!("`{address}` cannot be listened on: {error}")))?)
        }
        None => None,
    };
    let service = Arc::new(Service { port: port.as_ref().and_then(|port| port.local_addr().ok()), ..service });
    let socket = settings.api.socket.clone().unwrap_or_else(|| Utf8PathBuf::from(SOCKET));
    let listener = api::bind_socket(&socket).await.map_err(|error| broken(format!("`{socket}` cannot be listened on: {error}")))?;
    let (router, ended) = (api::router(service.clone(), Door::Socket), stop.clone());
    tasks.spawn(async move { api::serve_socket(listener, &socket, router, ended).await.map_err(|error| broken(error.to_string())) });
    if let Some(port) = port {
        tracing::info!(address = ?service.port, "programs with the token, and browsers that are logged in, are answered here");
        let router = api::router(service.clone(), Door::Tcp).merge(pages::router(service)?);
        let ended = stop.clone();
        tasks.spawn(async move { api::serve_tcp(port, router, ended).await.map_err(|error| broken(error.to_string())) });
    }
    Ok(())
}

/// Shorter ones can be guessed.
const TOKEN_LENGTH: usize = 16;

fn read_token(path: &Utf8Path) -> Result<Secret<String>> {
    use std::os::unix::fs::PermissionsExt as _;
    let wrong = |text: String| Error::new(Kind::Invalid, text).hint("make one: `(umask 077; openssl rand -hex 32 >FILE)`");
    let text = fs_err::read_to_string(path).map_err(|error| wrong("the API's token cannot be read".to_owned()).caused_by(error))?;
    let mode =
        fs_err::metadata(path).map_err(|error| wrong("the API's token cannot be read".to_owned()).caused_by(error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(wrong(format!("others may read `{path}` (mode {:04o})", mode & 0o7777)));
    }
    if text.trim().len() < TOKEN_LENGTH {
        return Err(wrong(format!("the token in `{path}` is shorter than {TOKEN_LENGTH} characters")));
    }
    Ok(Secret::new(text.trim().to_owned()))
}

/// What a signal asks for.
enum What {
    End,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let of = |kind| signal(kind).map_err(|error| broken(format!("signals cannot be heard: {error}")));
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())?, hang_up: of(SignalKind::hangup())? })
    }

    async fn next(&mut self) -> What {
        tokio::select! {
            _ = self.terminate.recv() => What::End,
            _ = self.interrupt.recv() => What::End,
            _ = self.hang_up.recv() => What::Reload,
        }
    }
}

/// Half of the time within which systemd wants to hear from us.
fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|time| time / 2).filter(|time| !time.is_zero())
}

fn tell_systemd(state: &[sd_notify::NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

fn broken(text: String) -> Error {
    Error::new(Kind::Usage, text)
}
