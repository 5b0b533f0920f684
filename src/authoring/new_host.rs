//! The inventory of a new server.

use camino::{Utf8Path, Utf8PathBuf};

use super::credentials::{self, Random};
use super::files;
use crate::diagnostic::{Error, Kind, Result};
use crate::inventory::VaultPasswords;
use crate::role::{self, Generate, Library};
use crate::secret::{REDACTED, Secret};

/// A server that is to be.
#[derive(Clone, Debug)]
pub struct NewHost {
    /// The domain in user ids.
    pub domain: String,
    /// Where the server is.
    pub address: String,
    /// Who logs in over SSH.
    pub user: String,
    /// Where Let's Encrypt writes to.
    pub admin_email: Option<String>,
    /// Whether Matrix Authentication Service takes the logins.
    pub mas: bool,
}

/// What writing would do to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The file is made.
    Create,
    /// Lines are added to the file.
    Extend,
    /// The file is there and stays as it is.
    Keep,
}

/// One file of the inventory.
#[derive(Clone, Debug)]
pub struct Write {
    /// Where.
    pub path: Utf8PathBuf,
    /// What happens to it.
    pub step: Step,
    /// What it is, for people.
    pub what: &'static str,
    /// The whole text.
    text: Secret<String>,
    mode: u32,
    /// The text as it may be shown; none for what is long and says nothing.
    pub shown: Option<String>,
}

impl NewHost {
    /// The host's name in the inventory.
    pub fn name(&self) -> String {
        format!("matrix.{}", self.domain)
    }

    /// Everything that would be written. Nothing is.
    ///
    /// # Errors
    /// The host is in the inventory already; a file cannot be read.
    pub fn writes(&self, hosts: &Utf8Path, library: &Library, vault: &VaultPasswords, random: &Random<'_>) -> Result<Vec<Write>> {
        let name = self.name();
        let inventory = hosts.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        let folder = inventory.join("host_vars").join(&name);
        let taken = |what: String| Err(Error::new(Kind::Usage, what).hint("it is left as it is"));
        for path in ["", ".yml", ".yaml", ".json"].map(|ending| format!("{folder}{ending}")) {
            if Utf8Path::new(&path).exists() {
                return taken(format!("`{path}` exists already"));
            }
        }
        let old = if hosts.exists() { Some(read(hosts)?) } else { None };
        if old.as_deref().is_some_and(|old| old.lines().any(|line| line.split_whitespace().next() == Some(name.as_str()))) {
            return taken(format!("`{hosts}` names `{name}` already"));
        }
        if old.as_deref().is_some_and(|old| !old.is_empty() && !is_ini(hosts, old)) {
            return Err(Error::new(Kind::Usage, format!("`{hosts}` is no INI file, and lines are only added to those"))
                .hint(format!("make the files elsewhere: `homestead -i new/hosts init {} {}`", self.domain, self.address))
                .hint(format!("then move `new/host_vars/{name}` here, and write the host into `{hosts}`")));
        }
        let mut line = format!("{name} ansible_host={} ansible_ssh_user={}", self.address, self.user);
        if self.user != "root" {
            line.push_str(" ansible_become=true");
        }
        let mut writes = Vec::new();
        // The hosts file comes last: a host without variables would be worse than variables without a host.
        self.variables(&folder, inventory, &mut writes);
        self.secrets(&folder, library, vault, random, &mut writes)?;
        editor(inventory, library, &mut writes);
        let text = with_host(old.as_deref().unwrap_or_default(), &line);
        let step = if old.is_some() { Step::Extend } else { Step::Create };
        let shown = Some(if old.is_some() { format!("+ {line}\n") } else { text.clone() });
        writes.push(Write { path: hosts.to_owned(), step, what: "which machines there are", text: Secret::new(text), mode: 0o644, shown });
        Ok(writes)
    }

    fn variables(&self, folder: &Utf8Path, inventory: &Utf8Path, writes: &mut Vec<Write>) {
        let up = "../".repeat(folder.strip_prefix(inventory).map_or(2, |path| path.components().count()));
        let mail = self.admin_email.as_deref().unwrap_or_default();
        let mas = if self.mas {
            "# Matrix Authentication Service takes the logins. On a new server it is best on from the beginning.\n\
             matrix_authentication_service_enabled: true\n"
        } else {
            "# Synapse takes the logins itself. Accounts can move to Matrix Authentication Service later.\n\
             matrix_authentication_service_enabled: false\n"
        };
        let text = format!(
            "# yaml-language-server: $schema={up}{SCHEMA}\n\
             ---\n\
             # The server {name}. What else can be set: `homestead vars` lists every variable, `homestead vars NAME`\n\
             # explains one. Its credentials are in secrets.yml.\n\
             \n\
             # The domain in user ids. It can never be changed.\n\
             matrix_domain: {domain}\n\
             \n\
             matrix_homeserver_implementation: synapse\n\
             \n\
             # Traefik, installed too, answers on ports 80, 443 and 8448.\n\
             matrix_playbook_reverse_proxy_type: playbook-managed-traefik\n\
             \n\
             # Let's Encrypt writes here when a certificate is about to end.\n\
             traefik_config_certificatesResolvers_acme_email: '{mail}'\n\
             \n\
             {mas}",
            name = self.name(),
            domain = self.domain,
        );
        let shown = Some(text.clone());
        let path = folder.join("vars.yml");
        writes.push(Write { path, step: Step::Create, what: "what the server is", text: Secret::new(text), mode: 0o600, shown });
    }

    fn secrets(
        &self,
        folder: &Utf8Path,
        library: &Library,
        vault: &VaultPasswords,
        random: &Random<'_>,
        writes: &mut Vec<Write>,
    ) -> Result<()> {
        let wanted: Vec<(&str, Generate)> = library
            .roles
            .iter()
            .filter(|role| self.mas || role.manifest.name != "matrix-authentication-service")
            .flat_map(|role| {
                role.defaults
                    .iter()
                    .filter_map(|variable| Some((variable.name.as_str(), role.documentation.get(&variable.name)?.generate?)))
            })
            .collect();
        let made: Vec<(&str, Secret<String>)> =
            wanted.into_iter().map(|(name, generate)| Ok((name, credentials::make(generate, random)?))).collect::<Result<_>>()?;
        let borrowed: Vec<(&str, &Secret<String>)> = made.iter().map(|(name, value)| (*name, value)).collect();
        let hidden = Secret::new(REDACTED.to_owned());
        let names: Vec<(&str, &Secret<String>)> = made.iter().map(|(name, _)| (*name, &hidden)).collect();
        let text = credentials::new_file(&borrowed, library, vault, random)?;
        let shown = credentials::new_file(&names, library, &VaultPasswords::none(), random)?;
        let what =
            if vault.is_empty() { "its credentials: keep it private and back it up" } else { "its credentials, encrypted: back it up" };
        writes.push(Write {
            path: folder.join("secrets.yml"),
            step: Step::Create,
            what,
            text: Secret::new(text),
            mode: 0o600,
            shown: Some(shown),
        });
        Ok(())
    }
}

impl Write {
    /// Does it.
    ///
    /// # Errors
    /// The file cannot be written, or was made by somebody else meanwhile.
    pub fn carry_out(&self) -> Result<()> {
        match self.step {
            Step::Create => files::create(&self.path, self.text.reveal(), self.mode),
            Step::Extend => files::edit(&self.path, self.text.reveal()),
            Step::Keep => Ok(()),
        }
    }
}

/// Where the schema for editors lies in an inventory.
pub const SCHEMA: &str = ".homestead/vars.schema.json";

/// What an editor with the YAML language server must know: Ansible's tags, and that `yes` is a boolean.
const SETTINGS: &str = r#"{
  "yaml.yamlVersion": "1.1",
  "yaml.customTags": [
    "!vault scalar",
    "!vault-encrypted scalar",
    "!unsafe scalar",
    "!unsafe sequence",
    "!unsafe mapping",
    "!secret mapping"
  ]
}
"#;

/// The schema, and the settings of the folder that an editor opens: the one that holds the inventory.
fn editor(inventory: &Utf8Path, library: &Library, writes: &mut Vec<Write>) {
    let schema = format!("{:#}\n", role::schema(library));
    let project = inventory.parent().unwrap_or(inventory);
    let settings = project.join(".vscode").join("settings.json");
    let step = |path: &Utf8Path| if path.exists() { Step::Keep } else { Step::Create };
    let path = inventory.join(SCHEMA);
    writes.push(Write {
        step: step(&path),
        path,
        what: "every variable, for editors",
        text: Secret::new(schema),
        mode: 0o644,
        shown: None,
    });
    let shown = Some(SETTINGS.to_owned());
    writes.push(Write {
        step: step(&settings),
        path: settings,
        what: "Ansible's tags, for editors",
        text: Secret::new(SETTINGS.to_owned()),
        mode: 0o644,
        shown,
    });
}

fn is_ini(path: &Utf8Path, text: &str) -> bool {
    !matches!(path.extension(), Some("yml" | "yaml" | "json"))
        && !text.trim_start().starts_with("---")
        && !text.trim_start().starts_with('{')
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

fn read(path: &Utf8Path) -> Result<String> {
    fs_err::read_to_string(path).map_err(|error| Error::new(Kind::Usage, format!("cannot read `{path}`")).caused_by(error))
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
}
