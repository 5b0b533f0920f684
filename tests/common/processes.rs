//! Every command line that other users of a host could see.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread::JoinHandle;

use super::Sandbox;

/// Lists the processes of a host, over and over.
pub struct ProcessSampler {
    reader: Option<JoinHandle<BTreeSet<String>>>,
    stop: String,
}

const SAMPLE: &str = "while [ -e \"$1\" ]; do ps -eww -o args; sleep \"$2\"; done";

impl ProcessSampler {
    /// Begins, with a pause between two looks: `0.1`.
    pub fn start(sandbox: &Sandbox, pause: &str) -> Self {
        let stop = "/run/sampling".to_owned();
        sandbox.script(&format!(": >{stop}"));
        let mut child =
            sandbox.command(&["sh", "-c", SAMPLE, "sampler", &stop, pause]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(stdout).split(b'\n').map(|line| String::from_utf8_lossy(&line.unwrap()).into_owned()).collect();
            child.wait().unwrap();
            lines
        });
        Self { reader: Some(reader), stop }
    }

    /// Ends; gives every command line that was seen.
    pub fn finish(mut self, sandbox: &Sandbox) -> BTreeSet<String> {
        sandbox.script(&format!("rm {}", self.stop));
        self.reader.take().unwrap().join().unwrap()
    }
}
