//! Services that stand still while the databases are worked on, and run again afterwards.

use super::{Context, Server};
use crate::apply;
use crate::diagnostic::Result;
use crate::host::others::DEPENDENTS;
use crate::host::{self, Exec};

/// The units that ran and stand still now.
pub(super) struct Paused {
    units: Vec<String>,
}

/// Stops the units that need Postgres, homestead's and others, and those that the inventory names.
///
/// # Errors
/// systemd refuses; what was stopped runs again.
pub(super) async fn pause(context: &Context<'_>, server: &Server<'_>) -> Result<Paused> {
    let named = context.variable("postgres_systemd_services_to_stop_for_maintenance_list")?;
    let named = named.as_ref().and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let mut arguments = vec![server.service.unit.as_str()];
    arguments.extend(named.iter().filter_map(serde_json::Value::as_str));
    let output = host::run(&**context.host, "asking systemd", Exec::new(DEPENDENTS).arguments(&arguments)).await?;
    let units: Vec<String> = String::from_utf8_lossy(&output).lines().map(str::to_owned).collect();
    if !units.is_empty() {
        context.stage(format!("stopping {}", units.join(", ")));
        if let Err(error) = host::systemd::stop(&**context.host, &units).await {
            host::systemd::start(&**context.host, &units).await?;
            return Err(error.hint("the services run again, and the databases are as they were"));
        }
    }
    Ok(Paused { units })
}

impl Paused {
    /// Starts them again; those of the inventory by priority, each healthy before the next.
    ///
    /// # Errors
    /// One does not come up.
    pub(super) async fn resume(&self, context: &Context<'_>) -> Result<()> {
        let services = &context.prepared.desired.services;
        let ours: Vec<_> = services.iter().filter(|service| self.units.contains(&service.unit)).cloned().collect();
        let redactor = context.prepared.redactor();
        apply::start(context.host, context.name, &ours, context.sink, &|text| redactor.redact(text).into_owned()).await?;
        let others: Vec<String> =
            self.units.iter().filter(|unit| !services.iter().any(|service| service.unit == **unit)).cloned().collect();
        host::systemd::start(&**context.host, &others).await
    }

    /// Stops them once more.
    pub(super) async fn stop(&self, context: &Context<'_>) -> Result<()> {
        host::systemd::stop(&**context.host, &self.units).await
    }
}
