//! `manage`: users, from the command line.

mod register;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use tokio_postgres::GenericClient;

use crate::config::RawConfig;
use crate::homeserver::Homeserver;
use crate::identifiers::{device_id, to_ulid};
use crate::passwords::Passwords;
use crate::storage::connect;
use crate::storage::queue::{self, Job};
use crate::storage::sessions::{self, NewSession};
use crate::storage::users::{self, User};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add an address to a user
    AddEmail { username: String, email: String },
    /// Do nothing; kept because old instructions name it
    VerifyEmail { username: String, email: String },
    /// Set a user's password
    SetPassword {
        username: String,
        password: String,
        /// Accept a weak password
        #[arg(long)]
        ignore_complexity: bool,
    },
    /// Issue a token for old-style clients
    IssueCompatibilityToken {
        username: String,
        /// The token's device; a random one without it
        device_id: Option<String>,
        /// Let the token use Synapse's admin API
        #[arg(long = "yes-i-want-to-grant-synapse-admin-privileges")]
        admin: bool,
    },
    /// Bring every user up to date on the homeserver
    ProvisionAllUsers,
    /// End every session of a user
    KillSessions {
        username: String,
        /// Save nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Lock a user
    LockUser {
        username: String,
        /// Deactivate the user too
        #[arg(long)]
        deactivate: bool,
    },
    /// Unlock a user
    UnlockUser {
        username: String,
        /// Reactivate the user too
        #[arg(long)]
        reactivate: bool,
    },
    /// Register a user
    RegisterUser(register::Arguments),
}

pub async fn run(command: Command, raw: &RawConfig) -> anyhow::Result<ExitCode> {
    match command {
        Command::RegisterUser(arguments) => register::run(arguments, raw).await,
        Command::AddEmail { username, email } => add_email(raw, &username, &email).await,
        Command::VerifyEmail { .. } => {
            crate::warning!("`verify-email` is deprecated and does nothing; use `add-email`");
            Ok(ExitCode::SUCCESS)
        }
        Command::SetPassword { username, password, ignore_complexity } => set_password(raw, &username, &password, ignore_complexity).await,
        Command::IssueCompatibilityToken { username, device_id, admin } => issue_token(raw, &username, device_id, admin).await,
        Command::ProvisionAllUsers => provision_all(raw).await,
        Command::KillSessions { username, dry_run } => kill_sessions(raw, &username, dry_run).await,
        Command::LockUser { username, deactivate } => lock(raw, &username, deactivate).await,
        Command::UnlockUser { username, reactivate } => unlock(raw, &username, reactivate).await,
    }
}

async fn find(client: &impl GenericClient, username: &str) -> anyhow::Result<User> {
    users::find(client, username).await?.context("User not found")
}

async fn add_email(raw: &RawConfig, username: &str, email: &str) -> anyhow::Result<ExitCode> {
    let client = connect(&raw.database()?).await?;
    let user = find(&client, username).await?;
    let id = users::add_email(&client, user.id, email).await?;
    crate::info!("Email added user.id={} user.username={username} email.id={} email.email={email}", to_ulid(user.id), to_ulid(id));
    Ok(ExitCode::SUCCESS)
}

async fn set_password(raw: &RawConfig, username: &str, password: &str, ignore_complexity: bool) -> anyhow::Result<ExitCode> {
    let client = connect(&raw.database()?).await?;
    let passwords = Passwords::load(&raw.passwords()?).await?;
    let user = find(&client, username).await?;
    if !ignore_complexity && !passwords.is_complex_enough(password) {
        crate::error!("That password is too weak.");
        return Ok(ExitCode::FAILURE);
    }
    let (version, hashed) = passwords.hash(password).await?;
    users::set_password(&client, user.id, version, &hashed).await?;
    crate::info!("Password changed user.id={} user.username={username}", to_ulid(user.id));
    Ok(ExitCode::SUCCESS)
}

async fn issue_token(raw: &RawConfig, username: &str, device: Option<String>, admin: bool) -> anyhow::Result<ExitCode> {
    let database = raw.database()?;
    let homeserver = Homeserver::new(&raw.matrix()?).await?;
    let mut client = connect(&database).await?;
    let user = find(&client, username).await?;
    let device = match device {
        Some(device) => device,
        None => device_id()?,
    };
    if let Err(error) = homeserver.upsert_device(&user.username, &device, None).await {
        crate::error!("could not create the device on the homeserver, aborting: {error:#}");
        queue::schedule(&client, &Job::SyncDevices { user: user.id }).await?;
        return Ok(ExitCode::FAILURE);
    }
    let transaction = client.transaction().await?;
    let new = NewSession { user: user.id, device_id: &device, human_name: None, user_agent: None, is_synapse_admin: admin };
    let session = sessions::add(&transaction, &new).await?;
    let (id, token) = sessions::add_access_token(&transaction, session, None).await?;
    transaction.commit().await?;
    crate::info!(
        "Compatibility token issued: {token} compat_access_token.id={} compat_session.id={} \
         compat_session.device={device} user.id={} user.username={}",
        to_ulid(id),
        to_ulid(session),
        to_ulid(user.id),
        user.username
    );
    Ok(ExitCode::SUCCESS)
}

async fn provision_all(raw: &RawConfig) -> anyhow::Result<ExitCode> {
    let mut client = connect(&raw.database()?).await?;
    let transaction = client.transaction().await?;
    for row in transaction.query("SELECT user_id FROM users", &[]).await? {
        let user = row.get(0);
        crate::info!("scheduling provisioning job user.id={}", to_ulid(user));
        queue::schedule(&transaction, &Job::ProvisionUser { user, display_name: None }).await?;
    }
    transaction.commit().await?;
    Ok(ExitCode::SUCCESS)
}

async fn kill_sessions(raw: &RawConfig, username: &str, dry_run: bool) -> anyhow::Result<ExitCode> {
    let mut client = connect(&raw.database()?).await?;
    let transaction = client.transaction().await?;
    let user = find(&transaction, username).await?;
    let ended = sessions::finish_all(&transaction, user.id).await?;
    crate::info!("ended {ended} active compatibility sessions");
    queue::schedule(&transaction, &Job::SyncDevices { user: user.id }).await?;
    if dry_run {
        transaction.rollback().await?;
        crate::info!("dry run, nothing was saved");
    } else {
        transaction.commit().await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn lock(raw: &RawConfig, username: &str, deactivate: bool) -> anyhow::Result<ExitCode> {
    let client = connect(&raw.database()?).await?;
    let user = find(&client, username).await?;
    crate::info!("locking user user.id={}", to_ulid(user.id));
    users::set_locked(&client, user.id, true).await?;
    if deactivate {
        crate::warning!("scheduling user deactivation user.id={}", to_ulid(user.id));
        queue::schedule(&client, &Job::DeactivateUser { user: user.id, erase: false }).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn unlock(raw: &RawConfig, username: &str, reactivate: bool) -> anyhow::Result<ExitCode> {
    let client = connect(&raw.database()?).await?;
    let user = find(&client, username).await?;
    if reactivate {
        crate::warning!("scheduling user reactivation user.id={}", to_ulid(user.id));
        queue::schedule(&client, &Job::ReactivateUser { user: user.id }).await?;
    } else {
        users::set_locked(&client, user.id, false).await?;
    }
    Ok(ExitCode::SUCCESS)
}
