//! The server as a client sees it.

use serde_json::{Value, json};

use crate::common::wait_for;
use crate::installed::Installed;

/// The body of a login with a password.
pub fn login_request(user: &str, password: &str) -> Value {
    json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password})
}

/// Asks the server as a client does: by name and over HTTPS, from the host, where the names resolve.
pub fn ask(installed: &Installed, path: &str, options: &str, input: &str) -> Value {
    wait_for(30, &format!("an answer at {path}"), || {
        let script = format!("curl --silent --show-error --fail --max-time 20 {options} https://matrix.example.com{path}");
        let output = installed.sandbox.exec(&script, input.as_bytes());
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    })
}

/// The HTTP status of an answer.
pub fn status(installed: &Installed, path: &str, options: &str, input: &str) -> String {
    let script =
        format!("curl --silent --output /dev/null --write-out '%{{http_code}}' --max-time 20 {options} https://matrix.example.com{path}");
    String::from_utf8(installed.sandbox.exec(&script, input.as_bytes()).stdout).unwrap()
}
