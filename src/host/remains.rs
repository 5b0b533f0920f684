//! What is left on a host of what nobody asks for any more: folders and what is in them, networks and who uses
//! them, and how large data is.

use std::collections::BTreeMap;

use super::observe::check_path;
use super::{Exec, Host, run};
use crate::diagnostic::{Error, Kind, Result};

const REMAINS: &str = include_str!("scripts/remains.sh");

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemainsRequest {
    /// Absolute paths of folders.
    pub folders: Vec<String>,
    /// Docker networks.
    pub networks: Vec<String>,
    /// Absolute path -> whether to count its bytes, which takes a while for many files.
    pub data: BTreeMap<String, bool>,
}

/// What was there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Folder -> the names in it.
    pub folders: BTreeMap<String, Vec<String>>,
    /// Network -> the containers that use it, running or not.
    pub networks: BTreeMap<String, Vec<String>>,
    /// Path -> bytes on the disk, where they were asked for.
    pub data: BTreeMap<String, Option<u64>>,
}

/// Looks, in one exec.
///
/// # Errors
/// The connection breaks; Docker does not answer.
pub async fn remains(host: &dyn Host, request: &RemainsRequest) -> Result<Remains> {
    let mut stdin = String::new();
    for path in request.folders.iter().chain(request.data.keys()) {
        check_path(path)?;
    }
    let mut ask = |what: &str, name: &str| stdin.push_str(&format!("{what} {name}\n"));
    request.folders.iter().for_each(|path| ask("folder", path));
    request.networks.iter().for_each(|name| ask("network", name));
    request.data.iter().for_each(|(path, size)| ask(if *size { "size" } else { "data" }, path));
    let output = run(host, "looking for what is left over", Exec::new(REMAINS).stdin(stdin.as_bytes())).await?;
    parse(&String::from_utf8_lossy(&output))
        .ok_or_else(|| Error::new(Kind::HostFailed, format!("`{}`: what it says about what is left over cannot be read", host.name())))
}

fn parse(text: &str) -> Option<Remains> {
    let mut found = Remains::default();
    let mut fields = text.split('\0');
    loop {
        let what = fields.next()?;
        if what == "end" {
            return Some(found);
        }
        let name = fields.next()?.to_owned();
        let mut rest = Vec::new();
        loop {
            match fields.next()? {
                "" => break,
                field => rest.push(field.to_owned()),
            }
        }
        match what {
            "folder" => drop(found.folders.insert(name, rest)),
            "network" => drop(found.networks.insert(name, rest)),
            "data" => drop(found.data.insert(name, rest.first()?.parse().ok())),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Environment, FakeHost, LocalHost, settings::ConnectionSettings};

    #[tokio::test]
    async fn folders_and_data_are_seen() {
        let host = LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["full", "empty", "large"] {
            fs_err::create_dir(path(name)).unwrap();
        }
        for name in ["full/.hidden", "full/with space", "full/..odd", "full/*"] {
            fs_err::write(path(name), "x").unwrap();
        }
        fs_err::os::unix::fs::symlink("/", path("full/to the root")).unwrap();
        fs_err::os::unix::fs::symlink("nowhere", path("full/dangling")).unwrap();
        fs_err::os::unix::fs::symlink("full", path("link")).unwrap();
        fs_err::write(path("large/file"), vec![1; 100_000]).unwrap();
        let request = RemainsRequest {
            folders: ["full", "empty", "absent", "link"].map(path).to_vec(),
            data: [(path("large"), true), (path("full"), false), (path("absent"), true)].into(),
            ..RemainsRequest::default()
        };
        let mut found = remains(&host, &request).await.unwrap();
        found.folders.values_mut().for_each(|names| names.sort());
        let names: BTreeMap<String, Vec<&str>> =
            [(path("full"), vec!["*", "..odd", ".hidden", "dangling", "to the root", "with space"]), (path("empty"), vec![])].into();
        let seen: BTreeMap<String, Vec<&str>> =
            found.folders.iter().map(|(path, names)| (path.clone(), names.iter().map(String::as_str).collect())).collect();
        assert_eq!(seen, names);
        assert_eq!(found.data.keys().cloned().collect::<Vec<_>>(), [path("full"), path("large")]);
        assert_eq!(found.data[&path("full")], None);
        assert!(found.data[&path("large")].is_some_and(|bytes| bytes > 100_000), "{found:?}");
    }

    #[tokio::test]
    async fn half_an_answer_is_an_error() {
        let host = FakeHost::new().answer("folder\0/a\0b\0").answer("network\0n\0c\0d\0\0end\0");
        assert!(remains(&host, &RemainsRequest::default()).await.is_err());
        let found = remains(&host, &RemainsRequest { networks: vec!["n".into()], ..RemainsRequest::default() }).await.unwrap();
        assert_eq!(found.networks, BTreeMap::from([("n".to_owned(), vec!["c".to_owned(), "d".to_owned()])]));
        assert_eq!(host.asked().last().unwrap().stdin, b"network n\n");
    }
}
