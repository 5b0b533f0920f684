//! The tools that are compared, each set up to bring the same host to the same state.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::{HOST, Proxy, Sandbox};
use crate::playbook::Wanted;

/// The names of the tools, in the order of the table.
pub const TOOLS: [&str; 4] = ["ssh host true", "homestead", "Ansible", "pyinfra"];
/// Which of them take so long that they take part in the first rounds only.
pub const IS_SLOW: [bool; 4] = [false, false, true, true];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    First,
    Nothing,
    OneFile,
    Plan,
    Render,
}

impl Case {
    pub const ALL: [Self; 5] = [Self::First, Self::Nothing, Self::OneFile, Self::Plan, Self::Render];

    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first install",
            Self::Nothing => "no change",
            Self::OneFile => "one changed file",
            Self::Plan => "plan",
            Self::Render => "offline render",
        }
    }
}

/// The folder of one way to the host: inventories of all tools.
pub struct Way {
    pub proxy: Proxy,
    pub folder: TempDir,
    key: String,
}

impl Way {
    pub fn new(sandbox: &Sandbox, round_trip: std::time::Duration) -> Self {
        let near = sandbox.port("ssh_port");
        let proxy = Proxy::to(u16::try_from(near).unwrap(), round_trip);
        let this = Self { proxy, folder: TempDir::new().unwrap(), key: sandbox.text("ssh_key").to_owned() };
        let known = std::fs::read_to_string(sandbox.text("known_hosts")).unwrap();
        this.write("known_hosts", &known.replace(&near.to_string(), &this.proxy.port().to_string()));
        let (port, key, known) = (this.proxy.port(), &this.key, this.path("known_hosts").display().to_string());
        let options = format!("-o UserKnownHostsFile={known} -o IdentitiesOnly=yes");
        let line = format!(
            "{HOST} ansible_host=127.0.0.1 ansible_port={port} ansible_ssh_user=root ansible_ssh_private_key_file={key} \
             ansible_ssh_common_args='{options}'\n"
        );
        this.write("inventory/hosts", &format!("[matrix_servers]\n{line}"));
        this.write("ansible/hosts", &line);
        // Its fast settings: without them it would look worse than it is.
        this.write(
            "ansible/ansible.cfg",
            "[defaults]\nhost_key_checking=True\ninterpreter_python=/usr/bin/python3\n[ssh_connection]\npipelining=True\n\
             ssh_args=-o ControlMaster=auto -o ControlPersist=60s\n",
        );
        this.write(
            "pyinfra/inventory.py",
            &format!(
                "hosts = [('127.0.0.1', {{'ssh_port': {port}, 'ssh_user': 'root', 'ssh_key': '{key}', \
                 'ssh_known_hosts_file': '{known}', 'ssh_strict_host_key_checking': 'yes'}})]\n"
            ),
        );
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Sets the number that stands in Synapse's configuration, for all tools.
    pub fn set(&self, wanted: Option<&Wanted>, number: usize) {
        let vars = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/inventory/host_vars/matrix.example.com/vars.yml");
        let text = std::fs::read_to_string(vars).unwrap();
        self.write(&format!("inventory/host_vars/{HOST}/vars.yml"), &format!("{text}\nmatrix_synapse_caches_global_factor: {number}\n"));
        if let Some(wanted) = wanted {
            wanted.write_ansible(&self.path("ansible"), number);
            wanted.write_pyinfra(&self.path("pyinfra"), number);
        }
    }

    /// The command of a tool for a case; nothing where it has none.
    pub fn command(&self, tool: usize, case: Case) -> Option<Command> {
        let command = match (TOOLS[tool], case) {
            ("ssh host true", Case::Nothing | Case::Plan) => self.ssh(),
            ("homestead", Case::First | Case::Nothing | Case::OneFile) => self.homestead(&["install-all"]),
            ("homestead", Case::Plan) => self.homestead(&["plan"]),
            ("homestead", Case::Render) => self.homestead(&["render", "--out", "rendered"]),
            ("Ansible", Case::First | Case::Nothing | Case::OneFile) => self.ansible(&[])?,
            ("Ansible", Case::Plan) => self.ansible(&["--check", "--diff"])?,
            ("pyinfra", Case::First | Case::Nothing | Case::OneFile) => self.pyinfra(&["-y"])?,
            ("pyinfra", Case::Plan) => self.pyinfra(&["--dry"])?,
            _ => return None,
        };
        Some(command)
    }

    fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        let known_hosts = format!("UserKnownHostsFile={}", self.path("known_hosts").display());
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", &known_hosts, "-i", &self.key]);
        command.args(["-p", &self.proxy.port().to_string(), "root@127.0.0.1", "true"]);
        command
    }

    fn homestead(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homestead"));
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command
    }

    fn ansible(&self, arguments: &[&str]) -> Option<Command> {
        let mut command = Command::new(beside("HOMESTEAD_ANSIBLE", "ansible-playbook")?);
        command.args(["-i", "hosts", "site.yml"]).args(arguments).current_dir(self.path("ansible"));
        Some(command)
    }

    /// Forgets its connection, so that every run begins without one, as the other tools do.
    pub fn hang_up(&self) {
        let folder = std::env::var_os("HOME").map(|home| Path::new(&home).join(".ansible/cp"));
        for socket in folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten() {
            let mut command = Command::new("ssh");
            command.args(["-F", "none", "-O", "exit", "-o"]).arg(format!("ControlPath={}", socket.path().display())).arg("127.0.0.1");
            // Where it is gone already, all is well.
            let _ = command.output();
        }
    }

    fn pyinfra(&self, arguments: &[&str]) -> Option<Command> {
        let mut command = Command::new(beside("HOMESTEAD_PYINFRA", "pyinfra")?);
        command.args(["inventory.py", "deploy.py"]).args(arguments).current_dir(self.path("pyinfra"));
        Some(command)
    }
}

/// A program beside the Python that a variable names.
fn beside(variable: &str, program: &str) -> Option<PathBuf> {
    Some(Path::new(&std::env::var_os(variable)?).parent()?.join(program))
}
