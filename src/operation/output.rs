//! What a program on the host writes, line by line.

use crate::host::Channel;

/// Bytes as they come -> whole lines.
#[derive(Default)]
pub struct Lines {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Lines {
    /// The lines that are whole now.
    pub fn add(&mut self, channel: Channel, bytes: &[u8]) -> Vec<String> {
        let buffer = match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        };
        buffer.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        lines
    }

    /// What is left at the end.
    pub fn rest(self) -> Vec<(Channel, String)> {
        [(Channel::Stdout, self.stdout), (Channel::Stderr, self.stderr)]
            .into_iter()
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(channel, bytes)| (channel, String::from_utf8_lossy(&bytes).into_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_the_bytes_are_cut() {
        let mut lines = Lines::default();
        assert!(lines.add(Channel::Stdout, "✅ a".as_bytes()).is_empty());
        assert_eq!(lines.add(Channel::Stdout, b" b\nc"), ["✅ a b"]);
        assert_eq!(lines.rest(), [(Channel::Stdout, "c".to_owned())]);
    }
}
