//! Finds and reads the files of an inventory.

use camino::{Utf8Path, Utf8PathBuf};

use super::node::{Node, Value};
use super::vault::{self, VaultPasswords};
use super::yaml;
use crate::diagnostic::{Diagnostic, Span};

/// A file's text.
pub struct Text {
    /// Decrypted, where the file is a vault.
    pub text: String,
    /// Whether it came out of a vault.
    pub secret: bool,
}

/// Reads a text file, opening it where it is a vault as a whole.
pub fn read(path: &Utf8Path, vault: &VaultPasswords, findings: &mut Vec<Diagnostic>) -> Option<Text> {
    let span = Span::whole(path.as_str());
    let bytes = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.push(Diagnostic::error("H0111", format!("the file cannot be read: {}", reason(&error))).at(&span));
            return None;
        }
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default()).into_owned();
            let line = u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX);
            findings.push(
                Diagnostic::error("H0111", "the file is not UTF-8 text").at(&Span::new(path.as_str(), line, 0)).help("save it as UTF-8"),
            );
            return None;
        }
    };
    if !vault::is_vault(&text) {
        return Some(Text { text, secret: false });
    }
    match vault.open(&text) {
        Ok(secret) => Some(Text { text: secret.into_inner(), secret: true }),
        Err(locked) => {
            findings.push(locked.diagnostic(&span));
            None
        }
    }
}

/// Why the system refused, without the path that the diagnostic shows anyway.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        kind => kind.to_string(),
    }
}

/// Reads a file of YAML or JSON; `None` where it is empty or wrong.
pub fn read_yaml(path: &Utf8Path, vault: &VaultPasswords, findings: &mut Vec<Diagnostic>) -> Option<Node> {
    let Text { text, secret } = read(path, vault, findings)?;
    let mut node = parse_yaml(&text, path.as_str(), findings)?;
    vault.open_all(&mut node, findings);
    if secret {
        vault::hide(&mut node);
    }
    Some(node)
}

/// Parses YAML or JSON; `None` where it is empty or wrong.
pub fn parse_yaml(text: &str, file: &str, findings: &mut Vec<Diagnostic>) -> Option<Node> {
    match yaml::read(text, file) {
        Ok((node, warnings)) => {
            findings.extend(warnings);
            node.filter(|node| node.value != Value::Null)
        }
        Err(error) => {
            findings.push(error);
            None
        }
    }
}

/// The entries of a folder, sorted by name; nothing where there is no such folder.
pub fn list(folder: &Utf8Path, findings: &mut Vec<Diagnostic>) -> Vec<Utf8PathBuf> {
    match folder.read_dir_utf8() {
        Ok(entries) => {
            let mut paths: Vec<_> = entries.flatten().map(camino::Utf8DirEntry::into_path).collect();
            paths.sort();
            paths
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            findings.push(
                Diagnostic::error("H0111", format!("the folder cannot be read: {}", reason(&error))).at(&Span::whole(folder.as_str())),
            );
            Vec::new()
        }
    }
}

/// Where the variables of one host or group are: `name/`, or else `name`, `name.yml`, `name.yaml`,
/// `name.json`. The first that exists counts alone, as in Ansible; the others get a warning.
pub fn vars_files(folder: &Utf8Path, name: &str, findings: &mut Vec<Diagnostic>) -> Vec<Utf8PathBuf> {
    if name.contains('/') || matches!(name, "." | "..") {
        return Vec::new();
    }
    let mut candidates =
        ["", ".yml", ".yaml", ".json"].map(|extension| folder.join(format!("{name}{extension}"))).into_iter().filter(|path| path.exists());
    let Some(first) = candidates.next() else {
        return Vec::new();
    };
    for other in candidates {
        findings.push(
            Diagnostic::warning("H0125", format!("this file is ignored, because `{first}` exists"))
                .at(&Span::whole(other.as_str()))
                .help(if first.is_dir() { format!("move it into `{first}/`") } else { format!("merge it into `{first}`") }),
        );
    }
    if !first.is_dir() {
        return vec![first];
    }
    let mut found = Vec::new();
    in_folder(&first, &mut found, findings);
    found
}

fn in_folder(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>, findings: &mut Vec<Diagnostic>) {
    for path in list(folder, findings) {
        let name = path.file_name().unwrap_or_default();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        match (path.is_dir(), path.extension()) {
            (true, None) => in_folder(&path, found, findings),
            (false, None | Some("yml" | "yaml" | "json")) => found.push(path),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with empty files.
    fn folder(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(directory.path().to_owned()).unwrap();
        for file in files {
            fs_err::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs_err::write(root.join(file), "").unwrap();
        }
        (directory, root)
    }

    fn found(files: &[&str]) -> String {
        let (_directory, root) = folder(files);
        let mut findings = Vec::new();
        let mut lines: Vec<_> =
            vars_files(&root, "web", &mut findings).iter().map(|path| path.strip_prefix(&root).unwrap().to_string()).collect();
        lines.extend(findings.iter().map(|finding| finding.to_string().replace(root.as_str(), "")));
        lines.join("\n")
    }

    #[test]
    fn a_folder_holds_files_of_the_known_kinds_by_name() {
        insta::assert_snapshot!(
            found(&["web/z.yml", "web/b.json", "web/a", "web/.hidden.yml", "web/old.yml~", "web/notes.txt", "web/sub/x.yaml", "web/sub.d/y.yml"]),
            @r"
        web/a
        web/b.json
        web/sub/x.yaml
        web/z.yml
        "
        );
    }

    #[test]
    fn the_first_of_several_counts_alone() {
        insta::assert_snapshot!(found(&["web.yaml", "web.yml", "web.json"]), @r"
        web.yml
        /web.yaml: this file is ignored, because `/web.yml` exists
        /web.json: this file is ignored, because `/web.yml` exists
        ");
        insta::assert_snapshot!(found(&["web/vars.yml", "web.yml"]), @r"
        web/vars.yml
        /web.yml: this file is ignored, because `/web` exists
        ");
        assert_eq!(found(&["webs.yml"]), "");
    }

    #[test]
    fn an_unreadable_file_says_why() {
        let (_directory, root) = folder(&["a"]);
        fs_err::write(root.join("latin1"), b"a: 1\nb: \xe9\n").unwrap();
        let mut findings = Vec::new();
        for name in ["missing", "latin1"] {
            assert!(read(&root.join(name), &VaultPasswords::none(), &mut findings).is_none());
        }
        let shown: Vec<_> = findings.iter().map(|finding| finding.to_string().replace(root.as_str(), "")).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        /missing: the file cannot be read: it does not exist
        /latin1:2: the file is not UTF-8 text
        ");
    }
}
