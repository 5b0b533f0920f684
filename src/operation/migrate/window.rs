//! The window in which accounts move. What it changes is kept on the host first, and a unit of systemd waits for the run's
//! lock: a run that is lost, whatever the reason, frees it, and the host then puts everything back by itself, after a power
//! cut as well. Only a commit ends that.

use super::super::Context;
use super::door::Door;
use super::store;
use crate::apply::{MEMORY_PATH, UNDO_PATH};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::others::OTHERS;
use crate::host::{self, Host, Lock, Push, PushDirectory, PushFile, Script};
use crate::migration::{Migration, PATH};

const OPEN: &str = include_str!("../scripts/window_open.sh");
const UNDO: &str = include_str!("../scripts/window_undo.sh");
const CLOSE: &str = include_str!("../scripts/window_close.sh");
/// Puts back where there is something to put back; says so.
const LEFTOVER: &str = r#"window=/var/lib/homestead/migration-window
[ -e "$window/open" ] || exit 0
echo open
exec sh "$window/undo.sh" held"#;

const FOLDER: &str = "/var/lib/homestead/migration-window";
/// There while a window is open.
pub const OPEN_PATH: &str = "/var/lib/homestead/migration-window/open";
const GUARD: &str = "/etc/systemd/system/homestead-migration-guard.service";
const GUARD_UNIT: &str = "[Unit]
Description=Puts back an unfinished move of accounts (homestead)
After=docker.service

[Service]
ExecStart=/bin/sh /var/lib/homestead/migration-window/undo.sh

[Install]
WantedBy=multi-user.target
";

/// The script's status for a commit that comes too late.
const UNDONE: u32 = 3;

/// An open window. Whoever opens one commits it or undoes it; else the host undoes it.
#[must_use]
pub struct Window(());

impl Window {
    /// Opens a window. `paths` are the files that may change in it; `units` those that may stop. `container` is the one that
    /// works in between.
    ///
    /// # Errors
    /// The host cannot keep its files. Nothing has changed then.
    pub async fn open(context: &Context<'_>, lock: &Lock, paths: &[String], units: &[String], container: &str) -> Result<Self> {
        let own = |name: &str, text: String, mode: &str| PushFile {
            path: if name.starts_with('/') { name.to_owned() } else { format!("{FOLDER}/{name}") },
            bytes: text.into_bytes(),
            mode: mode.to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            keep_existing: false,
        };
        let mut all: Vec<&str> = paths.iter().map(String::as_str).chain([PATH, MEMORY_PATH, UNDO_PATH]).collect();
        all.sort_unstable();
        all.dedup();
        let list = format!("{}\n", all.join("\n"));
        let folder = PushDirectory { path: FOLDER.to_owned(), mode: "0700".into(), owner: "root".into(), group: "root".into() };
        let files = vec![
            own("undo.sh", UNDO.to_owned(), "0600"),
            own("others.sh", OTHERS.to_owned(), "0600"),
            own("units", format!("{}\n", units.join(" ")), "0600"),
            own("container", format!("{container}\n"), "0600"),
            own("paths", list, "0600"),
            own(GUARD, GUARD_UNIT.to_owned(), "0644"),
        ];
        host::push(&**context.host, &Push { directories: vec![folder], files, ..Push::default() }).await?;
        host::run_while_held(&**context.host, lock, "keeping what will change", Script::new(OPEN, [""; 0])).await?;
        Ok(Self(()))
    }

    /// What was changed stays: writes down `migration`, and opens the door, in one.
    ///
    /// # Errors
    /// The host has put everything back already, or is about to as the lock is lost; nothing was committed.
    pub async fn commit(self, context: &Context<'_>, lock: &Lock, migration: &Migration, door: Option<&Door>) -> Result<()> {
        let file = |name: &str, bytes: Vec<u8>| PushFile {
            path: format!("{FOLDER}/{name}"),
            bytes,
            mode: "0600".into(),
            owner: "root".into(),
            group: "root".into(),
            keep_existing: false,
        };
        let mut files = vec![file("migration.json", store::text(migration)?)];
        files.extend(door.map(|door| file("door", door.open_text().as_bytes().to_vec())));
        host::push(&**context.host, &Push { files, ..Push::default() }).await?;
        let path = door.map(Door::path).unwrap_or_default();
        let output = host::while_held(&**context.host, lock, Script::new(CLOSE, ["commit", path])).await?;
        match output.status {
            0 => Ok(()),
            UNDONE => Err(Error::new(Kind::HostFailed, "the host has put everything back already").hint("the same command begins again")),
            _ => Err(Error::new(Kind::HostFailed, "the move could not be written down").caused_by(host::complaint(&output))),
        }
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// Something could not be put back; the next run tries it again.
    pub async fn undo(self, context: &Context<'_>, lock: &Lock) -> Result<()> {
        leftover(&**context.host, lock).await.map(drop)
    }
}

/// Puts back what a run left that was lost in the middle, unless the host did so already. The caller holds the lock. Gives
/// whether there was something.
///
/// # Errors
/// Something could not be put back.
pub async fn leftover(host: &dyn Host, lock: &Lock) -> Result<bool> {
    let said = host::run_while_held(host, lock, "putting back an unfinished move of accounts", Script::new(LEFTOVER, [""; 0])).await?;
    let found = !said.is_empty();
    if found {
        host::run_while_held(host, lock, "ending the window", Script::new(CLOSE, ["undone"])).await?;
    }
    Ok(found)
}
