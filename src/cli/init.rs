//! `init`: from a domain and an address to an inventory that can be installed.

use std::io::IsTerminal as _;

use clap::Args;

use super::Exit;
use super::global::GlobalArgs;
use super::prompt::ask;
use crate::authoring::credentials::system_random;
use crate::authoring::names;
use crate::authoring::new_host::{NewHost, Step};
use crate::diagnostic::{Error, Kind, Result};
use crate::report::Terminal;

/// Make the inventory of a new server, with fresh credentials
///
/// Writes the hosts file, the server's variables and credentials, and what an editor needs to know every variable.
/// Nothing that exists is replaced. The credentials are encrypted where a vault password is given. What is left
/// out is asked for at a terminal.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The domain in user ids: `example.com` in `@alice:example.com`
    domain: Option<String>,
    /// The server's address; its name is `matrix.` and the domain
    address: Option<String>,
    /// Where Let's Encrypt writes when a certificate is about to end
    #[arg(long, value_name = "ADDRESS")]
    admin_email: Option<String>,
    /// Leave Matrix Authentication Service out: Synapse takes the logins
    #[arg(long)]
    without_mas: bool,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

impl InitArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let new = self.new_host(global, terminal)?;
        let Some(hosts) = global.inventory.first() else { return Err(Error::new(Kind::Usage, "no inventory was given")) };
        let hosts = if hosts.is_dir() { hosts.join("hosts") } else { hosts.clone() };
        let writes = new.writes(&hosts, &super::schema::library(global)?, &global.sources()?.vault, &system_random)?;
        for write in &writes {
            if self.dry_run {
                let would = match write.step {
                    Step::Create => "would be made",
                    Step::Extend => "would get a line more",
                    Step::Keep => "exists, and would stay as it is",
                };
                terminal.out(&format!("{}: {would}: {}\n", write.path, write.what));
                if let (Some(shown), true) = (&write.shown, write.step != Step::Keep) {
                    terminal.out(&shown.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect::<String>());
                }
                continue;
            }
            write.carry_out()?;
            terminal.out(&match write.step {
                Step::Create => format!("{}: {}\n", write.path, write.what),
                Step::Extend => format!("{}: {} added\n", write.path, new.name()),
                Step::Keep => format!("{}: exists, and stays as it is\n", write.path),
            });
        }
        if !self.dry_run {
            let inventory = if hosts == "inventory/hosts" { String::new() } else { format!(" -i {hosts}") };
            terminal.out(&format!(
                "\nnext:\n  point {domain}, matrix.{domain} and element.{domain} at {address} in DNS\n  homestead check{inventory}\n  homestead install-all{inventory}\n",
                domain = new.domain,
                address = new.address,
            ));
        }
        Ok(0)
    }

    fn new_host(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<NewHost> {
        let typed = given_or_asked(self.domain.as_deref(), "domain", "The domain in user ids, as in example.com: ")?;
        let domain = names::domain(&typed)
            .map_err(|(why, instead)| Error::new(Kind::Usage, format!("`{typed}` is not the domain of a server: {why}")).hint(instead))?;
        if let Some(changed) = &domain.changed {
            terminal.err(&format!("note: {changed}\n"));
        }
        let typed = given_or_asked(self.address.as_deref(), "address", "The server's address, as in 203.0.113.7: ")?;
        let address =
            names::address(&typed).map_err(|help| Error::new(Kind::Usage, format!("`{typed}` is no address of a server")).hint(help))?;
        let asked = self.domain.is_none() || self.address.is_none();
        let admin_email = match &self.admin_email {
            None if asked => {
                Some(ask("Where Let's Encrypt may write to, as in admin@example.com (may be empty): ")?).filter(|mail| !mail.is_empty())
            }
            given => given.clone(),
        };
        if let Some(mail) = admin_email.as_deref().filter(|mail| !names::is_mail(mail)) {
            return Err(Error::new(Kind::Usage, format!("`{mail}` is no mail address")).hint("write it as in `admin@example.com`"));
        }
        let user = global.user.clone().unwrap_or_else(|| "root".to_owned());
        if !names::is_login(&user) {
            return Err(Error::new(Kind::Usage, format!("`{user}` is no name of a login")).hint("write it as in `--user deploy`"));
        }
        Ok(NewHost { domain: domain.name, address, user, admin_email, mas: !self.without_mas })
    }
}

fn given_or_asked(given: Option<&str>, what: &str, question: &str) -> Result<String> {
    match given {
        Some(given) => Ok(given.to_owned()),
        None if std::io::stdin().is_terminal() => ask(question),
        None => Err(Error::new(Kind::Usage, format!("the {what} is missing")).hint("homestead init example.com 203.0.113.7")),
    }
}
