//! `add-inventory-host`: the first three lines of a new server.

use camino::Utf8Path;
use clap::Args;

use super::Exit;
use super::global::GlobalArgs;
use crate::diagnostic::{Error, Kind, Result};
use crate::report::Terminal;
use crate::secret::Secret;

/// Add a server to the inventory, with fresh secrets
#[derive(Debug, Args)]
pub struct AddInventoryHostArgs {
    /// The domain in user ids: `example.com` in `@alice:example.com`
    domain: String,
    /// The server's address; its name is `matrix.` and the domain
    address: String,
}

impl AddInventoryHostArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        if let Some(problem) = domain_problem(&self.domain) {
            return Err(Error::new(Kind::Usage, format!("`{}` is no domain: {problem}", self.domain)).hint("write it as in `example.com`"));
        }
        let Some(hosts) = global.inventory.first() else { return Err(Error::new(Kind::Usage, "no inventory was given")) };
        let hosts = if hosts.is_dir() { hosts.join("hosts") } else { hosts.clone() };
        let directory = hosts.parent().unwrap_or(Utf8Path::new("."));
        let host = format!("matrix.{}", self.domain);
        let vars = directory.join("host_vars").join(&host).join("vars.yml");
        if vars.exists() {
            return Err(Error::new(Kind::Usage, format!("`{vars}` exists already")).hint("it is left as it is"));
        }
        let old = if hosts.exists() { read(&hosts)? } else { String::new() };
        if old.lines().any(|line| line.split_whitespace().next() == Some(host.as_str())) {
            return Err(Error::new(Kind::Usage, format!("`{hosts}` names `{host}` already")).hint("it is left as it is"));
        }
        let new = with_host(&old, &format!("{host} ansible_host={} ansible_ssh_user=root", self.address));
        // The variables come first: a host without any would be worse than variables without a host.
        write(&vars, &variables(&self.domain)?, 0o600)?;
        write(&hosts, &new, 0o644)?;
        terminal.out(&format!("{hosts}: {host} added\n{vars}: written, with secrets of its own: keep it private and back it up\n"));
        terminal.out(&format!("next: point {host} at {} in DNS, look into {vars}, then `homestead install-all`\n", self.address));
        Ok(0)
    }
}

fn domain_problem(domain: &str) -> Option<&'static str> {
    let label = |part: &str| {
        let characters = part.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-');
        !part.is_empty() && part.len() < 64 && characters && !part.starts_with('-') && !part.ends_with('-')
    };
    if !domain.contains('.') {
        Some("it has no dot")
    } else if domain.starts_with("matrix.") {
        Some("it begins with `matrix.`; that is added by itself")
    } else if !domain.split('.').all(label) {
        Some("its parts are made of a-z, 0-9 and `-`")
    } else {
        None
    }
}

/// The hosts file with a line more in its group `matrix_servers`.
fn with_host(old: &str, line: &str) -> String {
    let Some(start) = old.lines().position(|line| line.trim() == "[matrix_servers]") else {
        let gap = if old.is_empty() || old.ends_with("\n\n") { "" } else { "\n" };
        return format!("{old}{gap}[matrix_servers]\n{line}\n");
    };
    let lines: Vec<&str> = old.lines().collect();
    let section = &lines[start + 1..];
    let end = section.iter().position(|line| line.trim_start().starts_with('[')).unwrap_or(section.len());
    let last = section[..end].iter().rposition(|line| !line.trim().is_empty()).map_or(0, |index| index + 1);
    let (before, after) = lines.split_at(start + 1 + last);
    let mut text = before.join("\n");
    text.push_str(&format!("\n{line}\n"));
    if !after.is_empty() {
        text.push_str(&after.join("\n"));
        text.push('\n');
    }
    text
}

fn variables(domain: &str) -> Result<String> {
    let (generic, encryption, database) = (random_hex(32)?, random_hex(32)?, random_hex(24)?);
    Ok(format!(
        "---\n\
         # The domain in user ids. It cannot be changed later.\n\
         matrix_domain: {domain}\n\
         \n\
         matrix_homeserver_implementation: synapse\n\
         \n\
         # Traefik, managed here too, answers on ports 80, 443 and 8448.\n\
         matrix_playbook_reverse_proxy_type: playbook-managed-traefik\n\
         \n\
         # Other secrets are derived from it. It cannot be changed later.\n\
         matrix_homeserver_generic_secret_key: '{}'\n\
         \n\
         # The superuser of the managed Postgres.\n\
         postgres_connection_password: '{}'\n\
         \n\
         # Let's Encrypt writes here when a certificate is about to end.\n\
         traefik_config_certificatesResolvers_acme_email: ''\n\
         \n\
         # Matrix Authentication Service: modern logins. On a new server, it is best on from the beginning.\n\
         matrix_authentication_service_enabled: true\n\
         matrix_authentication_service_config_secrets_encryption: '{}'\n",
        generic.reveal(),
        database.reveal(),
        encryption.reveal()
    ))
}

/// Random bytes of the operating system, as hex.
fn random_hex(bytes: usize) -> Result<Secret<String>> {
    use std::io::Read as _;
    let mut buffer = vec![0; bytes];
    fs_err::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut buffer))
        .map_err(|error| Error::new(Kind::Usage, "the operating system gives no random bytes").caused_by(error))?;
    Ok(Secret::new(hex::encode(buffer)))
}

fn read(path: &Utf8Path) -> Result<String> {
    fs_err::read_to_string(path).map_err(|error| Error::new(Kind::Usage, format!("cannot read `{path}`")).caused_by(error))
}

fn write(path: &Utf8Path, text: &str, mode: u32) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: std::io::Error| Error::new(Kind::Usage, format!("cannot write `{path}`")).caused_by(error);
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    fs_err::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_joins_its_group_and_nothing_else_moves() {
        let line = "matrix.b.org ansible_host=1.2.3.4";
        assert_eq!(with_host("", line), "[matrix_servers]\nmatrix.b.org ansible_host=1.2.3.4\n");
        assert_eq!(
            with_host("# mine\n[matrix_servers]\nmatrix.a.org\n\n[other]\nx\n", line),
            "# mine\n[matrix_servers]\nmatrix.a.org\nmatrix.b.org ansible_host=1.2.3.4\n\n[other]\nx\n"
        );
        assert_eq!(with_host("[other]\nx\n", line), "[other]\nx\n\n[matrix_servers]\nmatrix.b.org ansible_host=1.2.3.4\n");
    }

    #[test]
    fn domains_are_told_from_what_is_none() {
        assert_eq!(domain_problem("example.com"), None);
        for wrong in ["example", "matrix.example.com", "exa mple.com", "-a.com", "EXAMPLE.com", "a..b"] {
            assert!(domain_problem(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn every_new_host_has_secrets_of_its_own() {
        let text = variables("example.com").unwrap();
        assert_ne!(text, variables("example.com").unwrap());
        assert!(text.contains("matrix_domain: example.com\n"));
    }
}
