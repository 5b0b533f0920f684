//! Puts `roles/` and `templates/` into the binary, so that one file is all a user needs.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

#[allow(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn main() -> Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut code = String::from("pub static FILES: &[(&str, &str)] = &[\n");
    for folder in ["roles", "templates"] {
        println!("cargo::rerun-if-changed={folder}");
        let mut paths = Vec::new();
        collect(&root.join(folder), &mut paths)?;
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            // Not the whole path: another checkout may share the target folder.
            let relative = format!("/{name}");
            let _ = writeln!(code, "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {relative:?}))),");
        }
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), code).context("cannot write `embedded.rs`")
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "tera") {
            paths.push(path);
        }
    }
    Ok(())
}
