//! A host for tests: it asserts what it is asked and answers what it was told.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::chain::{CHAIN, WORDS};
use super::docker::EngineState;
use super::engine_socket::{bodies, unanswered};
use super::http_pipeline::pipeline;
use super::lock::{INPUT, INPUT_WORD};
use super::{Channel, Exec, Held, Host, Output, Stream, shell};
use crate::diagnostic::{Error, Kind, Result};

/// One script that a test expects, or that a host was asked to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The script.
    pub script: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its input.
    pub stdin: Vec<u8>,
}

impl Asked {
    /// A short form for snapshots: script, arguments and input, as far as there are any.
    pub fn summary(&self) -> String {
        let mut text = self.script.clone();
        for argument in &self.arguments {
            text.push_str(&format!("\n$ {argument}"));
        }
        if !self.stdin.is_empty() {
            text.push_str(&format!("\n< {}", String::from_utf8_lossy(&self.stdin).replace('\0', "\\0")));
        }
        text
    }
}

type Answer = Box<dyn FnMut(&Asked) -> Option<Result<Output>> + Send>;

/// A host that runs nothing.
///
/// Answers come from a queue of expectations first, in order; then from rules, the first that has an
/// answer. A script that nobody expected is an error of kind `Usage`, which fails the test.
#[derive(Default)]
pub struct FakeHost {
    state: Mutex<State>,
    told: Arc<Mutex<Told>>,
    engine: EngineState,
}

#[derive(Default)]
struct State {
    expected: VecDeque<(Option<String>, Result<Output>)>,
    rules: Vec<Answer>,
    streams: VecDeque<Box<dyn Stream>>,
    asked: Vec<Asked>,
}

impl FakeHost {
    /// A host that expects nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects exactly `script` next, and answers with success and `stdout`.
    #[must_use]
    pub fn expect(self, script: impl Into<String>, stdout: impl Into<Vec<u8>>) -> Self {
        self.expect_output(Some(script.into()), Ok(success(stdout)))
    }

    /// Answers the next script, whatever it is, with success and `stdout`.
    #[must_use]
    pub fn answer(self, stdout: impl Into<Vec<u8>>) -> Self {
        self.expect_output(None, Ok(success(stdout)))
    }

    /// Answers the next script, whatever it is, with a failure.
    #[must_use]
    pub fn answer_failure(self, status: u32, stderr: impl Into<Vec<u8>>) -> Self {
        self.expect_output(None, Ok(Output { status, stdout: Vec::new(), stderr: stderr.into() }))
    }

    /// Expects a script, where one is given, and answers with `output`.
    #[must_use]
    pub fn expect_output(self, script: Option<String>, output: Result<Output>) -> Self {
        self.state().expected.push_back((script, output));
        self
    }

    /// Answers every script for which `rule` gives something.
    #[must_use]
    pub fn rule(self, rule: impl FnMut(&Asked) -> Option<Result<Output>> + Send + 'static) -> Self {
        self.state().rules.push(Box::new(rule));
        self
    }

    /// What the next connection to the Docker engine or to a port is.
    #[must_use]
    pub fn stream(self, stream: impl Stream + 'static) -> Self {
        self.state().streams.push_back(Box::new(stream));
        self
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// What held scripts were sent after they began.
    pub fn told(&self) -> String {
        String::from_utf8_lossy(&self.told.lock().unwrap_or_else(PoisonError::into_inner).bytes).into_owned()
    }

    /// Lets every held script end, as if somebody had ended it on the host.
    pub fn end_held(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    }

    /// How many expectations were not met yet.
    pub fn outstanding(&self) -> usize {
        self.state().expected.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, exec: Exec<'_>) -> Result<Output> {
        let asked = Asked {
            script: exec.script.to_owned(),
            arguments: exec.arguments.iter().map(|&argument| argument.to_owned()).collect(),
            stdin: exec.stdin.to_vec(),
        };
        let mut state = self.state();
        state.asked.push(asked.clone());
        if let Some((script, output)) = state.expected.pop_front() {
            return match script {
                Some(script) if script != asked.script => Err(unexpected(&format!("expected `{script}`, was asked `{}`", asked.script))),
                _ => output,
            };
        }
        let answer = state.rules.iter_mut().find_map(|rule| rule(&asked));
        answer.unwrap_or_else(|| Err(unexpected(&format!("nobody expected `{}`", asked.summary()))))
    }

    /// Each script of a chain is one that is asked for by itself.
    fn reply_chain(&self, exec: Exec<'_>, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> Result<u32> {
        let number = |word: &str| word.parse::<usize>().map_err(|_| unexpected("a chain without numbers"));
        let (mut words, mut stdin) = (exec.arguments.get(2..).unwrap_or_default(), exec.stdin);
        let mut place = 0;
        while let Some((link, rest)) = words.split_at_checked(WORDS) {
            let [note, kind, length, script, count] = link else { break };
            let (Some((input, others)), Some((arguments, further))) =
                (stdin.split_at_checked(number(length)?), rest.split_at_checked(number(count)?))
            else {
                return Err(unexpected("a chain that breaks off"));
            };
            (stdin, words) = (others, further);
            if !note.is_empty() {
                self.told.lock().unwrap_or_else(PoisonError::into_inner).bytes.extend_from_slice(format!("{note}\n").as_bytes());
            }
            sink(Channel::Stdout, format!("{place}\0").as_bytes());
            let output = if script.is_empty() { success("") } else { self.reply(Exec::new(script).arguments(arguments).stdin(input))? };
            sink(Channel::Stderr, &output.stderr);
            sink(Channel::Stdout, &output.stdout);
            sink(Channel::Stdout, format!("\0{}\0", output.status).as_bytes());
            if output.status != 0 && *kind != "optional" {
                break;
            }
            place += 1;
        }
        Ok(0)
    }

    fn next_stream(&self) -> Result<Box<dyn Stream>> {
        self.state().streams.pop_front().ok_or_else(|| unexpected("nobody expected a connection"))
    }
}

fn success(stdout: impl Into<Vec<u8>>) -> Output {
    Output { status: 0, stdout: stdout.into(), stderr: Vec::new() }
}

fn unexpected(message: &str) -> Error {
    Error::new(Kind::Usage, format!("fake host: {message}"))
}

/// Bytes that Linux takes as one word of a command line (execve(2)); sshd gives a login shell the whole line as one.
const LONGEST_WORD: usize = 128 * 1024;

struct FakeHeld {
    told: Arc<Mutex<Told>>,
}

/// What became of the scripts that were held.
#[derive(Debug, Default)]
struct Told {
    bytes: Vec<u8>,
    /// What went ahead, by its name.
    inputs: HashMap<String, Vec<u8>>,
    ended: bool,
}

#[async_trait]
impl Held for FakeHeld {
    async fn send(&self, bytes: &[u8]) -> Result<()> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        match String::from_utf8_lossy(line).split(' ').collect::<Vec<_>>().as_slice() {
            [INPUT_WORD, _, name] => drop(told.inputs.insert((*name).to_owned(), bytes.get(line.len() + 1..).unwrap_or_default().to_vec())),
            _ => told.bytes.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn ended(&self) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    async fn finish(self: Box<Self>) {}
}

#[async_trait]
impl Host for FakeHost {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn exec(&self, exec: Exec<'_>) -> Result<Output> {
        let mut output = Output { status: 0, stdout: Vec::new(), stderr: Vec::new() };
        let mut sink = |channel, bytes: &[u8]| match channel {
            Channel::Stdout => output.stdout.extend_from_slice(bytes),
            Channel::Stderr => output.stderr.extend_from_slice(bytes),
        };
        let status = self.exec_streaming(exec, &mut sink).await?;
        Ok(Output { status, ..output })
    }

    async fn exec_streaming(&self, exec: Exec<'_>, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> Result<u32> {
        if let Some(script) = exec.script.strip_prefix(INPUT) {
            let input = exec.arguments.first().and_then(|file| file.rsplit('/').next()).unwrap_or_default();
            let input = self.told.lock().unwrap_or_else(PoisonError::into_inner).inputs.remove(input);
            let input = input.ok_or_else(|| unexpected("an input that did not come"))?;
            let arguments = exec.arguments.get(1..).unwrap_or_default();
            return self.exec_streaming(Exec::new(script).arguments(arguments).stdin(&input), sink).await;
        }
        let words = shell::words(&exec)?;
        if shell::line(words.iter().map(String::as_str)).len() >= LONGEST_WORD {
            return Err(unexpected("Argument list too long"));
        }
        if exec.script == CHAIN {
            return self.reply_chain(exec, sink);
        }
        let output = self.reply(exec)?;
        sink(Channel::Stdout, &output.stdout);
        sink(Channel::Stderr, &output.stderr);
        Ok(output.status)
    }

    async fn hold(&self, exec: Exec<'_>) -> Result<std::result::Result<(String, Box<dyn Held>), Output>> {
        let output = self.reply(exec)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match text.split_once('\n') {
            Some((line, _)) if output.status == 0 => Ok(Ok((line.to_owned(), Box::new(FakeHeld { told: Arc::clone(&self.told) })))),
            _ => Ok(Err(output)),
        }
    }

    fn engine(&self) -> &EngineState {
        &self.engine
    }

    async fn docker_get(&self, paths: &[&str]) -> Result<Vec<Vec<u8>>> {
        let answers = pipeline(self.next_stream()?, paths).await.map_err(|error| unanswered(self).caused_by(error))?;
        bodies(self, paths, answers)
    }

    async fn docker_stream(&self) -> Result<Box<dyn Stream>> {
        self.next_stream()
    }

    async fn tcp_stream(&self, _address: IpAddr, _port: u16) -> Result<Box<dyn Stream>> {
        self.next_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unexpected_script_is_an_error() {
        let host = FakeHost::new().expect("a", "1").rule(|asked| (asked.script == "c").then(|| Ok(success("3"))));
        assert_eq!(host.exec(Exec::new("a")).await.unwrap().stdout, b"1");
        assert_eq!(host.exec(Exec::new("c")).await.unwrap().stdout, b"3");
        assert_eq!(host.exec(Exec::new("b")).await.unwrap_err().to_string(), "fake host: nobody expected `b`");
        assert_eq!(host.asked().len(), 3);
        let host = FakeHost::new().expect("a", "1");
        assert_eq!(host.exec(Exec::new("b")).await.unwrap_err().to_string(), "fake host: expected `a`, was asked `b`");
    }
}
