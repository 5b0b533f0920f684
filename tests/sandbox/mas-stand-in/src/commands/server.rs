//! `server`: serve HTTP and run the jobs until told to stop or until Postgres goes away.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;

use crate::config::RawConfig;
use crate::homeserver::Homeserver;
use crate::mail::Mailer;
use crate::passwords::Passwords;
use crate::server::{App, LoginLimiter, Shared, listen};
use crate::storage::sync::{self, Leftover};
use crate::storage::{Messages, connect, connect_watched, queue, schema};
use crate::{jobs, keys};

#[derive(Debug, Default, Args)]
pub struct Arguments {
    /// Do not bring the tables up to date
    #[arg(long)]
    no_migrate: bool,
    /// Do not run the jobs
    #[arg(long)]
    no_worker: bool,
    /// Do not write clients and upstream providers to the database
    #[arg(long)]
    no_sync: bool,
}

/// How long a request may still take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

pub async fn run(arguments: Arguments, raw: &RawConfig) -> anyhow::Result<ExitCode> {
    let config = raw.root()?;
    config.secrets.check_encryption_file().await?;

    let mut writer = connect(&config.database).await?;
    if !arguments.no_migrate {
        crate::info!("running pending migrations");
        schema::migrate(&mut writer).await?;
    }
    if !arguments.no_sync {
        sync::run(&mut writer, &config.upstream, &config.clients, Leftover::Keep, false).await?;
    }
    let keys = keys::load(&config.secrets).await.context("could not import keys from config")?;
    let (worker, messages) = connect_watched(&config.database).await?;
    worker.batch_execute(&format!("LISTEN {}", queue::CHANNEL)).await?;

    let app: App = Arc::new(Shared {
        keys,
        passwords: Passwords::load(&config.passwords).await?,
        homeserver: Homeserver::new(&config.matrix).await?,
        mailer: Mailer::new(config.email.as_ref()).await?,
        limiter: LoginLimiter::new(&config.rate_limiting),
        reader: connect(&config.database).await?,
        writer: Mutex::new(writer),
        config,
    });
    // A mail server that cannot be reached is no reason not to serve.
    let mail = app.clone();
    let trial = tokio::spawn(async move {
        if let Err(error) = mail.mailer.try_out().await {
            crate::warning!("could not reach the mail server, mails will not leave: {error:#}");
        }
    });
    let (stop, stopped) = watch::channel(false);
    let mut listeners = listen::serve(&app, &stopped).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let outcome = tokio::select! {
        error = work(&app, &worker, messages, !arguments.no_worker) => Err(error),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    if outcome.is_ok() {
        crate::info!("shutting down");
    }
    trial.abort();
    stop.send_replace(true);
    let drained = tokio::time::timeout(GRACE, async { while listeners.join_next().await.is_some() {} });
    if drained.await.is_err() {
        crate::warning!("some requests did not end in time");
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Runs jobs as they come. It only returns when the database is lost.
async fn work(app: &App, worker: &Client, mut messages: Messages, run_jobs: bool) -> anyhow::Error {
    loop {
        if run_jobs && let Err(error) = jobs::run_due(worker, &app.homeserver).await {
            return error.context("the database failed");
        }
        tokio::select! {
            message = messages.recv() => if message.is_none() {
                return anyhow::anyhow!("the connection to the database was lost");
            },
            // Jobs that failed become due without a notification.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}
