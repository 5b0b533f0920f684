//! An editor on a text that must not stay on the disk.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use camino::Utf8Path;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::diagnostic::{Error, Kind, Result};
use crate::inventory::shell_words;
use crate::secret::Secret;

/// How long an editor that is asked to end may take to put the terminal in order.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Opens the person's editor on a text and gives what it leaves.
///
/// The text lies in a file of mode 0600 in a folder of mode 0700, in memory where `/dev/shm` exists; the folder
/// and everything that the editor put there is removed whenever and however this ends.
///
/// # Errors
/// There is no editor, it failed, or a signal ended it. The text is not given then.
pub async fn edit(text: &Secret<Vec<u8>>, named_like: &Utf8Path, environment: &BTreeMap<String, String>) -> Result<Secret<Vec<u8>>> {
    // Listening comes first: a signal must not end the process while the text lies there.
    let mut signals = Signals::listen()?;
    let failed = |error: std::io::Error| Error::new(Kind::Usage, "cannot lay out the text for the editor").caused_by(error);
    let folder = folder().map_err(failed)?;
    // The same name, so that the editor knows the language.
    let file = folder.path().join(named_like.file_name().unwrap_or("vault"));
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut out| out.write_all(text.reveal()))
        .map_err(failed)?;
    let edited = run(&editor(environment), &file, &mut signals).await.and_then(|()| {
        // The cause would only name a file that the person never saw.
        let removed = |_| Error::new(Kind::Usage, "the editor removed the text; nothing was changed");
        fs_err::read(&file).map(Secret::new).map_err(removed)
    });
    let place = folder.path().display().to_string();
    folder.close().map_err(|error| Error::new(Kind::Usage, format!("the open text in `{place}` could not be removed")).caused_by(error))?;
    edited
}

fn folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("homestead-vault-").permissions(Permissions::from_mode(0o700));
    // Not every system has it, or lets everybody write there.
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())
}

fn editor(environment: &BTreeMap<String, String>) -> String {
    let set = |name: &str| environment.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    set("VISUAL").or_else(|| set("EDITOR")).unwrap_or("vi").to_owned()
}

struct Signals {
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(|error| Error::new(Kind::Usage, "cannot listen for signals").caused_by(error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits until homestead itself is asked to end. What is typed at the terminal is for the editor, which gets it too.
    async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.quit.recv() => {}
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => return,
            }
        }
    }
}

async fn run(editor: &str, file: &Path, signals: &mut Signals) -> Result<()> {
    let hint = "set `VISUAL` or `EDITOR` to the editor that you use";
    let cannot = || Error::new(Kind::Usage, format!("the editor `{editor}` cannot be run")).hint(hint);
    let words = shell_words::split(editor).map_err(|_| cannot())?;
    let Some((program, options)) = words.split_first() else { return Err(cannot()) };
    let mut command = Command::new(&program.text);
    command.args(options.iter().map(|word| &word.text)).arg(file).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| cannot().caused_by(error))?;
    let status = tokio::select! {
        status = child.wait() => status.map_err(|error| cannot().caused_by(error))?,
        () = signals.end() => {
            end(&mut child).await;
            return Err(Error::new(Kind::Interrupted, "stopped while the editor was open; its text is gone, and nothing was changed"));
        }
    };
    if status.success() {
        return Ok(());
    }
    Err(Error::new(Kind::Usage, format!("the editor `{editor}` failed ({status}); nothing was changed")).hint(hint))
}

/// Ends the editor, kindly at first, so that it leaves the terminal as it found it.
async fn end(child: &mut Child) {
    if let Some(id) = child.id() {
        // What cannot be asked is killed below.
        let _ = Command::new("kill").arg("-TERM").arg(id.to_string()).status().await;
    }
    if tokio::time::timeout(LAST_WORDS, child.wait()).await.is_err() {
        // It fails only where there is nothing left to kill.
        let _ = child.kill().await;
    }
}
