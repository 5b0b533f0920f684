//! The Docker engine of a simulated host: HTTP/1.1, one answer after the other.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Shared;
use super::state::State;

/// Where it listens.
pub const SOCKET: &str = "/var/run/docker.sock";

/// Answers until the last request, which says so.
pub async fn serve(shared: &Shared, state: &State, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head: Vec<u8> = bytes.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let (status, body) = match head.lines().next().unwrap_or_default() {
            "GET /images/json HTTP/1.1" => ("200 OK", &*state.images),
            "GET /networks HTTP/1.1" => ("200 OK", &*state.networks),
            line => {
                shared.complain(&state.name, &format!("its engine is asked `{line}`"));
                ("501 Not Implemented", "")
            }
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if head.to_ascii_lowercase().contains("\r\nconnection: close\r\n") {
            let _ = stream.shutdown().await;
            return;
        }
    }
}
