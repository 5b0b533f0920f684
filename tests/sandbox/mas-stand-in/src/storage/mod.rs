//! The database: connections, tables and what is asked of them.

pub mod queue;
pub mod schema;
pub mod sessions;
pub mod sync;
pub mod users;

use anyhow::Context as _;
use futures_util::future::poll_fn;
use tokio::sync::mpsc;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{DatabaseConfig, SslMode};
use crate::tls;

/// What a watched connection tells: a notification's channel, or, by the sender going away, its
/// end.
pub type Messages = mpsc::UnboundedReceiver<String>;

/// Connects to the configured database.
pub async fn connect(config: &DatabaseConfig) -> anyhow::Result<Client> {
    Ok(connect_watched(config).await?.0)
}

/// Connects, and reports what the server says unasked. The messages end when the connection does.
pub async fn connect_watched(config: &DatabaseConfig) -> anyhow::Result<(Client, Messages)> {
    let mut postgres = config.postgres().await?;
    let tls_modes = [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull];
    let connected = if config.ssl_mode.is_some_and(|mode| tls_modes.contains(&mode)) {
        postgres.ssl_mode(tokio_postgres::config::SslMode::Require);
        open(&postgres, MakeRustlsConnect::new(tls::postgres(config).await?)).await
    } else if config.ssl_mode == Some(SslMode::Disable) {
        open(&postgres, NoTls).await
    } else {
        // `prefer` and `allow`, and what an URI says by itself.
        open(&postgres, MakeRustlsConnect::new(tls::postgres(config).await?)).await
    };
    connected.context("could not connect to the database")
}

/// Connects to a database of someone else, without TLS unless the connection asks for it.
pub async fn connect_to(mut postgres: tokio_postgres::Config) -> anyhow::Result<Client> {
    crate::config::fill_from_environment(&mut postgres);
    let tls = MakeRustlsConnect::new(tls::postgres(&DatabaseConfig::default()).await?);
    Ok(open(&postgres, tls).await?.0)
}

async fn open<T>(config: &tokio_postgres::Config, tls: T) -> anyhow::Result<(Client, Messages)>
where
    T: MakeTlsConnect<Socket> + 'static,
    T::Stream: Send,
{
    let (client, mut connection) = config.connect(tls).await.map_err(explain)?;
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    // Nobody listens on a connection that is not watched.
                    let _ = sender.send(notification.channel().to_owned());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    crate::error!("connection to the database lost: {:#}", explain(error));
                    return;
                }
                None => return,
            }
        }
    });
    Ok((client, receiver))
}

/// The driver's errors say little without their cause.
fn explain(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(database) => anyhow::anyhow!("{}: {}", database.severity(), database.message()),
        None => anyhow::Error::new(error),
    }
}
