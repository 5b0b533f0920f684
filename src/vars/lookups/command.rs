//! Lookups that run a command or ask the web.

use std::process::Command;

use super::texts;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::Outcome;
use crate::vars::value::Value;

fn run(environment: &Environment<'_>, command: &str) -> Outcome<String> {
    let context = &environment.engine.context;
    if !context.allow_commands {
        return Err(Failure::failed("commands may not be run here"));
    }
    // The command's text and output may hold secrets, so neither is shown.
    let output = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .current_dir(&context.base_directory)
        .envs(&context.environment)
        .output()
        .map_err(|error| Failure::failed(format!("the command cannot be run: {}", error.kind())))?;
    if !output.status.success() {
        return Err(Failure::failed(format!("the command failed: {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::failed("the command does not give text"))
}

/// `lookup('pipe', 'command')`
pub fn pipe(environment: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    texts(&terms)?.iter().map(|command| run(environment, command).map(|output| Value::from(output.trim_end()))).collect()
}

/// `query('lines', 'command')`
pub fn lines(environment: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for command in texts(&terms)? {
        found.extend(run(environment, &command)?.lines().map(|line| Value::from(line.trim_end())));
    }
    Ok(found)
}

/// `lookup('url', 'https://...')`
pub fn url(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    if !environment.engine.context.allow_commands {
        return Err(Failure::failed("the web may not be asked here"));
    }
    let split = given.take_named("split_lines").map_or(Ok(true), |value| crate::vars::python::truth(&value))?;
    let mut found = Vec::new();
    for address in texts(&terms)? {
        let text = fetch(&address)?;
        if split {
            found.extend(text.lines().map(Value::from));
        } else {
            found.push(Value::from(text));
        }
    }
    Ok(found)
}

/// Evaluation is synchronous and may run inside of a runtime, so the request gets a thread and a
/// runtime of its own.
fn fetch(address: &str) -> Outcome<String> {
    let address = address.to_owned();
    let work = move || -> Result<String, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.kind().to_string())?;
        runtime.block_on(async move {
            let client = crate::web::client(std::time::Duration::from_secs(10)).map_err(|_| "no client".to_owned())?;
            let response = client
                .get(&address)
                .send()
                .await
                .map_err(|error| if error.is_connect() { "no connection".to_owned() } else { "no answer".to_owned() })?;
            let status = response.status();
            if !status.is_success() {
                return Err(format!("status {status}"));
            }
            response.text().await.map_err(|_| "the answer is no text".to_owned())
        })
    };
    // An address may hold a password, so it is not shown.
    std::thread::spawn(work)
        .join()
        .unwrap_or_else(|_| Err("the request broke".to_owned()))
        .map_err(|reason| Failure::failed(format!("`lookup('url')` failed: {reason}")))
}
