//! The variables of a host whose accounts have moved to MAS: what the migration decided so far stands in the user's own file
//! afterwards. Lines go and come as a user would do it; comments, order and layout stay.

use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value as Json;

use super::rename::{Change, Fix};
use crate::diagnostic::{Diagnostic, Error, Kind, Result};
use crate::inventory::{Inventory, vault};
use crate::migration::{EXTENSION_KEYS, REPLACED};
use crate::vars::Variables;

const ENABLED: &str = "matrix_authentication_service_enabled";
const TOGGLE: &str = "matrix_authentication_service_migration_in_progress";
const EXTENSION: &str = "matrix_synapse_configuration_extension_yaml";
/// What nothing reads any more once MAS has the logins.
const UNREAD: &[&str] = &["matrix_synapse_oidc_providers"];

/// Works out what changes. `variables` are the host's own, without what the migration decides.
///
/// # Errors
/// A file cannot be read.
pub fn fix(inventory: &Inventory, host: &str, variables: &Variables) -> Result<Fix> {
    let folder = inventory.directory.join("host_vars");
    let own: Vec<Utf8PathBuf> = inventory.files().into_iter().filter(|path| is_hosts_own(path, &folder, host)).collect();
    let mut files = Vec::new();
    for path in own {
        let old =
            fs_err::read_to_string(&path).map_err(|error| Error::new(Kind::Usage, format!("cannot read `{path}`")).caused_by(error))?;
        files.push(Change { path, new: old.clone(), old });
    }
    let mut left = Vec::new();
    let is_on = |name: &str| variables.get(name).is_ok_and(|found| found.value != Json::Bool(false));
    let mut goes: Vec<&str> = REPLACED.iter().chain(UNREAD).copied().filter(|name| is_on(name)).collect();
    goes.push(TOGGLE);
    for name in goes {
        edit(variables, &mut files, &mut left, name, "remove it", |text| entry(text, name).map(|range| without(text, range)));
    }
    edit(variables, &mut files, &mut left, EXTENSION, "remove what MAS does from it", without_keys);
    let enabled = variables.get(ENABLED).is_ok_and(|found| found.value == Json::Bool(true));
    if !enabled && !edit(variables, &mut files, &mut left, ENABLED, "set it to true", switched_on) {
        let line = format!("{ENABLED}: true\n");
        // Beside the rest: the file that says which server this is, else the first that a user keeps.
        let main = variables.definition("matrix_domain").map(|definition| definition.span.file.to_string());
        let fits = |file: &Change| !vault::is_vault(&file.old) && file.path.extension() != Some("json");
        let place = files.iter().position(|file| fits(file) && Some(file.path.as_str()) == main.as_deref());
        let place = place.or_else(|| files.iter().position(|file| fits(file) && file.path.file_stem() != Some("secrets")));
        match place.and_then(|place| files.get_mut(place)) {
            Some(file) => {
                let end = if file.new.is_empty() || file.new.ends_with('\n') { "" } else { "\n" };
                file.new = format!("{}{end}{line}", file.new);
            }
            None => left.push(Diagnostic::warning("H0842", format!("`{ENABLED}` is not set")).help("set it to true for this host")),
        }
    }
    Ok(Fix { changes: files.into_iter().filter(|file| file.new != file.old).collect(), left })
}

/// Whether only this host reads a file.
fn is_hosts_own(path: &Utf8Path, folder: &Utf8Path, host: &str) -> bool {
    let Ok(rest) = path.strip_prefix(folder) else { return false };
    let first = rest.components().next().map(|part| part.as_str().to_owned()).unwrap_or_default();
    first == host || [".yml", ".yaml", ".json"].iter().any(|ending| first == format!("{host}{ending}"))
}

/// Changes the file that sets a variable; what stands where it cannot be changed is left to the user. Gives whether a user
/// sets it at all.
fn edit(
    variables: &Variables,
    files: &mut [Change],
    left: &mut Vec<Diagnostic>,
    name: &str,
    help: &str,
    change: impl Fn(&str) -> Option<String>,
) -> bool {
    let Some(definition) = variables.definition(name).filter(|definition| definition.kind.is_users()) else { return false };
    let file = files.iter_mut().find(|file| file.path.as_str() == &*definition.span.file && !vault::is_vault(&file.old));
    match file.and_then(|file| change(&file.new).map(|new| (file, new))) {
        Some((file, new)) => file.new = new,
        None => left.push(
            Diagnostic::warning(
                "H0842",
                format!("`{name}` does not fit a server whose accounts have moved to MAS, and is not changed here"),
            )
            .at(&definition.span)
            .help(help),
        ),
    }
    true
}

/// The lines of an entry at the top level: its own, and those that belong to its value.
fn entry(text: &str, name: &str) -> Option<Range<usize>> {
    let mut start = None;
    let mut end = 0;
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        let (from, to) = (position, position + line.len());
        position = to;
        match start {
            None if key(line) == Some(name) => {
                start = Some(from);
                end = to;
            }
            None => {}
            Some(_) if line.trim().is_empty() => {}
            // A list may begin at the column of its key.
            Some(_) if line.starts_with([' ', '\t']) || line.starts_with("- ") || line.trim_end() == "-" => end = to,
            Some(_) => break,
        }
    }
    start.map(|start| start..end)
}

/// The key of a line of a mapping, at whatever depth.
fn key(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once(':')?;
    let name = name.trim_end().trim_matches(['"', '\'']);
    let is_name = !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    (is_name && (rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))).then_some(name)
}

fn without(text: &str, range: Range<usize>) -> String {
    let (before, after) = (text.get(..range.start).unwrap_or_default(), text.get(range.end..).unwrap_or_default());
    format!("{before}{after}")
}

/// The value of the switch becomes true; what stands behind it stays.
fn switched_on(text: &str) -> Option<String> {
    let range = entry(text, ENABLED)?;
    let line = text.get(range.clone())?;
    let (name, rest) = line.split_once(':')?;
    let value = rest.trim_start();
    let space = rest.get(..rest.len() - value.len()).filter(|space| !space.contains('\n'))?;
    let length = value.find([' ', '\t', '\n', '\r']).unwrap_or(value.len());
    let behind = value.get(length..)?;
    // Anything longer than a word is an expression: nobody can tell what is meant.
    if value.starts_with(['"', '\'', '|', '>', '{', '[', '!']) || behind.trim_start().chars().next().is_some_and(|first| first != '#') {
        return None;
    }
    let (before, after) = (text.get(..range.start)?, text.get(range.end..)?);
    Some(format!("{before}{name}:{space}true{behind}{after}"))
}

/// The block of YAML that is merged over Synapse's configuration, without what MAS does.
fn without_keys(text: &str) -> Option<String> {
    let range = entry(text, EXTENSION)?;
    let block = text.get(range.clone())?;
    let mut lines = block.split_inclusive('\n');
    let head = lines.next()?;
    let rest: Vec<&str> = lines.collect();
    let depth = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let told = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let Some(indent) = rest.iter().find(told).map(|line| depth(line)) else {
        // One line, such as `{}`.
        return (!EXTENSION_KEYS.iter().any(|key| head.contains(key))).then(|| text.to_owned());
    };
    let mut kept = String::new();
    let mut dropping = false;
    for line in &rest {
        let at_top = depth(line) == indent && !line.trim().is_empty() && !line.trim_start().starts_with(['#', '-']);
        if at_top {
            dropping = key(line.trim_start()).is_some_and(|key| EXTENSION_KEYS.contains(&key));
        }
        if !dropping {
            kept.push_str(line);
        }
    }
    let empty = kept.lines().all(|line| line.trim().is_empty());
    if empty && kept.len() != rest.concat().len() {
        return Some(without(text, range));
    }
    let (before, after) = (text.get(..range.start)?, text.get(range.end..)?);
    Some(format!("{before}{head}{kept}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
---
# The server.
matrix_domain: example.com

# Until everybody has moved.
matrix_authentication_service_migration_in_progress: true
matrix_synapse_oidc_providers:
- idp_id: dex
  scopes: [openid]

# More.
matrix_authentication_service_enabled: no   # for now
matrix_synapse_configuration_extension_yaml: |
  # Rooms.
  limit_remote_rooms:
    enabled: true

  oidc_providers:
    - idp_id: dex
      # secret: below
      client_secret: x
  session_lifetime: 24h
  max_avatar_size: 5M
last: 1
";

    #[test]
    fn entries_go_with_their_lines_and_nothing_else() {
        let text = without(TEXT, entry(TEXT, TOGGLE).unwrap());
        let text = without(&text, entry(&text, "matrix_synapse_oidc_providers").unwrap());
        let text = switched_on(&text).unwrap();
        let text = without_keys(&text).unwrap();
        insta::assert_snapshot!(text, @r"
        ---
        # The server.
        matrix_domain: example.com

        # Until everybody has moved.

        # More.
        matrix_authentication_service_enabled: true   # for now
        matrix_synapse_configuration_extension_yaml: |
          # Rooms.
          limit_remote_rooms:
            enabled: true

          max_avatar_size: 5M
        last: 1
        ");
    }

    #[test]
    fn what_nobody_can_tell_is_left() {
        assert_eq!(switched_on("matrix_authentication_service_enabled: \"{{ x }}\"\n"), None);
        assert_eq!(switched_on("matrix_authentication_service_enabled: false"), Some("matrix_authentication_service_enabled: true".into()));
        assert_eq!(without_keys("matrix_synapse_configuration_extension_yaml: '{oidc_providers: []}'\n"), None);
        let only = "a: 1\nmatrix_synapse_configuration_extension_yaml: |\n  oidc_providers: []\nb: 2\n";
        assert_eq!(without_keys(only).unwrap(), "a: 1\nb: 2\n");
    }
}
