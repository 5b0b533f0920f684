//! `render`: write every file of the desired state to a folder, without a host.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::global::GlobalArgs;
use super::{Exit, converge};
use crate::desired::Desired;
use crate::diagnostic::{Error, Kind, Result};
use crate::pipeline::{HostFacts, Prepared};
use crate::report::Terminal;

/// Write every file that a host should have to a folder, without a host
///
/// Writes `OUT/<host>/<path on the host>` and `OUT/<host>/manifest.json`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The folder to write to
    #[arg(long, value_name = "FOLDER")]
    out: Utf8PathBuf,
    /// A JSON object that becomes `ansible_facts`
    #[arg(long, value_name = "FILE")]
    facts: Option<Utf8PathBuf>,
}

impl RenderArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let loaded = converge::load(global, terminal)?;
        let facts = read_facts(self.facts.as_deref())?;
        for host in loaded.hosts()? {
            let prepared = Prepared::new(&loaded, &host, &facts, &[])?;
            converge::warn(&prepared.warnings, terminal);
            write(&self.out.join(&host), &prepared.desired)
                .map_err(|error| Error::new(Kind::Usage, format!("cannot write to `{}`", self.out)).caused_by(error))?;
            terminal.err(&format!("{host}: {} files in {}\n", prepared.desired.files.len(), self.out.join(&host)));
        }
        Ok(0)
    }
}

/// The assumed facts with the ones from a file over them.
pub fn read_facts(file: Option<&Utf8Path>) -> Result<HostFacts> {
    let Some(file) = file else { return Ok(HostFacts::assumed()) };
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(Kind::Invalid, format!("cannot read facts from `{file}`")).caused_by(error).hint("it holds one JSON object")
    };
    let text = fs_err::read_to_string(file).map_err(|error| wrong(error.into()))?;
    let facts: Map<String, Json> = serde_json::from_str(&text).map_err(|error| wrong(error.into()))?;
    Ok(HostFacts::given(facts))
}

fn write(folder: &Utf8Path, desired: &Desired) -> std::io::Result<()> {
    let mut manifest = Vec::new();
    for directory in &desired.directories {
        fs_err::create_dir_all(inside(folder, &directory.path))?;
        manifest.push(json!({
            "path": directory.path,
            "type": "directory",
            "mode": directory.mode,
            "owner": directory.owner,
            "group": directory.group,
            "format": null,
            "secret": false,
        }));
    }
    for key in &desired.keys {
        manifest.push(json!({
            "path": key.path,
            "type": "file",
            "mode": key.mode,
            "owner": key.owner,
            "group": key.group,
            "format": null,
            "secret": true,
        }));
    }
    for download in &desired.downloads {
        manifest.push(json!({
            "path": download.path,
            "type": "file",
            "mode": download.mode,
            "owner": download.owner,
            "group": download.group,
            "format": null,
            "secret": false,
            "url": download.url,
            "part": download.part,
        }));
    }
    for file in &desired.files {
        write_private(&inside(folder, &file.path), file.contents.reveal())?;
        manifest.push(json!({
            "path": file.path,
            "type": "file",
            "mode": file.mode,
            "owner": file.owner,
            "group": file.group,
            "format": file.format.name(),
            "secret": file.secret,
        }));
    }
    fs_err::create_dir_all(folder)?;
    let document = json!({"version": 1, "files": manifest});
    fs_err::write(folder.join("manifest.json"), format!("{document:#}\n"))
}

/// What is rendered holds secrets, wherever it is written to.
fn write_private(path: &Utf8Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(options.options_mut(), 0o600);
    let mut file = options.open(path)?;
    // A file of an earlier time keeps its mode when it is opened.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

fn inside(folder: &Utf8Path, path: &str) -> Utf8PathBuf {
    folder.join(path.trim_start_matches('/'))
}
