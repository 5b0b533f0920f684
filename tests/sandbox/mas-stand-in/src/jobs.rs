//! The worker: runs the queue's jobs against the homeserver, again and again until they work.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::homeserver::Homeserver;
use crate::storage::queue::{self, Job};
use crate::storage::{sessions, users};

/// After this many tries a job is given up.
const MOST_ATTEMPTS: i32 = 10;

/// Runs every job that is due. Only a failing database is an error.
pub async fn run_due(client: &Client, homeserver: &Homeserver) -> anyhow::Result<()> {
    while let Some((id, job, attempt)) = queue::next(client).await? {
        match run(client, homeserver, &job).await {
            Ok(()) => {
                crate::info!("job done: {job:?}");
                queue::complete(client, id).await?;
            }
            Err(error) => {
                // 2, 4, 8 ... seconds, a minute at most.
                let wait = (attempt < MOST_ATTEMPTS).then(|| f64::powi(2.0, attempt).min(60.0));
                match wait {
                    Some(wait) => {
                        crate::warning!("job failed, again in {wait} s: {job:?}: {error:#}")
                    }
                    None => crate::error!("job failed, given up: {job:?}: {error:#}"),
                }
                queue::fail(client, id, &format!("{error:#}"), wait).await?;
            }
        }
    }
    Ok(())
}

async fn run(client: &Client, homeserver: &Homeserver, job: &Job) -> anyhow::Result<()> {
    match job {
        Job::ProvisionUser { user, display_name } => {
            let user = find(client, *user).await?;
            let emails = users::emails(client, user.id).await?;
            let locked = user.locked_at.is_some();
            homeserver.provision_user(&user.username, display_name.as_deref(), &emails, locked).await?;
            sync_devices(client, homeserver, user.id).await
        }
        Job::SyncDevices { user } => sync_devices(client, homeserver, *user).await,
        Job::DeactivateUser { user, erase } => {
            sessions::finish_all(client, *user).await?;
            users::set_deactivated(client, *user, true).await?;
            homeserver.delete_user(&find(client, *user).await?.username, *erase).await
        }
        Job::ReactivateUser { user } => {
            homeserver.reactivate_user(&find(client, *user).await?.username).await?;
            users::set_deactivated(client, *user, false).await?;
            users::set_locked(client, *user, false).await
        }
    }
}

async fn sync_devices(client: &Client, homeserver: &Homeserver, user: Uuid) -> anyhow::Result<()> {
    let user = find(client, user).await?;
    let devices = sessions::devices(client, user.id).await?;
    homeserver.sync_devices(&user.username, &devices).await
}

async fn find(client: &Client, id: Uuid) -> anyhow::Result<users::User> {
    users::get(client, id).await?.ok_or_else(|| anyhow::anyhow!("the user is gone"))
}
