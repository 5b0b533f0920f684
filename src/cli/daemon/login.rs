//! `daemon login`: a link that logs a browser in.

use hyper::Method;
use serde_json::Value;

use super::client::Client;
use crate::diagnostic::Result;
use crate::report::Terminal;

/// Has the daemon make a link, and shows it: to whoever may open the socket, and nowhere else.
///
/// # Errors
/// No daemon listens; it has no port for browsers.
pub async fn show(client: &Client, terminal: &Terminal) -> Result<()> {
    let link = client.ask(Method::POST, "/api/v1/logins", None).await?;
    if terminal.json() {
        terminal.out(&format!("{link}\n"));
        return Ok(());
    }
    terminal.out(&format!("{}\n", link.get("url").and_then(Value::as_str).unwrap_or_default()));
    terminal.err("it works once, within 10 minutes\n");
    Ok(())
}
