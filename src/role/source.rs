//! Where roles and templates come from: the binary itself, or a folder that holds `roles/` and
//! `templates/`.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::diagnostic::{Error, Kind, Result};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The files under `roles/` and `templates/`: path relative to their common folder -> text.
#[derive(Clone, Debug, Default)]
pub struct Source {
    files: BTreeMap<String, String>,
    /// The files that came from a folder, under the paths that a user knows them by.
    real: BTreeMap<String, String>,
}

impl Source {
    /// The ones that were built in.
    pub fn embedded() -> Self {
        Self { files: embedded::FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(), real: BTreeMap::new() }
    }

    /// The built-in ones with the files below `folder` (its `roles/` and `templates/`) over them.
    ///
    /// # Errors
    /// When the folder cannot be read or holds neither `roles` nor `templates`.
    pub fn with_folder(folder: &Utf8Path) -> Result<Self> {
        let mut source = Self::embedded();
        let mut found = false;
        for name in ["roles", "templates"] {
            let path = folder.join(name);
            if path.is_dir() {
                found = true;
                source.add(folder, &path)?;
            }
        }
        if found {
            Ok(source)
        } else {
            Err(Error::new(Kind::Usage, format!("`{folder}` holds neither `roles` nor `templates`"))
                .hint("give `--roles-dir` the folder that contains them"))
        }
    }

    fn add(&mut self, root: &Utf8Path, folder: &Utf8Path) -> Result<()> {
        let unreadable = |error: std::io::Error| Error::new(Kind::Usage, format!("cannot read roles from `{folder}`")).caused_by(error);
        for entry in folder.read_dir_utf8().map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.into_path();
            if path.is_dir() {
                self.add(root, &path)?;
            } else if matches!(path.extension(), Some("yml" | "tera")) {
                let text = fs_err::read_to_string(&path).map_err(unreadable)?;
                let name = path.strip_prefix(root).unwrap_or(&path).as_str().to_owned();
                self.real.insert(name.clone(), path.into_string());
                self.files.insert(name, text);
            }
        }
        Ok(())
    }

    /// A file's text.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// What a file is called in a message: its real path, or that in the repository where it is built in.
    pub fn shown(&self, path: &str) -> String {
        self.real.get(path).map_or_else(|| path.to_owned(), Clone::clone)
    }

    /// Whether a message that names `file` speaks of one of these.
    pub fn shows(&self, file: &str) -> bool {
        self.real.values().any(|real| real == file) || (self.files.contains_key(file) && !self.real.contains_key(file))
    }

    /// Every path and text, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The further parts of a role's file: `role.workers.yml` beside `role.yml`, by name.
    pub fn parts<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> {
        let stem = path.strip_suffix("yml").unwrap_or(path).to_owned();
        let is_part = move |path: &str| {
            let part = path.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(".yml"));
            part.is_some_and(|part| !part.is_empty() && !part.contains('/'))
        };
        self.iter().map(|(path, _)| path).filter(move |path| is_part(path))
    }

    /// The names of the folders below `roles/`.
    pub fn roles(&self) -> Vec<String> {
        self.iter().filter_map(|(path, _)| path.strip_prefix("roles/")?.strip_suffix("/role.yml")).map(str::to_owned).collect()
    }
}
