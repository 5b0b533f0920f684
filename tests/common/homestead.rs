//! The program, run as a user runs it.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use regex::Regex;

use super::{TestInventory, Usage};

/// No command here takes that long; one that does hangs.
const PATIENCE: Duration = Duration::from_mins(5);

/// The program in the folder of an inventory, with an environment and a home of its own.
pub struct Homestead<'a> {
    inventory: &'a TestInventory,
    options: Vec<String>,
    environment: Vec<(String, String)>,
    secrets: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    folder: String,
    pub arguments: Vec<String>,
    pub code: i32,
    pub stdout: String,
    /// Without the line about the log.
    pub stderr: String,
    /// Where a failed run says that its log lies.
    pub log: Option<PathBuf>,
    pub took: Duration,
    /// What it took of the machine, without programs that it started.
    pub usage: Usage,
}

/// A program that goes with the test that started it, also when that fails.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run that goes on.
pub struct Running {
    folder: String,
    arguments: Vec<String>,
    child: Ending,
    started: Instant,
    readers: [JoinHandle<String>; 2],
    said: Arc<Mutex<Vec<u8>>>,
    secrets: Vec<String>,
}

impl<'a> Homestead<'a> {
    pub fn on(inventory: &'a TestInventory) -> Self {
        std::fs::create_dir_all(inventory.path("home")).unwrap();
        Self { inventory, options: Vec::new(), environment: Vec::new(), secrets: Vec::new() }
    }

    /// With options before the command.
    pub fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }

    /// With a variable in the environment, which is empty but for `PATH`, `HOME`, `USER`, and `HOSTNAME`.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Fails every run that shows one of these.
    pub fn guarding(mut self, secrets: &[String]) -> Self {
        self.secrets.extend_from_slice(secrets);
        self
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "")
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        self.start(arguments, input).wait()
    }

    /// Starts a run and goes on.
    pub fn start(&self, arguments: &[&str], input: &str) -> Running {
        let arguments: Vec<String> = self.options.iter().cloned().chain(arguments.iter().map(|word| (*word).to_owned())).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_homestead"));
        command
            .args(&arguments)
            .current_dir(self.inventory.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.inventory.path("home"))
            .env("USER", "tester")
            .env("HOSTNAME", "laptop")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        let said = Arc::default();
        let readers = [reader(child.stdout.take().unwrap(), &said), reader(child.stderr.take().unwrap(), &said)];
        // A program that does not want its input closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let folder = self.inventory.folder().display().to_string();
        Running { folder, arguments, child: Ending(child), started, readers, said, secrets: self.secrets.clone() }
    }
}

fn reader(mut pipe: impl Read + Send + 'static, said: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<String> {
    let said = said.clone();
    thread::spawn(move || {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let length = pipe.read(&mut buffer).unwrap();
            if length == 0 {
                return String::from_utf8(bytes).unwrap();
            }
            bytes.extend_from_slice(&buffer[..length]);
            said.lock().unwrap().extend_from_slice(&buffer[..length]);
        }
    })
}

impl Running {
    /// Sends a signal, named as `kill` names it.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.0.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -{name}");
    }

    /// Whether it has written these words so far.
    pub fn has_said(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.said.lock().unwrap()).contains(words)
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Whether it has not ended yet.
    pub fn goes_on(&mut self) -> bool {
        self.child.0.try_wait().unwrap().is_none()
    }

    /// Waits for its end; a run that does not end is killed, and fails the test with what it said.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let (mut hung, mut usage) = (false, Usage::default());
        let status = loop {
            usage = Usage::of(self.child.0.id()).unwrap_or(usage);
            match self.child.0.try_wait().unwrap() {
                Some(status) => break status,
                None if !hung && self.started.elapsed() > PATIENCE => {
                    hung = true;
                    self.child.0.kill().unwrap();
                }
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        let took = self.started.elapsed();
        let [stdout, stderr] = self.readers.map(|reader| reader.join().unwrap());
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        let (stderr, log) = without_log(stderr);
        let outcome = Outcome { folder: self.folder, arguments: self.arguments, code, stdout, stderr, log, took, usage };
        assert!(!hung, "it hangs: {}", outcome.text());
        if !outcome.arguments.iter().any(|argument| argument == "--reveal") {
            outcome.shows_none_of(&self.secrets);
        }
        outcome
    }
}

impl Outcome {
    /// Its exit code must be this one.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.text());
        self
    }

    /// All of it, for messages and snapshots: the exit code, what it wrote, without times and the folder that it ran in.
    pub fn text(&self) -> String {
        let mut text = format!("$ homestead {}\n", self.arguments.join(" "));
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text.push_str(&format!("-- {name}\n{}\n", stream.trim_end()));
            }
        }
        text.push_str(&format!("-- exit code {}\n", self.code));
        without_times(&text).replace(&self.folder, "[FOLDER]")
    }

    /// Its standard error without the times.
    pub fn stderr_without_times(&self) -> String {
        without_times(&self.stderr)
    }

    #[track_caller]
    pub fn shows_none_of(&self, secrets: &[String]) {
        for secret in secrets {
            let shown = self.stdout.contains(secret.as_str()) || self.stderr.contains(secret.as_str());
            assert!(!shown, "the secret `{secret}` is shown by: {}", self.text());
        }
    }

    /// Its standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Its standard output as a line of JSON each.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// The line about a run's log names another file each time.
fn without_log(stderr: String) -> (String, Option<PathBuf>) {
    match stderr.rsplit_once("the whole run: ") {
        Some((before, path)) if before.is_empty() || before.ends_with('\n') => (before.to_owned(), Some(PathBuf::from(path.trim_end()))),
        _ => (stderr, None),
    }
}

fn without_times(text: &str) -> String {
    Regex::new(r"(?m)^\[ *\d+\.\ds\] ").unwrap().replace_all(text, "").into_owned()
}
