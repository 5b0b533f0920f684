//! Requests as clients make them: by name and over HTTPS, from the host, where the names resolve.

use serde_json::{Value, json};

use crate::common::wait_for;
use crate::installed::Installed;

/// Where other containers find the client API.
pub const INSIDE: &str = "http://matrix-traefik:8008";

/// Traefik looks for new containers every other second: until then the doctor finds what is not there yet.
pub fn until_served(installed: &Installed) {
    for path in ["/_matrix/client/versions", "/_matrix/client/v3/login", "/auth/.well-known/openid-configuration"] {
        ask(installed, path, "", "");
    }
    wait_for(30, "the well-known files", || (status(installed, "/.well-known/matrix/client", "", "") == "200").then_some(()));
}

/// The body of a login with a password.
pub fn login_request(user: &str, password: &str) -> Value {
    json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password})
}

/// Asks the homeserver's name, until there is a good answer.
#[track_caller]
pub fn ask(installed: &Installed, path: &str, options: &str, input: &str) -> Value {
    ask_at(installed, &format!("https://matrix.example.com{path}"), options, input)
}

/// Asks a whole address, until there is a good answer.
#[track_caller]
pub fn ask_at(installed: &Installed, address: &str, options: &str, input: &str) -> Value {
    wait_for(30, &format!("an answer at {address}"), || {
        let output = installed.sandbox.exec(&curl(address, &format!("--fail {options}")), input.as_bytes());
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    })
}

/// The status that the homeserver's name answers with.
pub fn status(installed: &Installed, path: &str, options: &str, input: &str) -> String {
    status_at(installed, &format!("https://matrix.example.com{path}"), options, input)
}

/// The status that an address answers with.
pub fn status_at(installed: &Installed, address: &str, options: &str, input: &str) -> String {
    let script = curl(address, &format!("--output /dev/null --write-out '%{{http_code}}' {options}"));
    String::from_utf8(installed.sandbox.exec(&script, input.as_bytes()).stdout).unwrap()
}

/// An address inside of Docker is asked from a container that is in the network of the reverse proxy.
fn curl(address: &str, options: &str) -> String {
    let inside = if address.starts_with(INSIDE) { "docker exec -i matrix-synapse " } else { "" };
    format!("{inside}curl --globoff --silent --show-error --max-time 20 {options} '{address}'")
}
