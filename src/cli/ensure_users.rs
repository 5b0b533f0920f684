//! `ensure-users-created`: the users that the inventory declares.

use super::global::GlobalArgs;
use super::procedure::{Connected, on_each};
use crate::apply;
use crate::diagnostic::Result;
use crate::operation;
use crate::report::Terminal;

/// Makes the declared users that no run has seen yet, on every host.
pub async fn ensure(global: &GlobalArgs, terminal: &Terminal) -> Result<()> {
    on_each(global, terminal, Some("ensure-matrix-users-created"), |connected: Connected| async move {
        let context = connected.context();
        let memory = apply::recall(&**context.host).await?;
        operation::ensure_users(&context, &memory).await
    })
    .await?;
    Ok(())
}
