//! The queue of jobs: commands put them in, the server runs them.

use serde::{Deserialize, Serialize};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::identifiers::new_id;

/// The channel that wakes the server.
pub const CHANNEL: &str = "queue_available";

/// What is to be done on the homeserver.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case")]
pub enum Job {
    /// Creates the user or brings its name, addresses and lock up to date.
    ProvisionUser { user: Uuid, display_name: Option<String> },
    /// Makes the homeserver's devices those of the user's sessions.
    SyncDevices { user: Uuid },
    /// Deactivates the user.
    DeactivateUser { user: Uuid, erase: bool },
    /// Makes the user active again.
    ReactivateUser { user: Uuid },
}

impl Job {
    fn queue(&self) -> &'static str {
        match self {
            Self::ProvisionUser { .. } => "provision-user",
            Self::SyncDevices { .. } => "sync-devices",
            Self::DeactivateUser { .. } => "deactivate-user",
            Self::ReactivateUser { .. } => "reactivate-user",
        }
    }
}

/// Puts a job in; the server is woken when the transaction commits.
pub async fn schedule(client: &impl GenericClient, job: &Job) -> anyhow::Result<()> {
    client
        .execute(
            "INSERT INTO queue_jobs (queue_job_id, queue_name, payload, created_at, scheduled_at)
             VALUES ($1, $2, $3, now(), now())",
            &[&new_id()?, &job.queue(), &serde_json::to_string(job)?],
        )
        .await?;
    client.batch_execute(&format!("NOTIFY {CHANNEL}")).await?;
    Ok(())
}

/// The next job that is due: its id, the job and how often it was tried.
pub async fn next(client: &impl GenericClient) -> anyhow::Result<Option<(Uuid, Job, i32)>> {
    let row = client
        .query_opt(
            "UPDATE queue_jobs SET attempt = attempt + 1, scheduled_at = now() + interval '1 minute'
             WHERE queue_job_id = (
                SELECT queue_job_id FROM queue_jobs
                WHERE completed_at IS NULL AND failed_at IS NULL AND scheduled_at <= now()
                ORDER BY queue_job_id LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING queue_job_id, payload, attempt",
            &[],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let payload: String = row.get(1);
    Ok(Some((row.get(0), serde_json::from_str(&payload)?, row.get(2))))
}

pub async fn complete(client: &impl GenericClient, id: Uuid) -> anyhow::Result<()> {
    client.execute("UPDATE queue_jobs SET completed_at = now() WHERE queue_job_id = $1", &[&id]).await?;
    Ok(())
}

/// Notes a failure; the job is due again after `seconds`, or never where there are none.
pub async fn fail(client: &impl GenericClient, id: Uuid, reason: &str, seconds: Option<f64>) -> anyhow::Result<()> {
    client
        .execute(
            "UPDATE queue_jobs SET failed_reason = $2,
                failed_at = CASE WHEN $3::float8 IS NULL THEN now() END,
                scheduled_at = coalesce(now() + make_interval(secs => $3), scheduled_at)
             WHERE queue_job_id = $1",
            &[&id, &reason, &seconds],
        )
        .await?;
    Ok(())
}
