//! Several scripts in one exec, one after the other, until one fails: see `scripts/chain.sh`.

use std::borrow::Cow;

use super::{Channel, Exec, Host, Lock, Output, failed};
use crate::diagnostic::{Error, Kind, Result};

/// What runs the others.
pub(super) const CHAIN: &str = include_str!("scripts/chain.sh");

/// How many words of [`CHAIN`]'s arguments stand before a script's own.
pub(super) const WORDS: usize = 5;

/// What `input.sh` ends with where the lock, and the input with it, is gone.
pub(super) const NO_LOCK: u32 = 76;

/// An [`Exec`] that owns what it says.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// POSIX sh; holds no secret.
    pub text: Cow<'static, str>,
    /// Hold no secret either.
    pub arguments: Vec<String>,
    /// May.
    pub stdin: Vec<u8>,
}

impl Script {
    /// A script with arguments.
    pub fn new(text: impl Into<Cow<'static, str>>, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { text: text.into(), arguments: arguments.into_iter().map(Into::into).collect(), stdin: Vec::new() }
    }

    /// With input.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Runs it alone. An exit status other than 0 is no error.
    ///
    /// # Errors
    /// As [`Host::exec`].
    pub async fn run(&self, host: &dyn Host) -> Result<Output> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        host.exec(Exec::new(&self.text).arguments(&arguments).stdin(&self.stdin)).await
    }
}

/// When a script of a chain runs, and what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// After the one before; the next one only if it succeeds.
    #[default]
    Plain,
    /// The same, and only if the run still holds the lock.
    Held,
    /// The same, and only if nobody asked it to stop.
    Gate,
    /// The next one runs in any case.
    Optional,
}

/// One script of a chain.
#[derive(Clone, Debug, Default)]
pub struct Linked {
    /// Goes to the run's journal before the script begins; without the end of the line.
    pub note: String,
    /// When it runs.
    pub link: Link,
    /// The script; an empty one is none.
    pub script: Script,
}

/// Whose a chain is.
#[derive(Clone, Copy)]
pub enum Mode<'l> {
    /// Nobody's in particular.
    Alone,
    /// A run's, that has nothing to write into its journal.
    Held(&'l Lock),
    /// A run's, with notes and gates.
    Journaled(&'l Lock),
}

/// What happens in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The script at this place begins.
    Begins(usize),
    /// It wrote a line.
    Line(usize, &'a str),
    /// One of them complained.
    Complains(&'a [u8]),
    /// It ended, with this status and what it wrote.
    Ended(usize, u32, &'a [u8]),
}

/// How a chain ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainEnd {
    /// Every script ran.
    Done,
    /// The script at this place failed.
    Failed(usize, Output),
    /// Somebody asked to stop before the script at this place.
    Stopped(usize),
    /// The lock was gone before the script at this place.
    Lost(usize),
}

/// Runs scripts in one exec; `hear` is told as they go. With a run's lock, their input goes ahead; [`Mode::Journaled`] has
/// them write into the run's journal, and other runs wait for their end.
///
/// # Errors
/// The connection breaks, or the chain itself does not work.
pub async fn chain(
    host: &dyn Host,
    mode: Mode<'_>,
    links: &[Linked],
    hear: &mut (dyn for<'h> FnMut(Heard<'h>) + Send),
) -> Result<ChainEnd> {
    let (lock, mut words) = match mode {
        Mode::Alone => (None, vec![String::new(), String::new()]),
        Mode::Held(lock) => (Some(lock), vec![String::new(), String::new()]),
        Mode::Journaled(lock) => {
            let (run, last) = lock.journal();
            (Some(lock), vec![run.to_owned(), last])
        }
    };
    let mut stdin = Vec::new();
    for Linked { note, link, script } in links {
        let kind = match link {
            Link::Plain => "",
            Link::Held => "held",
            Link::Gate => "gate",
            Link::Optional => "optional",
        };
        let (length, count) = (script.stdin.len().to_string(), script.arguments.len().to_string());
        words.extend([note.clone(), kind.to_owned(), length, script.text.clone().into_owned(), count]);
        words.extend(script.arguments.iter().cloned());
        stdin.extend_from_slice(&script.stdin);
    }
    let mut script = Script::new(CHAIN, words).stdin(stdin);
    if let Some(lock) = lock {
        script = lock.ahead(script).await?;
    }
    let words: Vec<&str> = script.arguments.iter().map(String::as_str).collect();
    let exec = Exec::new(&script.text).arguments(&words).stdin(&script.stdin);
    let mut reader = Reader::default();
    let mut stderr = Vec::new();
    let mut sink = |channel, bytes: &[u8]| match channel {
        Channel::Stdout => reader.take(bytes, hear),
        Channel::Stderr => {
            stderr.extend_from_slice(bytes);
            hear(Heard::Complains(bytes));
        }
    };
    let status = host.exec_streaming(exec, &mut sink).await?;
    let Reader { ended, stopped, .. } = reader;
    let place = ended.len();
    match stopped.as_deref() {
        Some("stopped") => return Ok(ChainEnd::Stopped(place)),
        Some("lost") => return Ok(ChainEnd::Lost(place)),
        _ => {}
    }
    let last =
        ended.last().filter(|(status, _)| *status != 0).filter(|_| links.get(place - 1).is_none_or(|last| last.link != Link::Optional));
    if let Some((status, stdout)) = last {
        return Ok(ChainEnd::Failed(place - 1, Output { status: *status, stdout: stdout.clone(), stderr }));
    }
    if status == 0 && place == links.len() {
        return Ok(ChainEnd::Done);
    }
    if lock.is_some() && status == NO_LOCK && place == 0 {
        return Err(lost_lock(host.name()));
    }
    let output = Output { status, stdout: Vec::new(), stderr };
    Err(failed(host, "going on from step to step", &output))
}

/// Runs a script that nobody may come between: while it works, no other run and nothing that waits for the run's end begins, and
/// where the lock was lost it does not begin.
///
/// # Errors
/// Kind `Locked` where the lock was lost; the connection breaks.
pub async fn while_held(host: &dyn Host, lock: &Lock, script: Script) -> Result<Output> {
    let (mut said, mut complaint) = (Vec::new(), Vec::new());
    let mut hear = |heard: Heard<'_>| match heard {
        Heard::Ended(_, _, stdout) => said = stdout.to_vec(),
        Heard::Complains(bytes) => complaint.extend_from_slice(bytes),
        Heard::Begins(_) | Heard::Line(..) => {}
    };
    let link = Linked { link: Link::Held, script, ..Linked::default() };
    match chain(host, Mode::Journaled(lock), &[link], &mut hear).await? {
        ChainEnd::Done => Ok(Output { status: 0, stdout: said, stderr: complaint }),
        ChainEnd::Failed(_, output) => Ok(output),
        ChainEnd::Stopped(_) | ChainEnd::Lost(_) => Err(lost_lock(host.name())),
    }
}

/// The same for a script that must succeed; gives what it wrote. `what` names the deed, as for [`super::run`].
///
/// # Errors
/// Kind `HostFailed` with the script's last words; as [`while_held`].
pub async fn run_while_held(host: &dyn Host, lock: &Lock, what: &str, script: Script) -> Result<Vec<u8>> {
    let output = while_held(host, lock, script).await?;
    if output.status == 0 { Ok(output.stdout) } else { Err(failed(host, what, &output)) }
}

/// Understands what `chain.sh` writes, as it comes.
#[derive(Default)]
struct Reader {
    part: Part,
    text: Vec<u8>,
    /// How much of `text` was told as lines.
    told: usize,
    place: usize,
    /// Of each script its status, and what it wrote.
    ended: Vec<(u32, Vec<u8>)>,
    stopped: Option<String>,
    output: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Place,
    Output,
    Status,
}

impl Reader {
    fn take(&mut self, bytes: &[u8], hear: &mut (dyn for<'h> FnMut(Heard<'h>) + Send)) {
        for (number, piece) in bytes.split(|&byte| byte == 0).enumerate() {
            if number > 0 {
                self.end_part(hear);
            }
            self.text.extend_from_slice(piece);
            if self.part == Part::Output {
                self.lines(hear);
            }
        }
    }

    fn lines(&mut self, hear: &mut (dyn for<'h> FnMut(Heard<'h>) + Send)) {
        while let Some(end) = self.text.get(self.told..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n')) {
            let line = String::from_utf8_lossy(self.text.get(self.told..self.told + end).unwrap_or_default()).into_owned();
            self.told += end + 1;
            hear(Heard::Line(self.place, &line));
        }
    }

    fn end_part(&mut self, hear: &mut (dyn for<'h> FnMut(Heard<'h>) + Send)) {
        let text = std::mem::take(&mut self.text);
        self.told = 0;
        let word = || String::from_utf8_lossy(&text).into_owned();
        self.part = match self.part {
            Part::Place => {
                match word().parse() {
                    Ok(place) => {
                        self.place = place;
                        hear(Heard::Begins(place));
                    }
                    Err(_) => self.stopped = Some(word()),
                }
                Part::Output
            }
            Part::Output => {
                self.output = text;
                Part::Status
            }
            Part::Status => {
                // A status that cannot be read is none that is good.
                let status = word().parse().unwrap_or(1);
                let output = std::mem::take(&mut self.output);
                hear(Heard::Ended(self.place, status, &output));
                self.ended.push((status, output));
                Part::Place
            }
        };
    }
}

/// The error for a lock that is not held any more.
pub fn lost_lock(host: &str) -> Error {
    Error::new(Kind::Locked, format!("`{host}`: the lock of this run was taken away on the host"))
        .hint("`homestead lock release` does that; another run may be at work")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{ConnectionSettings, Environment, LocalHost};

    fn linked(link: Link, script: Script) -> Linked {
        Linked { note: String::new(), link, script }
    }

    async fn told(links: &[Linked]) -> (Result<ChainEnd>, String) {
        let host = LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap();
        std::fs::create_dir_all("/var/lib/homestead").unwrap();
        let mut told = String::new();
        let mut hear = |heard: Heard<'_>| match heard {
            Heard::Begins(place) => told.push_str(&format!("{place} begins\n")),
            Heard::Line(_, line) => told.push_str(&format!("  {line}\n")),
            Heard::Complains(_) => {}
            Heard::Ended(place, status, output) => told.push_str(&format!("{place} ends with {status}, {} bytes\n", output.len())),
        };
        let end = chain(&host, Mode::Alone, links, &mut hear).await;
        (end, told)
    }

    #[tokio::test]
    async fn each_script_has_its_own_input_and_arguments() {
        let links = [
            linked(Link::Plain, Script::new("printf '%s|' \"$#\" \"$@\"; cat; echo", ["a b", "it's", ""]).stdin("one")),
            linked(Link::Plain, Script::new("head -c 1; echo", [""; 0]).stdin("two")),
            linked(Link::Optional, Script::new("exit 7", [""; 0])),
            linked(Link::Plain, Script::default()),
            linked(Link::Plain, Script::new("cat; printf three", ["4"; 11])),
        ];
        let (end, told) = told(&links).await;
        assert_eq!(end.unwrap(), ChainEnd::Done);
        insta::assert_snapshot!(told, @"
        0 begins
          3|a b|it's||one
        0 ends with 0, 16 bytes
        1 begins
          t
        1 ends with 0, 2 bytes
        2 begins
        2 ends with 7, 0 bytes
        3 begins
        3 ends with 0, 0 bytes
        4 begins
        4 ends with 0, 5 bytes
        ");
    }

    #[tokio::test]
    async fn the_first_failure_ends_it() {
        let links = [
            linked(Link::Plain, Script::new("echo good", [""; 0])),
            linked(Link::Plain, Script::new("echo part; echo why >&2; exit 65", [""; 0]).stdin("unread")),
            linked(Link::Plain, Script::new("echo never", [""; 0])),
        ];
        let (end, told) = told(&links).await;
        assert_eq!(end.unwrap(), ChainEnd::Failed(1, Output { status: 65, stdout: b"part\n".to_vec(), stderr: b"why\n".to_vec() }));
        assert!(!told.contains("never"), "{told}");
        // Nobody holds the lock for the run that has no name.
        let (end, told) = self::told(&[linked(Link::Gate, Script::new("echo never", [""; 0]))]).await;
        assert_eq!((end.unwrap(), told.as_str()), (ChainEnd::Lost(0), ""));
    }

    #[test]
    fn what_comes_in_pieces_is_understood() {
        let whole = b"0\0a\nb\0" as &[u8];
        let whole = [whole, b"0\0", b"1\0c\n\0", b"3\0", b"stopped\0"].concat();
        for length in 1..whole.len() {
            let mut reader = Reader::default();
            let mut told = Vec::new();
            for piece in whole.chunks(length) {
                reader.take(piece, &mut |heard| told.push(format!("{heard:?}")));
            }
            assert_eq!(
                told,
                ["Begins(0)", "Line(0, \"a\")", "Ended(0, 0, [97, 10, 98])", "Begins(1)", "Line(1, \"c\")", "Ended(1, 3, [99, 10])"]
            );
            assert_eq!(reader.stopped.as_deref(), Some("stopped"));
        }
    }
}
