//! Several GETs over one connection, all sent before the first answer is read (RFC 9112, "Pipelining"): the Docker
//! engine answers them in their order, and the whole takes one round trip.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::Stream;

/// A socket-activated engine takes a moment to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// `200`.
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Asks for each path.
///
/// # Errors
/// The connection ends early, nobody answers in time, or what comes is no HTTP.
pub(super) async fn pipeline(mut stream: Box<dyn Stream>, paths: &[&str]) -> io::Result<Vec<Answer>> {
    let exchange = async {
        let last = paths.len().saturating_sub(1);
        let request = |(number, path): (usize, &&str)| {
            let connection = if number == last { "close" } else { "keep-alive" };
            format!("GET {path} HTTP/1.1\r\nHost: docker\r\nConnection: {connection}\r\n\r\n")
        };
        stream.write_all(paths.iter().enumerate().map(request).collect::<String>().as_bytes()).await?;
        stream.flush().await?;
        let mut bytes = Vec::new();
        let mut ended = false;
        loop {
            if let Some(answers) = read(&bytes, paths.len(), ended)? {
                return Ok(answers);
            }
            if ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            ended = stream.read_buf(&mut bytes).await? == 0;
        }
    };
    timeout(PATIENCE, exchange).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// So many answers; nothing while they are not all there.
fn read(mut bytes: &[u8], count: usize, ended: bool) -> io::Result<Option<Vec<Answer>>> {
    let mut answers = Vec::new();
    while answers.len() < count {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let (head, rest) = bytes.split_at(end + 4);
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.").and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is no HTTP"))?;
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let taken = match (field("transfer-encoding"), field("content-length")) {
            (Some(coding), _) if coding.ends_with("chunked") => chunks(rest)?,
            (_, Some(length)) => {
                let length: usize = length.parse().map_err(io::Error::other)?;
                rest.split_at_checked(length).map(|(body, rest)| (body.to_vec(), rest))
            }
            // The last answer may go on to the end of the connection.
            _ => ended.then(|| (rest.to_vec(), [].as_slice())),
        };
        let Some((body, rest)) = taken else { return Ok(None) };
        answers.push(Answer { status, body });
        bytes = rest;
    }
    Ok(Some(answers))
}

/// A body that comes in chunks, and what follows; nothing while it is not all there. The engine sends no trailer.
fn chunks(mut bytes: &[u8]) -> io::Result<Option<(Vec<u8>, &[u8])>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") else { return Ok(None) };
        let (line, rest) = bytes.split_at(end + 2);
        let size = String::from_utf8_lossy(line);
        let size = size.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        let Some((chunk, rest)) = size.checked_add(2).and_then(|size| rest.split_at_checked(size)) else { return Ok(None) };
        if size == 0 {
            return Ok(Some((body, rest)));
        }
        body.extend_from_slice(chunk.get(..size).unwrap_or_default());
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8], count: usize, ended: bool) -> Option<Vec<(u16, String)>> {
        let answers = read(bytes, count, ended).unwrap()?;
        Some(answers.into_iter().map(|answer| (answer.status, String::from_utf8(answer.body).unwrap())).collect())
    }

    #[test]
    fn answers_follow_each_other() {
        let both = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(texts(both, 2, false), Some(vec![(200, "[]".to_owned()), (404, "abc0123456789".to_owned())]));
        for length in 0..both.len() {
            assert_eq!(texts(&both[..length], 2, false), None, "{length}");
        }
        let open = b"HTTP/1.1 200 OK\r\n\r\nrest";
        assert_eq!((texts(open, 1, false), texts(open, 1, true)), (None, Some(vec![(200, "rest".to_owned())])));
        assert!(read(b"SSH-2.0\r\n\r\n", 1, false).is_err());
    }

    #[tokio::test]
    async fn every_question_goes_out_first() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let engine = async {
            let mut asked = vec![0; 1024];
            let length = theirs.read(&mut asked).await.unwrap();
            theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2").await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        };
        let (answers, asked) = tokio::join!(pipeline(Box::new(ours), &["/a", "/b"]), engine);
        assert_eq!(asked.matches("GET ").count(), 2);
        assert_eq!(answers.unwrap().into_iter().map(|answer| answer.body).collect::<Vec<_>>(), [b"1", b"2"]);
    }
}
