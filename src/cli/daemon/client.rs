//! Speaks to a daemon over its Unix socket.

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::diagnostic::{Error, Kind, Result};

/// A way to a daemon. Each request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: Utf8PathBuf,
}

/// An answer that comes as it is made. The connection lives as long as it does.
pub struct Answer {
    response: Response<Incoming>,
    _connection: JoinSet<()>,
}

impl Client {
    /// One for the daemon at a socket.
    pub const fn new(socket: Utf8PathBuf) -> Self {
        Self { socket }
    }

    /// Asks, and takes the whole answer as a document; null where there is none.
    ///
    /// # Errors
    /// Kind `Unreachable` where no daemon listens; kind `Usage` with what the daemon says against it.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.send(method, path, body, "application/json").await?;
        let status = answer.response.status();
        let bytes = answer.response.into_body().collect().await.map_err(|error| self.broken(&error))?.to_bytes();
        let document: Value =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).map_err(|error| self.broken(&error))? };
        if status.is_success() { Ok(document) } else { Err(refused(status, &document)) }
    }

    /// Asks for server-sent events after a number. An answer that is none gives none.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn listen(&self, path: &str, after: i64) -> Result<Events> {
        let answer = self.send(Method::GET, &format!("{path}?after={after}"), None, "text/event-stream").await?;
        if !answer.response.status().is_success() {
            return Err(refused(answer.response.status(), &Value::Null));
        }
        Ok(Events { answer, rest: Vec::new() })
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>, accept: &str) -> Result<Answer> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| no_daemon(&self.socket, error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        let mut task = JoinSet::new();
        // How it ends is seen at the other end of it: by the answer.
        task.spawn(async move { drop(connection.await) });
        let request = Request::builder().method(method).uri(path).header("host", "daemon").header("accept", accept);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Full::new(Bytes::from(body.to_string()))),
            None => request.body(Full::default()),
        };
        let request = request.map_err(|error| self.broken(&error))?;
        let response = sender.send_request(request).await.map_err(|error| self.broken(&error))?;
        Ok(Answer { response, _connection: task })
    }

    fn broken(&self, error: &dyn std::error::Error) -> Error {
        Error::new(Kind::Unreachable, format!("the daemon at `{}` does not answer as it should: {error}", self.socket))
            .hint("its log says more: `journalctl -u homestead-daemon`")
    }
}

fn no_daemon(socket: &Utf8Path, error: std::io::Error) -> Error {
    let allowed = error.kind() != std::io::ErrorKind::PermissionDenied;
    let wrong = Error::new(
        Kind::Unreachable,
        if allowed { format!("no daemon listens at `{socket}`") } else { format!("you may not open `{socket}`") },
    );
    let wrong = wrong.caused_by(error);
    if allowed {
        wrong.hint("start it: `systemctl start homestead-daemon`; `homestead daemon install` makes it a service; `--daemon=SOCKET` names another place")
    } else {
        wrong.hint("be root, or a member of the group that the daemon runs as")
    }
}

fn refused(status: StatusCode, problem: &Value) -> Error {
    let detail = problem.get("detail").and_then(Value::as_str).map_or_else(|| status.to_string(), str::to_owned);
    Error::new(Kind::Usage, format!("the daemon refuses: {detail}"))
}

/// Server-sent events.
pub struct Events {
    answer: Answer,
    rest: Vec<u8>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its number, if it has one.
    pub id: Option<i64>,
    /// `end`, or empty.
    pub name: String,
    /// Its text.
    pub data: String,
}

impl Events {
    /// The next one; nothing when the stream has ended, for whatever reason.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.rest.drain(..end + 2).collect();
                match parse(&String::from_utf8_lossy(&frame)) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let frame = self.answer.response.body_mut().frame().await?.ok()?;
            self.rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data.as_ref()));
        }
    }
}

/// Nothing for what is a comment only, such as a sign of life.
fn parse(frame: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut has_data = false;
    for line in frame.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => event.id = value.parse().ok(),
            "event" => value.clone_into(&mut event.name),
            "data" => {
                if has_data {
                    event.data.push('\n');
                }
                event.data.push_str(value);
                has_data = true;
            }
            _ => {}
        }
    }
    has_data.then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_an_event_or_a_sign_of_life() {
        let event = parse("id: 7\nevent: end\ndata: {\"a\":\ndata: 1}\n\n").unwrap();
        assert_eq!(event, Event { id: Some(7), name: "end".into(), data: "{\"a\":\n1}".into() });
        assert_eq!(parse(":\n\n"), None);
    }

    #[tokio::test]
    async fn without_a_daemon_it_says_what_to_do() {
        let error = Client::new("/nowhere/daemon.sock".into()).ask(Method::GET, "/api/v1/hosts", None).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Unreachable, "no daemon listens at `/nowhere/daemon.sock`"));
        assert!(error.hints[0].starts_with("start it: "), "{:?}", error.hints);
    }
}
