//! A session of a simulated host: what a script reads and writes.

use russh::server::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

/// What a script is sent.
pub struct Input {
    reader: ChannelReadHalf,
    bytes: Vec<u8>,
}

impl Input {
    pub const fn new(reader: ChannelReadHalf) -> Self {
        Self { reader, bytes: Vec::new() }
    }

    /// Waits for more; false at the end.
    async fn grows(&mut self) -> bool {
        loop {
            match self.reader.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    self.bytes.extend_from_slice(&data);
                    return true;
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return false,
                Some(_) => {}
            }
        }
    }

    /// The next line without its end; nothing at the end of the input.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.bytes.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap().trim_end_matches('\n').to_owned());
            }
            if !self.grows().await {
                return None;
            }
        }
    }

    /// Everything that is left.
    pub async fn all(mut self) -> Vec<u8> {
        while self.grows().await {}
        self.bytes
    }
}

/// Where a script writes. Nobody minds when homestead has gone away.
pub struct Output(pub ChannelWriteHalf<Msg>);

impl Output {
    pub async fn stdout(&self, bytes: impl Into<Vec<u8>>) {
        let _ = self.0.data_bytes(bytes.into()).await;
    }

    pub async fn stderr(&self, bytes: impl Into<Vec<u8>>) {
        let _ = self.0.extended_data_bytes(1, bytes.into()).await;
    }

    /// The end of the script.
    pub async fn exit(self, status: u32) {
        let _ = self.0.exit_status(status).await;
        let _ = self.0.eof().await;
        let _ = self.0.close().await;
    }
}
