//! `uninstall`: everything of homestead's goes from a host, but data.

use std::sync::Arc;

use clap::Args;

use super::global::GlobalArgs;
use super::purge::PurgeArgs;
use super::{Exit, converge, fleet, interrupt, prompt, purge, session};
use crate::apply::Operator;
use crate::diagnostic::{Error, Kind, Result};
use crate::operation::{Purge, Uninstall};
use crate::plan::{Change, KeptData, Plan};
use crate::report::{Event, Sink, Terminal};

/// Stop and remove everything that homestead put on a host, but data
///
/// Goes by what homestead wrote down on the host, so an inventory that is wrong is no obstacle. Databases, media
/// and keys stay, and `install-all` finds them again; `--purge-data` and `--purge-all-data` remove them for good.
#[derive(Debug, Args)]
pub struct UninstallArgs {
    #[command(flatten)]
    purge: PurgeArgs,
    /// Also remove all data, for good
    #[arg(long, conflicts_with = "purge_data")]
    purge_all_data: bool,
    /// Only show what would go
    #[arg(short = 'C', long)]
    check: bool,
}

impl UninstallArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let loaded = Arc::new(converge::load(global, terminal)?);
        let defaults = Arc::new(session::defaults(global)?);
        let hosts = loaded.hosts()?;
        let (yes, check) = (self.purge.yes, self.check);
        if !yes && !check && hosts.len() > 1 {
            return Err(Error::new(Kind::Usage, format!("{} hosts would be taken down; nothing was touched", hosts.len()))
                .hint("name one with `--limit`, or answer all questions beforehand with `--yes`"));
        }
        let purge = if self.purge_all_data { Purge::All } else { Purge::Roles(self.purge.roles(&loaded.library)) };
        let cancel = interrupt::token(terminal);
        fleet::each(hosts, global.forks, terminal, |name| {
            let (loaded, defaults, terminal) = (loaded.clone(), defaults.clone(), terminal.clone());
            let (purge, cancel) = (purge.clone(), cancel.clone());
            async move {
                let sink = terminal.sink();
                let host = session::connect(&loaded, &name, &defaults).await?;
                let holder = session::holder(&loaded, "uninstall");
                let lock = if check { None } else { Some(session::lock(&*host, &loaded, &holder, &sink).await?) };
                let Some(found) = Uninstall::look(host, &name, &purge).await? else {
                    sink(&name, Event::Done { text: "homestead has nothing on this host".to_owned() });
                    return Ok(());
                };
                terminal.plan(&found.plan, false);
                kept(&found.kept, &terminal);
                let Some(lock) = lock else { return Ok(()) };
                if !yes && !found.plan.is_empty() {
                    confirm(&name, &found.plan)?;
                }
                let removed = found.run(Operator { sink: &sink, cancel: &cancel, lock: &lock, holder: &holder }).await;
                lock.release().await;
                removed?;
                farewell(&name, &found.kept, &sink, &terminal);
                Ok(())
            }
        })
        .await?;
        Ok(0)
    }
}

fn kept(kept: &[KeptData], terminal: &Terminal) {
    if terminal.json() {
        return;
    }
    for data in kept {
        terminal.out(&format!("Kept: data of {}: {}\n", data.role, data.places()));
    }
}

fn confirm(name: &str, plan: &Plan) -> Result<()> {
    purge::confirm(name, plan)?;
    let removed = |kind: &str| plan.actions.iter().filter(|action| action.change == Change::Remove && action.resource.kind == kind).count();
    let question = format!("{name}: {} services are stopped and removed, with {} files", removed("unit"), removed("file"));
    prompt::confirm_by_typing(&question, name)
}

fn farewell(name: &str, kept: &[KeptData], sink: &Sink, terminal: &Terminal) {
    terminal.tell(name, "uninstalled", &serde_json::json!({"kept": kept}));
    if terminal.json() {
        return;
    }
    let text = if kept.is_empty() {
        "nothing of homestead's is left; the user that the services ran as, Docker and its images stay: `docker image prune --all` removes \
         images that nothing uses"
            .to_owned()
    } else {
        let roles: Vec<&str> = kept.iter().map(|data| data.role.as_str()).collect();
        format!(
            "everything is gone but the data of {}; `homestead install-all` finds it again, `homestead uninstall --purge-all-data` removes \
             it for good",
            roles.join(", ")
        )
    };
    sink(name, Event::Done { text });
}
