//! Declared users: each is made once, in MAS or in Synapse, and never changed again.
//!
//! The host's memory says which ones were there, so that a run with nobody to make asks no server.

use serde_json::Value as Json;

use super::register_user::{Made, Registry};
use super::{Context, NewUser};
use crate::apply;
use crate::diagnostic::{Error, Kind, Result};
use crate::plan::Memory;
use crate::secret::Secret;

/// The declared users that no run has seen yet, by name.
///
/// # Errors
/// The variables cannot be evaluated.
pub fn missing_users(context: &Context<'_>, memory: &Memory) -> Result<Vec<String>> {
    Ok(missing(context, memory)?.into_iter().map(|user| user.username).collect())
}

/// Makes the declared users that no run has seen yet. `memory` is what the host remembers; the caller holds
/// the host's lock.
///
/// # Errors
/// A server refuses one of them; those before it are made and remembered.
pub async fn ensure_users(context: &Context<'_>, memory: &Memory) -> Result<()> {
    let missing = missing(context, memory)?;
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|user| user.username.as_str()).collect::<Vec<_>>().join(", ");
    if context.is_true("matrix_user_creator_suppressed")? {
        context.warn(format!("the users {names} are not made while `matrix_authentication_service_migration_in_progress` is true"));
        return Ok(());
    }
    missing.iter().try_for_each(NewUser::check).map_err(|error| Error { kind: Kind::Invalid, ..error })?;
    let registry = Registry::of(context)?;
    context.stage(format!("making the declared users in {}: {names}", registry.name));
    registry.ensure_running(context).await?;
    let mut seen = Vec::new();
    let mut outcome = Ok(());
    for user in &missing {
        match registry.make(context, user).await {
            Ok(Made::New) => context.done(format!("{} can log in", user.username)),
            Ok(Made::Already) => context.done(format!("{} has an account already; it stays as it is", user.username)),
            Err(error) => {
                outcome = Err(error.hint("`homestead run-tags ensure-matrix-users-created` tries it again"));
                break;
            }
        }
        seen.push(user.username.clone());
    }
    // Those that were made are remembered, whatever became of the others.
    let role = registry.role.to_owned();
    let remembered = apply::amend(&**context.host, |memory| memory.users.entry(role).or_default().extend(seen)).await;
    outcome.and(remembered)
}

fn missing(context: &Context<'_>, memory: &Memory) -> Result<Vec<NewUser>> {
    let declared = declared(context)?;
    if declared.is_empty() {
        return Ok(declared);
    }
    let known = memory.users.get(Registry::of(context)?.role);
    Ok(declared.into_iter().filter(|user| known.is_none_or(|known| !known.contains(&user.username))).collect())
}

/// The users of the inventory; the role's rules have looked at their fields.
fn declared(context: &Context<'_>) -> Result<Vec<NewUser>> {
    let Some(Json::Array(users)) = context.variable("matrix_user_creator_users")? else { return Ok(Vec::new()) };
    let text = |user: &Json, name: &str| match user.get(name) {
        Some(Json::String(text)) => text.clone(),
        None | Some(Json::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    let user = |user: &Json| NewUser {
        username: text(user, "username"),
        password: Secret::new(text(user, "initial_password")),
        admin: text(user, "initial_type") == "admin",
    };
    Ok(users.iter().map(user).collect())
}
