//! Sessions of one SSH connection. One is always opened before it is needed, so that a script costs one round trip
//! and not two.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::Msg;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::connection::Connection;
use crate::diagnostic::{Error, Kind, Result};

/// sshd's `MaxSessions` is 10 by default; forwarded sockets and ports do not count.
const MAX_SESSIONS: usize = 10 - SPARES;
/// A run begins with two scripts at the same time.
const SPARES: usize = 2;
/// Together a minute.
const ATTEMPTS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

type Opening = JoinHandle<Result<russh::Channel<Msg>, russh::Error>>;

/// The sessions of a connection.
pub(super) struct Sessions {
    connection: Arc<Connection>,
    free: Arc<Semaphore>,
    spares: Mutex<Spares>,
}

#[derive(Default)]
struct Spares {
    opening: VecDeque<Opening>,
    /// Where sshd allows so few sessions that a spare one was refused, none is kept.
    refused: bool,
}

impl Sessions {
    /// Opens the spare ones.
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        let this = Self { connection, free: Arc::new(Semaphore::new(MAX_SESSIONS)), spares: Mutex::default() };
        this.refill();
        this
    }

    /// An open session, and what counts it.
    pub(super) async fn take(&self) -> Result<(russh::Channel<Msg>, OwnedSemaphorePermit), Error> {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.map_err(|error| Error::new(Kind::Usage, "no session left").caused_by(error))?;
        let name = &self.connection.name;
        // Where `MaxSessions` is lower than we think, the next session waits for one of ours to end.
        for _ in 0..ATTEMPTS {
            if let Some(channel) = self.spare().await {
                self.refill();
                return Ok((channel, permit));
            }
            let alone = self.free.available_permits() + 1 == MAX_SESSIONS;
            match self.connection.handle.channel_open_session().await {
                Ok(channel) => return Ok((channel, permit)),
                Err(russh::Error::ChannelOpenFailure(_)) if !alone => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    return Err(self
                        .connection
                        .lost_or(|| Error::new(Kind::HostFailed, format!("`{name}`: sshd opens no session")).caused_by(error)));
                }
            }
        }
        Err(Error::new(Kind::HostFailed, format!("`{name}`: sshd opens no further session"))
            .hint("raise `MaxSessions` in the host's sshd_config to 10, its default"))
    }

    async fn spare(&self) -> Option<russh::Channel<Msg>> {
        loop {
            let opening = self.spares.lock().unwrap_or_else(PoisonError::into_inner).opening.pop_front()?;
            match opening.await {
                Ok(Ok(channel)) => return Some(channel),
                _ => self.spares.lock().unwrap_or_else(PoisonError::into_inner).refused = true,
            }
        }
    }

    #[allow(clippy::disallowed_methods, reason = "opening a session ends by itself, at the latest with its connection")]
    fn refill(&self) {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        while !spares.refused && spares.opening.len() < SPARES {
            let connection = Arc::clone(&self.connection);
            spares.opening.push_back(tokio::spawn(async move { connection.handle.channel_open_session().await }));
        }
    }
}
