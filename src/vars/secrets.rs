//! Secrets by reference: a file, a variable of the environment, what a command prints.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::context::Context;
use super::error::Failure;
use crate::inventory::{Reference, SecretSource};
use crate::secret::Secret;

/// The secret that a reference leads to, without the line break at its end.
pub fn ask(reference: &Reference, context: &Context) -> Result<Secret<String>, Failure> {
    if let Some(answer) = reference.answer.get() {
        return Ok(answer.clone());
    }
    let text = match &reference.source {
        SecretSource::File(path) => file(path, context)?,
        SecretSource::Environment(name) => {
            context.environment.get(name).cloned().ok_or_else(|| Failure::failed(format!("the environment has no `{name}`")))?
        }
        SecretSource::Command(command) => run(command, context)?,
    };
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(Failure::failed(match &reference.source {
            SecretSource::File(path) => format!("the file `{path}` is empty"),
            SecretSource::Environment(name) => format!("`{name}` is empty in the environment"),
            SecretSource::Command(_) => "the command printed nothing".to_owned(),
        }));
    }
    Ok(reference.answer.get_or_init(|| Secret::new(text.to_owned())).clone())
}

/// The inventory's folder, where relative paths begin and commands run.
fn folder(context: &Context) -> Utf8PathBuf {
    let told = context.magic.get("inventory_dir").and_then(|folder| folder.as_str());
    told.map_or_else(|| context.base_directory.clone(), Utf8PathBuf::from)
}

fn file(path: &str, context: &Context) -> Result<String, Failure> {
    let path = match (path.strip_prefix("~/"), context.environment.get("HOME")) {
        (Some(rest), Some(home)) => Utf8Path::new(home).join(rest),
        _ => folder(context).join(path),
    };
    let bytes = fs_err::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::failed(format!("there is no file `{path}`")),
        kind => Failure::failed(format!("`{path}` cannot be read: {kind}")),
    })?;
    String::from_utf8(bytes).map_err(|_| Failure::failed(format!("`{path}` is not UTF-8 text")))
}

fn run(command: &str, context: &Context) -> Result<String, Failure> {
    if !context.allow_commands {
        return Err(Failure::failed("commands may not be run here"));
    }
    // The command's text and what it writes may hold secrets, so none of it is shown.
    let output = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(folder(context))
        .envs(&context.environment)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::failed(format!("the command of `!secret` cannot be run: {}", error.kind())))?;
    if !output.status.success() {
        return Err(
            Failure::failed(format!("the command of `!secret` failed: {}", output.status)).help("run it by hand to see what it says")
        );
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::failed("the command of `!secret` does not print text"))
}
