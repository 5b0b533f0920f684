//! A timer of a manifest -> two units: the timer, which is enabled, and the command that it starts.

use serde_json::{Map, Value as Json, json};

use super::evaluate::Evaluator;
use super::resource::{File, Service};
use crate::diagnostic::Diagnostic;
use crate::role::{Format, Timer};
use crate::secret::Secret;

/// Renders a template by its path with values.
type Render<'a> = &'a dyn Fn(&str, &[(String, Json)]) -> Result<String, Diagnostic>;

/// Evaluates one entry: none, one, or several timers with their files.
///
/// # Errors
/// An expression that fails or has the wrong type.
pub fn evaluate(entry: &Timer, evaluator: &Evaluator<'_>, role: &str, render: Render<'_>) -> Result<Vec<(Service, Vec<File>)>, Diagnostic> {
    evaluator.repeated(&entry.repeat)?.iter().map(|evaluator| one(entry, evaluator, role, render)).collect()
}

fn one(entry: &Timer, evaluator: &Evaluator<'_>, role: &str, render: Render<'_>) -> Result<(Service, Vec<File>), Diagnostic> {
    let name = evaluator.text(&entry.name)?;
    let description = evaluator.text(&entry.description)?;
    let environment: Map<String, Json> =
        evaluator.mapping(entry.environment.as_ref())?.into_iter().map(|(key, value)| (key, Json::String(value))).collect();
    let value = json!({
        "name": name,
        "description": description,
        "calendar": evaluator.text(&entry.calendar)?,
        "random_delay": evaluator.optional_text(entry.random_delay.as_ref())?,
        "persistent": evaluator.truth_or(entry.persistent.as_ref(), false)?,
        "command": evaluator.text(&entry.command)?,
        "requires": evaluator.texts(entry.requires.as_ref())?,
        "after": evaluator.texts(entry.after.as_ref())?,
        "wants": evaluator.texts(entry.wants.as_ref())?,
        "environment": environment,
    });
    let values = [("timer".to_owned(), value)];
    let timer = format!("{name}.timer");
    let file = |unit: &str, template: &str, restarts: Vec<String>| {
        Ok(File {
            path: format!("/etc/systemd/system/{unit}"),
            contents: Secret::new(render(template, &values)?),
            format: Format::Unit,
            mode: "0644".to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            secret: false,
            restarts,
            role: role.to_owned(),
        })
    };
    // The command is started by its timer only, so a change of it restarts nothing.
    let files = vec![
        file(&format!("{name}.service"), "systemd/timer.service.tera", Vec::new())?,
        file(&timer, "systemd/timer.timer.tera", vec![timer.clone()])?,
    ];
    let service = Service {
        container: String::new(),
        description,
        groups: entry.groups.clone(),
        priority: evaluator.number(&entry.priority)?,
        at_boot: starts_at_boot(evaluator)?,
        role: role.to_owned(),
        ..Service::named(timer)
    };
    Ok((service, files))
}

/// Whether units start with the machine: the playbook's switch for all of them.
pub(super) fn starts_at_boot(evaluator: &Evaluator<'_>) -> Result<bool, Diagnostic> {
    let (name, variables) = ("devture_systemd_service_manager_services_autostart_enabled", evaluator.variables());
    if variables.definition(name).is_none() {
        return Ok(true);
    }
    Ok(variables.get(name)?.value != serde_json::Value::Bool(false))
}
