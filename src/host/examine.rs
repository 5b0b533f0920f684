//! Everything that a run asks of a host before it decides, in one exec: every answer takes as long as the way there
//! and back, and most runs find nothing to do.

use std::collections::BTreeMap;
use std::time::Duration;

use super::facts::{Facts, understand};
use super::observe::{ObserveRequest, Observed, check_path, check_units, contents, parse, succeeded, unreadable};
use super::{Exec, Host};
use crate::diagnostic::{Error, Kind, Result};

/// The facts are found out while the lock is waited for and files and units are looked at, and told after them.
const EXAMINE: &str = concat!(
    include_str!("scripts/examine.sh"),
    "{\nIFS='\n'\nset -f\nset -- $(lines s)\nset +f\nunset IFS\n",
    include_str!("scripts/unfinished.sh"),
    include_str!("scripts/facts.sh"),
    "} </dev/null | {\nawait_lock \"$2\"\nlist=$(lines o)\nset -- $(lines u)\n",
    include_str!("scripts/observe.sh"),
    "printf '\\0\\0'\ncat\nprintf '\\0'\npaths=$(lines f; changed)\n",
    include_str!("scripts/fetch.sh"),
    "}\n",
);

/// Ends what `observe.sh` says, and what `facts.sh` says: two empty fields in a row are in neither.
const END: &[u8] = b"\0\0\0";

/// The script's status when the lock did not become the run's (`EX_TEMPFAIL` of sysexits.h).
const NOT_LOCKED: u32 = 75;

/// What to find out.
#[derive(Clone, Debug, Default)]
pub struct ExamineRequest {
    /// Paths whose free space is wanted.
    pub space: Vec<String>,
    /// Paths and units to look at.
    pub observe: ObserveRequest,
    /// Files to read.
    pub contents: Vec<String>,
    /// Files of `observe` to read where their content has another SHA-256 than this.
    pub unless: BTreeMap<String, String>,
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examined {
    /// What the host is.
    pub facts: Facts,
    /// Its paths and units.
    pub observed: Observed,
    /// The content of files.
    pub contents: BTreeMap<String, Vec<u8>>,
}

/// Looks at a host. With `run`, a run that takes the lock at the same time, no file and no unit is looked at before the
/// lock is its own; `patience` is how long that may take.
///
/// # Errors
/// The connection breaks; the host's answer makes no sense; the lock does not become the run's.
pub async fn examine(host: &dyn Host, request: &ExamineRequest, run: Option<&str>, patience: Duration) -> Result<Examined> {
    let stdin = lines(request)?;
    let seconds = patience.as_secs().to_string();
    let output = host.exec(Exec::new(EXAMINE).arguments(&[run.unwrap_or_default(), &seconds]).stdin(&stdin)).await?;
    if output.status == NOT_LOCKED && output.stdout.is_empty() {
        return Err(Error::new(Kind::Locked, format!("`{}`: its lock was not taken in {seconds} s", host.name())));
    }
    succeeded(host, &output)?;
    let rest = &output.stdout;
    let (observed, rest) = split(rest).ok_or_else(|| unreadable(host))?;
    let (facts, archive) = split(rest).ok_or_else(|| unreadable(host))?;
    Ok(Examined {
        facts: understand(host, facts)?,
        observed: parse(observed, &request.observe.units).ok_or_else(|| unreadable(host))?,
        contents: contents(host, archive)?,
    })
}

/// What comes before the next [`END`], with it, and what follows.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(END.len()).position(|window| window == END)?;
    bytes.split_at_checked(at + END.len())
}

fn lines(request: &ExamineRequest) -> Result<Vec<u8>> {
    let ObserveRequest { paths, patterns, units } = &request.observe;
    for path in request.space.iter().chain(paths).chain(patterns).chain(&request.contents).chain(request.unless.keys()) {
        check_path(path)?;
    }
    check_units(units)?;
    let space = request.space.iter().map(|path| format!("s{path}\n"));
    let paths = paths.iter().map(|path| format!("o{path}\n"));
    let patterns = patterns.iter().map(|pattern| format!("o*{pattern}\n"));
    let units = units.iter().map(|unit| format!("u{unit}\n"));
    let contents = request.contents.iter().map(|path| format!("f{path}\n"));
    let unless = request.unless.iter().map(|(path, sha256)| format!("w{sha256}  {path}\n"));
    Ok(space.chain(paths).chain(patterns).chain(units).chain(contents).chain(unless).collect::<String>().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{ConnectionSettings, Environment, FakeHost, LocalHost};

    #[tokio::test]
    async fn one_exec_tells_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["same", "other", "read", "pattern 1"] {
            fs_err::write(path(name), name).unwrap();
        }
        let sha256_of_same = "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5".to_owned();
        let request = ExamineRequest {
            space: vec![path("a b/absent")],
            observe: ObserveRequest {
                paths: vec![path("same"), path("other"), path("absent")],
                patterns: vec![path("pattern*")],
                // Not every machine that builds this runs systemd.
                units: Vec::new(),
            },
            contents: vec![path("read"), path("absent")],
            unless: BTreeMap::from([(path("same"), sha256_of_same.clone()), (path("other"), sha256_of_same)]),
        };
        let host = LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap();
        let examined = examine(&host, &request, None, Duration::ZERO).await.unwrap();
        assert!(examined.facts.free_kib.contains_key(&path("a b/absent")));
        let seen: Vec<&String> = examined.observed.files.keys().collect();
        assert_eq!(seen, [&path("other"), &path("pattern 1"), &path("same")]);
        assert_eq!(examined.contents, BTreeMap::from([(path("read"), b"read".to_vec()), (path("other"), b"other".to_vec())]));
        let nothing = examine(&host, &ExamineRequest::default(), None, Duration::ZERO).await.unwrap();
        assert_eq!((nothing.observed, nothing.contents), (Observed::default(), BTreeMap::new()));
    }

    #[tokio::test]
    async fn half_an_answer_is_an_error() {
        for answer in ["", "end\0\0\0", "files\0sums\0units\0\0\0end\0\0\0", "files\0sums\0units\0\0end\0\0\0kernel\0six\0\0\0"] {
            let host = FakeHost::new().answer(answer);
            assert!(examine(&host, &ExamineRequest::default(), None, Duration::ZERO).await.is_err(), "{answer:?}");
        }
        let host = FakeHost::new().answer_failure(75, "");
        assert_eq!(examine(&host, &ExamineRequest::default(), Some("r1"), Duration::ZERO).await.unwrap_err().kind, Kind::Locked);
    }
}
