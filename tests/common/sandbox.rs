//! A disposable host: see `tests/sandbox/README.md`.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::skipped;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/sandbox");

/// A machine with systemd, sshd, Docker, and a registry. It goes when this is dropped, and also when the
/// process of the tests ends in any other way.
pub struct Sandbox {
    name: String,
    description: Value,
    reaper: Child,
}

/// Starts a host of that name and this process; says `skipped: ...` where there can be none.
pub fn sandbox(name: &str) -> Option<Sandbox> {
    start(name, &[])
}

/// The same with Python on it, for tools that need one there.
pub fn python_sandbox(name: &str) -> Option<Sandbox> {
    start(name, &["--python"])
}

fn start(name: &str, options: &[&str]) -> Option<Sandbox> {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    match READY.get_or_init(prepare) {
        Ok(()) => Some(Sandbox::start(name, options)),
        Err(why) => {
            // Where the tests count, a sandbox that cannot be is a failure.
            assert!(std::env::var_os("CI").is_none(), "no sandbox: {why}");
            skipped(why);
            None
        }
    }
}

/// Fails the test where a sandbox should be possible and is not.
fn prepare() -> Result<(), String> {
    let succeeds = |program: &str, argument: &str| Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success());
    let user = Command::new("id").arg("-u").output().unwrap().stdout;
    if user.trim_ascii() != b"0" {
        return Err("the sandbox needs root".to_owned());
    }
    if !succeeds("docker", "--version") && !succeeds("apt-get", "--version") {
        return Err("the sandbox needs Docker, and there is no apt-get to install it".to_owned());
    }
    let output = Command::new(SCRIPT).arg("prepare").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "sandbox prepare: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

impl Sandbox {
    fn start(name: &str, options: &[&str]) -> Self {
        let name = format!("test-{name}-{}", std::process::id());
        // Its standard input ends with this process, however that ends. A group of its own keeps Ctrl-C away.
        let reaper = Command::new("sh")
            .args(["-c", "cat; exec \"$0\" stop \"$1\"", SCRIPT, &name])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let output = Command::new(SCRIPT).args(["start", &name]).args(options).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "sandbox start: {}", String::from_utf8_lossy(&output.stderr));
        let description = serde_json::from_slice(&output.stdout).unwrap();
        Self { name, description, reaper }
    }

    /// Cuts its power and switches it on again: its ports are others then. What stood on its disk is there.
    pub fn reset(&mut self) {
        let output = Command::new(SCRIPT).args(["reset", &self.name]).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "sandbox reset: {}", String::from_utf8_lossy(&output.stderr));
        self.description = serde_json::from_slice(&output.stdout).unwrap();
    }

    /// What `sandbox start` says about it.
    pub fn text(&self, name: &str) -> &str {
        self.description.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no text `{name}` in {}", self.description))
    }

    /// A port on 127.0.0.1 that leads to it: `ssh_port`.
    pub fn port(&self, name: &str) -> u64 {
        self.description.get(name).and_then(Value::as_u64).unwrap_or_else(|| panic!("no port `{name}` in {}", self.description))
    }

    /// The connection variables of a line in `hosts`.
    pub fn connection(&self, user: &str) -> String {
        format!(
            "ansible_host=127.0.0.1 ansible_port={} ansible_ssh_user={user} ansible_ssh_private_key_file={} \
             ansible_ssh_common_args='-o UserKnownHostsFile={}'",
            self.port("ssh_port"),
            self.text("ssh_key"),
            self.text("known_hosts"),
        )
    }

    /// A command that runs in it as root.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(SCRIPT);
        command.args(["exec", &self.name, "--"]).args(words);
        command
    }

    /// Runs a script in it as root, past everything that is tested.
    pub fn exec(&self, script: &str, input: &[u8]) -> Output {
        let mut command = self.command(&["sh", "-c", script]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// The same for a script that must succeed; gives what it wrote.
    #[track_caller]
    pub fn script(&self, script: &str) -> String {
        let output = self.exec(script, b"");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        let _ = self.reaper.wait();
    }
}
