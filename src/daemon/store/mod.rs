//! The daemon's memory: an SQLite database with one owner, a thread of its own. Takes closures over the
//! connection; gives their results. Survives the end of the process at any point: write-ahead log, one
//! transaction a change.

mod answers;
mod audit;
mod hosts;
mod inventory;
mod letters;
mod logins;
mod notices;
mod retention;
mod runs;

use std::sync::mpsc;
use std::thread;

use camino::Utf8Path;
use jiff::Timestamp;
use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

pub use answers::Answer;
pub use audit::AuditEntry;
pub use hosts::{HostRow, Look, Pause};
pub use inventory::InventoryRow;
pub use letters::Letter;
pub use logins::{NewSession, SessionRow};
pub use notices::Told;
pub use retention::Removed;
pub use runs::{EventRow, NewRun, RunCount, RunEnd, RunFilter, RunKind, RunRow, RunState};

/// In order; `user_version` says how many a database has.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// Why the store does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's own words.
    #[error("the daemon's database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A newer program wrote it.
    #[error("the daemon's database has version {found}, and this program knows versions up to {known}; update homestead")]
    TooNew {
        /// The database's.
        found: usize,
        /// The newest that is known.
        known: usize,
    },
    /// A document in it cannot be understood.
    #[error("the daemon's database holds a document that cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// The thread that owns it ended.
    #[error("the daemon's database is closed")]
    Closed,
    /// The folder or the file cannot be made.
    #[error("the daemon's database cannot be opened: {0}")]
    Folder(#[from] std::io::Error),
}

type Result<T> = std::result::Result<T, StoreError>;
type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The database. Cheap to clone; closed when the last clone goes and its last job is done.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Opens the database at `path`, makes it where it is missing (mode 0600), and brings it to the newest version.
    ///
    /// # Errors
    /// It cannot be opened, is damaged, or is too new.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        // SQLite gives its other files the mode of the first.
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        Self::own(Connection::open(path)?)
    }

    /// One that is gone with the process.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn in_memory() -> Result<Self> {
        Self::own(Connection::open_in_memory()?)
    }

    fn own(mut connection: Connection) -> Result<Self> {
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        let (jobs, queue) = mpsc::channel::<Job>();
        thread::Builder::new().name("store".to_owned()).spawn(move || {
            for job in queue {
                job(&mut connection);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Does `work` in a transaction of its own; nothing of it stays when it fails.
    async fn change<T: Send + 'static>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
        .await
    }

    /// Does `work` on the connection, in its thread.
    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Who asked may be gone.
            drop(answer.send(work(connection)));
        });
        self.jobs.send(job).map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    let missing = MIGRATIONS.get(found..).ok_or(StoreError::TooNew { found, known: MIGRATIONS.len() })?;
    for (number, migration) in missing.iter().enumerate() {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", i64::try_from(found + number + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

/// Milliseconds, as they are kept.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A time as it is kept; one that no clock shows becomes 1970.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_is_opened_again_and_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("deep/daemon.sqlite")).unwrap();
        let store = Store::open(&path).unwrap();
        let run = NewRun::test("r1", "a.example.com");
        store.begin_run(run).await.unwrap();
        for name in ["daemon.sqlite", "daemon.sqlite-wal"] {
            let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        // As after kill -9: a second owner finds what was committed.
        let again = Store::open(&path).unwrap();
        assert_eq!(again.run("r1".into()).await.unwrap().unwrap().host, "a.example.com");
    }

    #[test]
    fn one_that_a_newer_program_wrote_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("daemon.sqlite")).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let Err(error) = Store::open(&path) else { panic!("opened") };
        assert_eq!(error.to_string(), "the daemon's database has version 99, and this program knows versions up to 4; update homestead");
    }

    #[tokio::test]
    async fn a_change_that_fails_leaves_nothing() {
        let store = Store::in_memory().unwrap();
        let failed: Result<()> = store
            .change(|transaction| {
                transaction.execute("INSERT INTO notices VALUES ('a', 1, 'x')", [])?;
                transaction.execute("INSERT INTO notices VALUES ('a', 1, 'x')", [])?;
                Ok(())
            })
            .await;
        assert!(failed.is_err());
        let count: i64 =
            store.with(|connection| Ok(connection.query_row("SELECT count(*) FROM notices", [], |row| row.get(0))?)).await.unwrap();
        assert_eq!(count, 0);
    }
}
