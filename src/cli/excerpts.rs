//! The texts that findings point into, as they may be shown.

use std::sync::{Arc, OnceLock};

use camino::Utf8PathBuf;

use crate::inventory::vault;
use crate::report::SourceReader;
use crate::role::{Library, Source};
use crate::secret;

/// A larger file is no text that someone wrote.
const LARGEST: usize = 1 << 20;

/// Reads files, without the values of what is secret by its name or by what a role says about it. The roles are
/// read when the first finding is shown.
pub fn reader(roles_dir: Option<Utf8PathBuf>) -> SourceReader {
    let roles = OnceLock::new();
    Arc::new(move |file: &str| {
        let roles = roles.get_or_init(|| library(roles_dir.as_ref()));
        let built_in = roles.as_ref().and_then(|roles| roles.built_in(file)).map(str::to_owned);
        let text = built_in.or_else(|| fs_err::read_to_string(file).ok())?;
        let is_secret = |name: &str| roles.as_ref().is_none_or(|roles| roles.is_secret(name));
        // The places in a vault are those of the text inside.
        (text.len() < LARGEST && !vault::is_vault(&text)).then(|| secret::presentable(&text, &is_secret))
    })
}

/// The user's roles, or, where these are what is wrong, the built-in ones. Without any, every value is secret.
fn library(roles_dir: Option<&Utf8PathBuf>) -> Option<Library> {
    let own = roles_dir.and_then(|folder| Library::load(Source::with_folder(folder).ok()?).ok());
    own.or_else(|| Library::load(Source::embedded()).ok())
}
