//! Notices changes of the inventory. Editors replace files, a `git pull` changes many: what comes within a
//! moment is one change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A change is over when nothing happened for so long.
const QUIET: Duration = Duration::from_millis(500);
/// Somebody who never stops writing is not waited for longer.
const LONGEST: Duration = Duration::from_secs(5);

/// Watches files and folders as long as it lives.
pub struct Watch {
    _watcher: notify::RecommendedWatcher,
    changes: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    /// Watches: of a file its folder, because editors put a new file in its place; of a folder all that is in it.
    ///
    /// # Errors
    /// One of them is not there, or the kernel allows no more watches.
    pub fn new(paths: &[PathBuf]) -> notify::Result<Self> {
        let (sender, changes) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error means that something may have been missed: as good as a change.
            let counts =
                event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| is_text(path)));
            if counts {
                // Nobody listens any more when the daemon ends.
                let _ = sender.send(());
            }
        })?;
        let folders: BTreeSet<&Path> = paths
            .iter()
            .map(|path| {
                if path.is_dir() {
                    path.as_path()
                } else {
                    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
                }
            })
            .collect();
        for folder in folders {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
        Ok(Self { _watcher: watcher, changes })
    }

    /// Returns when something changed and it has been quiet since.
    pub async fn changed(&mut self) {
        // The sender lives as long as the watcher.
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        let settle = async { while let Ok(Some(())) = timeout(QUIET, self.changes.recv()).await {} };
        // Whether it became quiet or the patience ended: both are a change.
        let _ = timeout(LONGEST, settle).await;
    }
}

/// What is no inventory: git's own folder, and what editors keep beside a file while they have it open.
fn is_text(path: &Path) -> bool {
    let hidden = path.components().any(|part| part.as_os_str() == ".git");
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let swap = path.extension().is_some_and(|extension| extension == "swp" || extension == "swx");
    let editor = swap || name.ends_with('~') || name.starts_with(".#") || name == "4913";
    !hidden && !editor
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn changed(watch: &mut Watch) -> bool {
        timeout(Duration::from_secs(3), watch.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn a_replaced_file_and_many_at_once_are_one_change_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("host_vars")).unwrap();
        std::fs::write(path("hosts"), "a").unwrap();
        let mut watch = Watch::new(&[path("hosts")]).unwrap();

        std::fs::write(path("new"), "b").unwrap();
        std::fs::rename(path("new"), path("hosts")).unwrap();
        assert!(changed(&mut watch).await);
        for number in 0..20 {
            std::fs::write(path(&format!("host_vars/{number}.yml")), "x: 1\n").unwrap();
        }
        assert!(changed(&mut watch).await);
        assert!(!changed(&mut watch).await);
    }

    #[tokio::test]
    async fn reading_and_editors_leftovers_are_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path(".git")).unwrap();
        std::fs::write(path("hosts"), "a").unwrap();
        let mut watch = Watch::new(&[folder.path().to_owned()]).unwrap();
        std::fs::read(path("hosts")).unwrap();
        std::fs::write(path(".hosts.swp"), "x").unwrap();
        std::fs::write(path("hosts~"), "x").unwrap();
        std::fs::write(path(".git/index"), "x").unwrap();
        assert!(!changed(&mut watch).await);
    }
}
