//! The sandbox: a machine with systemd, sudo, Docker and a registry.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use homestead::host::{Become, ConnectionSettings, Environment, Exec, Host as _, NoPrompt, SshHost, run};
use homestead::secret::Secret;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/sandbox");
const NAME: &str = "host-tests";

/// Runs the sandbox's command: what it wrote, or all that it said of its failure.
fn sandbox(arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new(SCRIPT).args(arguments).stdin(std::process::Stdio::null()).output().map_err(|error| format!("{SCRIPT}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(format!("sandbox {arguments:?}: {}", text(&output.stderr))) }
}

/// What `sandbox start` says about a machine.
pub struct Sandbox {
    description: serde_json::Value,
}

impl Sandbox {
    /// One machine for all tests of a run, and for the next run: it takes seconds to start.
    /// `tests/sandbox/sandbox stop host-tests` removes it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Sandbox, String>> = OnceLock::new();
        // A start that failed is told to every test as it was, not tried again by each.
        match SHARED.get_or_init(Self::find_or_start) {
            Ok(sandbox) => sandbox,
            Err(reason) => panic!("no sandbox: {reason}"),
        }
    }

    fn find_or_start() -> Result<Self, String> {
        let running: Vec<serde_json::Value> =
            serde_json::from_str(&sandbox(&["list"])?).map_err(|error| format!("sandbox list: {error}"))?;
        let found = running.into_iter().find(|machine| machine.get("name").is_some_and(|name| name == NAME));
        let description = match found {
            Some(description) => description,
            // One that does not run, of an earlier test run, is in the way of a new one.
            None => {
                sandbox(&["stop", NAME])?;
                serde_json::from_str(sandbox(&["start", NAME])?.trim()).map_err(|error| format!("sandbox start: {error}"))?
            }
        };
        Ok(Self { description })
    }

    pub fn text(&self, name: &str) -> &str {
        self.description.get(name).unwrap().as_str().unwrap()
    }

    /// An image that the machine's registry serves.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.text("registry"))
    }

    /// Settings for a user who logs in with a key.
    pub fn settings(&self, user: &str) -> ConnectionSettings {
        let mut settings = ConnectionSettings::new("sandbox");
        settings.address = Some("127.0.0.1".to_owned());
        settings.port = Some(u16::try_from(self.description.get("ssh_port").unwrap().as_u64().unwrap()).unwrap());
        settings.user = Some(user.to_owned());
        settings.private_key_file = Some(self.text("ssh_key").into());
        settings.known_hosts = vec![self.text("known_hosts").into()];
        settings.ssh_config = Some("/dev/null".into());
        settings.escalation = Become {
            enabled: user != "root",
            password: (user == "admin").then(|| Secret::new("sandbox-admin".to_owned())),
            ..Become::default()
        };
        settings
    }

    pub async fn connect(&self, user: &str) -> Arc<SshHost> {
        Arc::new(self.connect_with(&self.settings(user)).await.unwrap())
    }

    pub async fn connect_with(&self, settings: &ConnectionSettings) -> homestead::diagnostic::Result<SshHost> {
        SshHost::connect(settings, &Environment::default(), &NoPrompt).await
    }

    #[allow(clippy::unused_self, reason = "who has the machine may use it")]
    /// Runs a script in the machine, past everything that is tested; gives what it wrote.
    pub fn script(&self, script: &str) -> String {
        let output = Command::new(Path::new(SCRIPT))
            .args(["exec", NAME, "--", "sh", "-c", script])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn every_user_becomes_root() {
    let sandbox = Sandbox::shared();
    let by_password =
        ConnectionSettings { private_key_file: None, password: Some(Secret::new("sandbox-admin".to_owned())), ..sandbox.settings("admin") };
    for settings in [sandbox.settings("root"), sandbox.settings("admin"), sandbox.settings("deploy"), by_password] {
        let host = sandbox.connect_with(&settings).await.unwrap();
        let input = vec![b'x'; 5_000_000];
        let output =
            host.exec(Exec::new("id -u; echo \"$1\"; cat; echo complaint >&2; exit 7").arguments(&["a b"]).stdin(&input)).await.unwrap();
        let expected: Vec<u8> = b"0\na b\n".iter().copied().chain(input).collect();
        assert!(output.stdout == expected, "{:?}", settings.user);
        assert_eq!((output.status, String::from_utf8(output.stderr).unwrap()), (7, "complaint\n".to_owned()));
        let processes = run(&host, "listing", Exec::new("ps -eo args")).await.unwrap();
        assert!(!String::from_utf8(processes).unwrap().contains("sandbox-admin"));
    }
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn what_keeps_a_user_from_root_is_named() {
    let sandbox = Sandbox::shared();
    let failure = async |settings: ConnectionSettings| sandbox.connect_with(&settings).await.err().unwrap().to_string();
    let admin = |password: Option<&str>| {
        let mut settings = sandbox.settings("admin");
        settings.escalation.password = password.map(|password| Secret::new(password.to_owned()));
        settings
    };
    let started = std::time::Instant::now();
    assert_eq!(failure(admin(Some("wrong"))).await, "`sandbox`: wrong sudo password for `admin`");
    assert!(started.elapsed().as_secs() < 15);
    assert_eq!(failure(admin(None)).await, "`sandbox`: `sudo` asks for the password of `admin`, and none is known");
    let mut off = sandbox.settings("deploy");
    off.escalation.enabled = false;
    assert_eq!(failure(off).await, "`sandbox`: the login user `deploy` is not root, and become is off");
    sandbox.script("id stranger 2>/dev/null || { useradd -m -s /bin/sh stranger && echo stranger:pass | chpasswd; }");
    let mut stranger = sandbox.settings("stranger");
    stranger.private_key_file = None;
    stranger.password = Some(Secret::new("pass".to_owned()));
    stranger.escalation.password = stranger.password.clone();
    let message = failure(stranger).await;
    assert!(message.starts_with("`sandbox`: `stranger` may not use sudo: "), "{message}");
}
