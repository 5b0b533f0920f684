//! An inventory in a folder of its own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Sandbox;

/// The host that every inventory here is about.
pub const HOST: &str = "matrix.example.com";

/// An address that nothing answers at (RFC 5737, TEST-NET-1).
pub const ADDRESS: &str = "192.0.2.1";

const SMALLEST: &str = "\
---
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_authentication_service_enabled: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
";

/// A folder that holds `inventory/hosts` and `inventory/host_vars/`, as a user would have it; homestead
/// runs in it, so that messages name short paths.
pub struct TestInventory {
    folder: TempDir,
}

impl TestInventory {
    /// The smallest server with MAS, at an address that nothing answers at.
    pub fn new() -> Self {
        let this = Self::empty();
        this.write("inventory/hosts", &format!("[matrix_servers]\n{HOST} ansible_host={ADDRESS} ansible_ssh_user=root\n"));
        this.write(&vars(), SMALLEST);
        this
    }

    /// Nothing yet.
    pub fn empty() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// The server of `bin/demo` on a disposable host.
    pub fn of(sandbox: &Sandbox) -> Self {
        let this = Self::empty();
        this.write("inventory/hosts", &format!("[matrix_servers]\n{HOST} {}\n", sandbox.connection("root")));
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/inventory/host_vars/matrix.example.com/vars.yml");
        this.write(&vars(), &std::fs::read_to_string(demo).unwrap());
        this
    }

    /// The folder that `inventory/` lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The same for a file that nobody else may read.
    pub fn write_private(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(name, text);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Reads a file below the folder.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Sets the variables of the host in place of what was there.
    pub fn vars(&self, text: &str) {
        self.write(&vars(), text);
    }

    /// Sets a variable of the host to a value, as it stands in YAML.
    pub fn set(&self, name: &str, value: &str) -> &Self {
        self.unset(name);
        self.append(&format!("{name}: {value}\n"))
    }

    /// Takes a variable of the host out, with the lines that belong to it.
    pub fn unset(&self, name: &str) -> &Self {
        let start = format!("{name}:");
        let mut inside = false;
        let text = self.read(&vars());
        let kept = text.split_inclusive('\n').filter(|line| {
            let belongs = inside && (line.starts_with([' ', '-']) || line.trim().is_empty());
            inside = line.starts_with(&start) || belongs;
            !inside
        });
        self.write(&vars(), &kept.collect::<String>());
        self
    }

    /// Adds lines to the variables of the host.
    pub fn append(&self, text: &str) -> &Self {
        self.write(&vars(), &(self.read(&vars()) + text));
        self
    }

    /// Replaces a text that stands once in the variables of the host.
    #[track_caller]
    pub fn edit(&self, old: &str, new: &str) -> &Self {
        let text = self.read(&vars());
        assert_eq!(text.matches(old).count(), 1, "`{old}` in:\n{text}");
        self.write(&vars(), &text.replace(old, new));
        self
    }
}

fn vars() -> String {
    format!("inventory/host_vars/{HOST}/vars.yml")
}
