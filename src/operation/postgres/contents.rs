//! What is in a dump. A dump counts only when it has been read to its end.

use std::io::{BufRead, BufReader};

use camino::Utf8Path;

use super::{Context, DECOMPRESS};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Exec;

const SCAN: &str = include_str!("../scripts/scan.sh");

/// What is in a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// All databases and roles of a server; else of one database.
    pub cluster: bool,
    /// Whether it goes to its end.
    pub complete: bool,
    /// The version of the server that it comes from.
    pub version: Option<String>,
    /// As text, unpacked.
    pub bytes: u64,
    /// In the order of the dump.
    pub databases: Vec<DatabaseContents>,
}

/// What is in a dump of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct DatabaseContents {
    /// Its name.
    pub name: String,
    /// How many tables have rows to copy.
    pub tables: u64,
    /// How many rows.
    pub rows: u64,
}

impl Contents {
    /// A dump that is not whole is none.
    pub(super) fn check(self, name: &str) -> Result<Self> {
        if self.complete {
            return Ok(self);
        }
        let problem = if self.databases.is_empty() && !self.cluster { "is no dump of Postgres" } else { "is cut off: its end is missing" };
        Err(Error::new(Kind::HostFailed, format!("`{name}` {problem}")).hint("nothing was touched; use another dump"))
    }

    /// In a few words.
    pub fn summary(&self) -> String {
        let databases = self.databases.iter().filter(|database| database.tables > 0);
        let words: Vec<String> =
            databases.map(|database| format!("{} ({} tables, {} rows)", database.name, database.tables, database.rows)).collect();
        if words.is_empty() { "no tables".to_owned() } else { words.join(", ") }
    }

    /// What the host's script says.
    fn parse(text: &str) -> Option<Self> {
        let mut contents = Self::default();
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["kind", kind] => contents.cluster = *kind == "cluster",
                ["complete", complete] => contents.complete = *complete == "yes",
                ["version", version] => contents.version = (*version != "-").then(|| (*version).to_owned()),
                ["bytes", bytes] => contents.bytes = bytes.parse().ok()?,
                ["database", name, tables, rows] => contents.databases.push(DatabaseContents {
                    name: (*name).to_owned(),
                    tables: tables.parse().ok()?,
                    rows: rows.parse().ok()?,
                }),
                _ => return None,
            }
        }
        Some(contents)
    }
}

/// Reads a dump that lies on the host; `shown` is what the user calls it.
///
/// # Errors
/// It is not there, cannot be unpacked, is cut off, or no dump.
pub(super) async fn on_host(context: &Context<'_>, path: &str, shown: &str) -> Result<Contents> {
    let script = format!("{DECOMPRESS}{SCAN}");
    let output = context.host.exec(Exec::new(&script).arguments(&[path])).await?;
    let complaint = crate::host::complaint(&output);
    let error = |message: String| Error::new(Kind::HostFailed, message).hint("nothing was touched");
    match output.status {
        0 => {}
        66 => {
            return Err(error(format!("there is no file `{shown}` on `{}`", context.name))
                .hint("the path is one on the host; `homestead postgres restore FILE` takes a file of yours"));
        }
        _ if complaint.contains("custom format") => {
            return Err(error(format!("`{shown}` is in the custom format of pg_dump, and homestead imports plain dumps"))
                .hint("`pg_restore --file=dump.sql` turns it into one"));
        }
        _ => return Err(error(format!("`{shown}` cannot be read: {complaint}"))),
    }
    let contents = Contents::parse(&String::from_utf8_lossy(&output.stdout));
    contents.ok_or_else(|| error(format!("`{shown}` cannot be read: its contents could not be told")))?.check(shown)
}

/// Reads a compressed dump that lies here.
///
/// # Errors
/// It cannot be read or unpacked, is cut off, or no dump.
pub(super) fn here(path: &Utf8Path) -> Result<Contents> {
    let failed = |error: std::io::Error| Error::new(Kind::HostFailed, format!("`{path}` cannot be read back")).caused_by(error);
    let file = fs_err::File::open(path).map_err(failed)?;
    read(&mut BufReader::new(flate2::read::MultiGzDecoder::new(BufReader::new(file)))).map_err(failed)?.check(path.as_str())
}

/// The same reading as the host's script.
fn read(dump: &mut impl BufRead) -> std::io::Result<Contents> {
    let mut contents = Contents::default();
    let mut copying = false;
    let mut current: Option<usize> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = dump.read_until(b'\n', &mut line)?;
        if length == 0 {
            contents.complete &= !copying;
            return Ok(contents);
        }
        contents.bytes += length as u64;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let database = current.and_then(|index| contents.databases.get_mut(index));
        if copying {
            copying = text != b"\\.";
            if let (true, Some(database)) = (copying, database) {
                database.rows += 1;
            }
            continue;
        }
        // Statements are text; rows need not be.
        let text = String::from_utf8_lossy(text);
        if text.starts_with("COPY ") && text.ends_with(" FROM stdin;") {
            copying = true;
            if let Some(database) = database {
                database.tables += 1;
            }
        } else if text.starts_with("\\connect ") {
            let name = text.rsplit(' ').next().unwrap_or_default().replace('"', "");
            let known = contents.databases.iter().position(|database| database.name == name);
            current = Some(known.unwrap_or(contents.databases.len()));
            if known.is_none() {
                contents.databases.push(DatabaseContents { name, ..DatabaseContents::default() });
            }
        } else if let Some(version) = text.strip_prefix("-- Dumped from database version ") {
            contents.version = version.split(' ').next().map(str::to_owned);
        } else if text == "-- PostgreSQL database cluster dump" {
            contents.cluster = true;
        } else if text == "-- PostgreSQL database cluster dump complete"
            || (text == "-- PostgreSQL database dump complete" && !contents.cluster)
        {
            contents.complete = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "--
-- PostgreSQL database cluster dump
--

\\connect template1
-- Dumped from database version 18.6 (Debian)
-- PostgreSQL database dump complete
\\connect synapse
COPY public.users (name) FROM stdin;
@alice:example.com
-- PostgreSQL database cluster dump complete
\\connect evil
\\.
-- PostgreSQL database dump complete
-- PostgreSQL database cluster dump complete
";

    fn in_sh(dump: &str) -> Contents {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), dump).unwrap();
        let script = format!("{DECOMPRESS}{SCAN}");
        let output = std::process::Command::new("sh").args(["-c", &script, "sh"]).arg(file.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Contents::parse(&String::from_utf8(output.stdout).unwrap()).unwrap()
    }

    #[test]
    fn rows_are_no_statements_here_and_on_the_host() {
        let database = |name: &str, tables, rows| DatabaseContents { name: name.into(), tables, rows };
        let expected = Contents {
            cluster: true,
            complete: true,
            version: Some("18.6".into()),
            bytes: DUMP.len() as u64,
            databases: vec![database("template1", 0, 0), database("synapse", 1, 3)],
        };
        assert_eq!(read(&mut DUMP.as_bytes()).unwrap(), expected);
        assert_eq!(in_sh(DUMP), expected);
        assert_eq!(expected.summary(), "synapse (1 tables, 3 rows)");
    }

    #[test]
    fn a_dump_that_is_cut_off_anywhere_is_not_complete() {
        let lines: Vec<&str> = DUMP.split_inclusive('\n').collect();
        for end in 0..lines.len() {
            let cut = lines[..end].concat();
            assert!(!read(&mut cut.as_bytes()).unwrap().complete, "{cut}");
            assert!(!in_sh(&cut).complete, "{cut}");
        }
        let error = read(&mut lines[..8].concat().as_bytes()).unwrap().check("x.sql").unwrap_err();
        assert_eq!(error.to_string(), "`x.sql` is cut off: its end is missing");
        assert_eq!(read(&mut "hello\n".as_bytes()).unwrap().check("x").unwrap_err().to_string(), "`x` is no dump of Postgres");
    }
}
