//! Tag-scoped procedures that are no convergence. Takes a connected host and its desired state; sends
//! events. Must not know the command line.

mod admin_token;
mod docker_prune;
pub mod doctor;
mod ensure_users;
mod go_back;
mod logs;
pub mod migrate;
mod output;
pub mod postgres;
mod register_user;
pub mod self_check;
mod syn2mas;
mod uninstall;

pub use admin_token::admin_token;
pub use docker_prune::docker_prune;
pub use doctor::doctor;
pub use ensure_users::{ensure_users, missing_users};
pub use go_back::{Generations, GoBack};
pub use logs::{Logs, logs};
pub use register_user::{NewUser, register_user};
pub use syn2mas::{Task as Syn2masTask, syn2mas, syn2mas_within};
pub use uninstall::{Purge, Uninstall};

use std::sync::Arc;

use serde_json::Value as Json;

use crate::apply;
use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Host, docker::Docker};
use crate::pipeline::Prepared;
use crate::report::{Event, Sink};

/// What a procedure works with.
pub struct Context<'a> {
    /// The machine.
    pub host: &'a Arc<dyn Host>,
    /// Its variables and desired state.
    pub prepared: &'a Prepared,
    /// Its inventory name.
    pub name: &'a str,
    /// Where events go.
    pub sink: &'a Sink,
}

impl Context<'_> {
    pub(crate) fn stage(&self, text: impl Into<String>) {
        (self.sink)(self.name, Event::Stage { text: text.into() });
    }

    pub(crate) fn done(&self, text: impl Into<String>) {
        (self.sink)(self.name, Event::Done { text: text.into() });
    }

    pub(crate) fn warn(&self, text: impl Into<String>) {
        (self.sink)(self.name, Event::Warning { text: text.into() });
    }

    /// A variable's value; nothing where no role has it.
    pub(crate) fn variable(&self, name: &str) -> Result<Option<Json>> {
        let variables = &self.prepared.variables;
        if variables.definition(name).is_none() { Ok(None) } else { Ok(Some(variables.get(name)?.value)) }
    }

    pub(crate) fn is_true(&self, name: &str) -> Result<bool> {
        Ok(self.variable(name)? == Some(Json::Bool(true)))
    }

    /// A variable's text; empty where it is none.
    pub(crate) fn text(&self, name: &str) -> Result<String> {
        Ok(self.variable(name)?.as_ref().and_then(Json::as_str).unwrap_or_default().to_owned())
    }

    /// A variable's number.
    ///
    /// # Errors
    /// It cannot be evaluated, or is none.
    pub fn number(&self, name: &str) -> Result<u32> {
        let value = self.variable(name)?;
        let number = value.as_ref().and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        number
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| Error::new(Kind::Invalid, format!("`{name}` is no whole number")))
    }

    /// The first service of a role.
    pub(crate) fn service(&self, role: &str) -> Option<&Service> {
        self.prepared.desired.services.iter().find(|service| service.role == role)
    }

    /// The service of the role that a procedure is about.
    pub(crate) fn required_service(&self, role: &str) -> Result<&Service> {
        self.service(role).ok_or_else(|| Error::new(Kind::Invalid, format!("`{role}` is not enabled on `{}`", self.name)))
    }

    /// Starts a service that does not run, and waits until it is healthy.
    async fn ensure_running(&self, service: &Service) -> Result<()> {
        let states = host::systemd::unit_states(&**self.host, std::slice::from_ref(&service.unit)).await?;
        if states.get(&service.unit).is_some_and(host::systemd::UnitState::is_active) {
            return Ok(());
        }
        self.stage(format!("starting {}", service.unit));
        host::systemd::start(&**self.host, std::slice::from_ref(&service.unit)).await?;
        if let Some(health) = &service.health {
            let docker = Docker::connect(self.host.clone()).await?;
            apply::wait(&**self.host, &docker, &service.container, health).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
