//! A private sshd on 127.0.0.1: its own keys, its own configuration, gone at the end of the test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use homestead::host::{ConnectionSettings, Environment, NoPrompt, SshHost};
use tempfile::TempDir;

/// A running sshd that lets root in with `client` as its key.
pub struct Sshd {
    pub folder: TempDir,
    pub port: u16,
    process: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a program that must succeed; gives what it wrote.
pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn make_key(file: &Path, kind: &str, passphrase: &str) {
    tool("ssh-keygen", &["-q", "-t", kind, "-N", passphrase, "-C", &format!("test {kind}"), "-f", file.to_str().unwrap()]);
}

impl Sshd {
    pub fn start(options: &str) -> Self {
        Self::with_host_keys(&["ed25519"], options)
    }

    pub fn with_host_keys(kinds: &[&str], options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // Privilege separation wants it.
        fs_err::create_dir_all("/run/sshd").unwrap();
        let mut config = String::new();
        for kind in kinds {
            make_key(&path(&format!("host_{kind}")), kind, "");
            config.push_str(&format!("HostKey {}\n", path(&format!("host_{kind}")).display()));
        }
        for (name, kind) in [("client", "ed25519"), ("client_rsa", "rsa"), ("client_ecdsa", "ecdsa")] {
            make_key(&path(name), kind, "");
        }
        make_key(&path("client_locked"), "ed25519", "open sesame");
        let authorized: String = ["client", "client_rsa", "client_ecdsa", "client_locked"]
            .iter()
            .map(|name| fs_err::read_to_string(path(&format!("{name}.pub"))).unwrap())
            .collect();
        fs_err::write(path("authorized_keys"), authorized).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        config.push_str(&format!(
            "Port {port}\nListenAddress 127.0.0.1\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 100\n{options}\n",
            path("authorized_keys").display()
        ));
        fs_err::write(path("sshd_config"), config).unwrap();
        let log = fs_err::File::create(path("log")).unwrap().into_parts().0;
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stderr(log)
            .spawn()
            .expect("apt-get install openssh-server");
        let sshd = Self { folder, port, process };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        sshd.know("known_hosts", kinds);
        sshd
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of known hosts with host keys of these kinds.
    pub fn know(&self, file: &str, kinds: &[&str]) {
        let key = |kind: &&str| fs_err::read_to_string(self.path(&format!("host_{kind}.pub"))).unwrap();
        let lines: Vec<String> = kinds.iter().map(|kind| format!("[127.0.0.1]:{} {}", self.port, key(kind))).collect();
        fs_err::write(self.path(file), lines.concat()).unwrap();
    }

    /// Settings with which a login succeeds.
    pub fn settings(&self) -> ConnectionSettings {
        let mut settings = ConnectionSettings::new("machine");
        settings.address = Some("127.0.0.1".to_owned());
        settings.port = Some(self.port);
        settings.user = Some("root".to_owned());
        settings.private_key_file = Some(self.path("client"));
        settings.known_hosts = vec![self.path("known_hosts")];
        settings.ssh_config = Some(self.path("ssh_config"));
        settings.connect_timeout = Duration::from_secs(5);
        settings
    }

    pub fn environment(&self) -> Environment {
        Environment { home: Some(self.folder.path().to_owned()), agent_socket: None, user: Some("root".to_owned()) }
    }

    pub async fn connect(&self) -> SshHost {
        self.connect_with(&self.settings()).await.unwrap()
    }

    pub async fn connect_with(&self, settings: &ConnectionSettings) -> homestead::diagnostic::Result<SshHost> {
        SshHost::connect(settings, &self.environment(), &NoPrompt).await
    }

    /// The error of a connection that must not succeed: message, then hints.
    pub async fn refusal(&self, settings: &ConnectionSettings) -> (homestead::diagnostic::Kind, Vec<String>) {
        match self.connect_with(settings).await {
            Ok(_) => panic!("connected"),
            Err(error) => (error.kind, std::iter::once(error.to_string()).chain(error.hints).collect()),
        }
    }

    /// Ends every connection, as a reboot would.
    pub fn drop_connections(&self) {
        self.signal_connections("-KILL");
    }

    /// Sends a signal to the process of each connection.
    pub fn signal_connections(&self, signal: &str) {
        let text = tool("ps", &["-eo", "pid=,ppid="]);
        let parents: Vec<(u32, u32)> = text
            .lines()
            .filter_map(|line| {
                line.trim().split_once(char::is_whitespace).map(|(pid, parent)| (pid.parse().unwrap(), parent.trim().parse().unwrap()))
            })
            .collect();
        for (pid, _) in parents.iter().filter(|(_, parent)| *parent == self.process.id()) {
            tool("kill", &[signal, &pid.to_string()]);
        }
    }
}
