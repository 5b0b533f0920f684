//! Credentials that a user did not give: which ones a host lacks, how they are made, and where they are kept.
//!
//! A role says by `# generate:` which of its variables are credentials that nothing else gives. What derives from
//! one of these is no business of this file.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value as Json;

use super::files;
use crate::desired::Desired;
use crate::diagnostic::{Diagnostic, Error, Kind, Result, Span};
use crate::inventory::{Layer, LayerKind, Node, Value, Variable, VaultPasswords, vault};
use crate::pipeline::{HostFacts, Loaded, variables};
use crate::plan::Observed;
use crate::role::{Generate, Library};
use crate::secret::Secret;
use crate::vars::Variables;

/// The role that every other one builds on: its credentials are in the data of all of them.
const BASE: &str = "matrix-base";
/// The role whose data is known by the version of its data folder.
const POSTGRES: &str = "postgres";

/// Fills a buffer with random bytes of the operating system.
pub type Random<'a> = dyn Fn(&mut [u8]) -> Result<()> + 'a;

/// Random bytes of the operating system.
///
/// # Errors
/// It gives none.
pub fn system_random(buffer: &mut [u8]) -> Result<()> {
    use std::io::Read as _;
    fs_err::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(buffer))
        .map_err(|error| Error::new(Kind::Usage, "the operating system gives no random bytes").caused_by(error))
}

/// A new credential.
///
/// # Errors
/// There are no random bytes.
pub fn make(generate: Generate, random: &Random<'_>) -> Result<Secret<String>> {
    const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let length = match generate {
        Generate::Hex(length) | Generate::Password(length) => length,
    };
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 64];
        random(&mut bytes)?;
        for byte in bytes {
            match generate {
                Generate::Hex(_) => text.push_str(&hex::encode([byte])),
                // The last bytes would make the first characters likelier.
                Generate::Password(_) => text.extend(CHARACTERS.get(usize::from(byte) % 64).map(|&character| char::from(character))),
            }
        }
    }
    text.truncate(length);
    Ok(Secret::new(text))
}

/// The credentials of enabled roles that nobody set, in the order of the roles.
pub fn missing(library: &Library, variables: &Variables) -> Vec<(String, Generate)> {
    let mut missing = Vec::new();
    for role in &library.roles {
        let wanted: Vec<_> =
            role.defaults.iter().filter_map(|variable| Some((variable, role.documentation.get(&variable.name)?.generate?))).collect();
        if wanted.is_empty() || !is_on(variables, &role.manifest.enabled) {
            continue;
        }
        for (variable, generate) in wanted {
            // What a user set to nothing stays nothing: it is the user's mistake, and wins over what is made here.
            let own = variables.definition(&variable.name).is_some_and(|definition| definition.kind > LayerKind::Wiring);
            let empty = variables.get(&variable.name).is_ok_and(|found| found.value == Json::Null || found.value.as_str() == Some(""));
            if empty && !own {
                missing.push((variable.name.clone(), generate));
            }
        }
    }
    missing
}

fn is_on(variables: &Variables, enabled: &Node) -> bool {
    variables.evaluate(enabled, &[]).is_ok_and(|found| match found.value {
        Json::Bool(value) => value,
        Json::String(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1"),
        _ => false,
    })
}

/// Gives every host the credentials that it lacks, for this run only: [`keep`] writes them down.
///
/// # Errors
/// There are no random bytes; the host's variables cannot be worked out.
pub fn fill(loaded: &mut Loaded, random: &Random<'_>) -> Result<()> {
    fill_for(loaded, &HostFacts::assumed(), random)
}

/// The same for hosts of which more is known.
///
/// # Errors
/// As [`fill`].
pub fn fill_for(loaded: &mut Loaded, facts: &HostFacts, random: &Random<'_>) -> Result<()> {
    for host in loaded.hosts()? {
        let found = missing(&loaded.library, &variables(loaded, &host, facts, &[])?);
        if found.is_empty() {
            continue;
        }
        let path = secrets_file(&loaded.inventory.directory, &host).unwrap_or_else(|(path, _)| path);
        let span = Span::whole(path.as_str());
        let mut made = Vec::new();
        for (name, generate) in found {
            let value = Node::new(Value::Secret(make(generate, random)?), span.clone());
            made.push(Variable { name, name_span: span.clone(), value });
        }
        loaded.fresh.insert(host, Layer { kind: LayerKind::Wiring, name: path.into_string(), variables: made });
    }
    Ok(())
}

/// Warnings about credentials that the next run makes; where it could not keep them, errors.
pub fn remarks(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut remarks = Vec::new();
    for (host, layer) in &loaded.fresh {
        match secrets_file(&loaded.inventory.directory, host) {
            Err((path, single)) => remarks.push(not_a_folder(host, layer, &path, &single)),
            Ok(path) => remarks.extend(layer.variables.iter().map(|variable| {
                Diagnostic::warning("H0370", format!("`{}` is not set for `{host}`", variable.name))
                    .help(format!("`homestead install-all` makes one on a new server and keeps it in `{path}`"))
            })),
        }
    }
    remarks
}

/// Where the credentials of a host are kept, or, where its variables are a single file, that file too: Ansible and
/// homestead read either `host_vars/<host>/` or `host_vars/<host>.yml`, so a folder beside the file would hide it.
pub fn secrets_file(inventory: &Utf8Path, host: &str) -> Result<Utf8PathBuf, (Utf8PathBuf, Utf8PathBuf)> {
    let folder = inventory.join("host_vars").join(host);
    let path = folder.join("secrets.yml");
    if folder.is_dir() {
        return Ok(path);
    }
    let single =
        ["", ".yml", ".yaml", ".json"].map(|ending| Utf8PathBuf::from(format!("{folder}{ending}"))).into_iter().find(|file| file.exists());
    single.map_or(Ok(path.clone()), |single| Err((path, single)))
}

fn not_a_folder(host: &str, layer: &Layer, path: &Utf8Path, single: &Utf8Path) -> Diagnostic {
    let names: Vec<String> = layer.variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
    let folder = path.parent().unwrap_or(path);
    // A file without an ending has the folder's name.
    let aside = if single == folder { format!("mv {single} {single}.old && ") } else { String::new() };
    let source = if single == folder { format!("{single}.old") } else { single.to_string() };
    Diagnostic::error("H0371", format!("{} must be set for `{host}`, and homestead has no file to keep what it makes", names.join(", ")))
        .at(&Span::whole(single.as_str()))
        .help(format!("set it here, or make a folder of this file: `{aside}mkdir {folder} && mv {source} {folder}/vars.yml`"))
}

/// Refuses to make a credential for a host whose data was made with another one.
///
/// # Errors
/// Kind `HostFailed`, with the way out.
pub fn refuse_over_data(loaded: &Loaded, host: &str, facts: &HostFacts, desired: &Desired, observed: &Observed) -> Result<()> {
    let Some(layer) = loaded.fresh.get(host) else { return Ok(()) };
    let exists = |path: &String| observed.paths.contains_key(path);
    let remembered: BTreeSet<&str> = observed.memory.files.values().map(|file| file.role.as_str()).collect();
    for variable in &layer.variables {
        let role = loaded.library.roles.iter().find(|role| role.documentation.contains_key(&variable.name));
        let Some(role) = role.map(|role| role.manifest.name.as_str()) else { continue };
        let base = role == BASE;
        let data = match () {
            () if (base || role == POSTGRES) && facts.postgres_version.is_some() => Some("the data of Postgres".to_owned()),
            () if base && observed.memory.generation > 0 => Some("what an earlier run installed".to_owned()),
            () if remembered.contains(role) => Some(format!("what an earlier run installed for `{role}`")),
            () => desired
                .files
                .iter()
                .find(|file| (file.role == role || base && file.secret) && exists(&file.path))
                .map(|file| format!("`{}`", file.path)),
        };
        if let Some(data) = data {
            let name = &variable.name;
            return Err(Error::new(
                Kind::HostFailed,
                format!("`{host}`: `{name}` is not set, and {data} is there, made with one; a new one would not fit; nothing was touched"),
            )
            .hint(format!("set `{name}` to the one that the server was installed with; a copy of its inventory has it"))
            .hint("to begin anew without the data, remove the server's data from the host first"));
        }
    }
    Ok(())
}

/// Writes down what was made for a host; gives the file and the names, or none where nothing was made.
///
/// # Errors
/// The file cannot be read, opened or written.
pub fn keep(loaded: &Loaded, host: &str, random: &Random<'_>) -> Result<Option<(Utf8PathBuf, Vec<String>)>> {
    let Some(layer) = loaded.fresh.get(host) else { return Ok(None) };
    let path = secrets_file(&loaded.inventory.directory, host).map_err(|(path, single)| not_a_folder(host, layer, &path, &single))?;
    let made: Vec<(&str, &Secret<String>)> = layer
        .variables
        .iter()
        .filter_map(|variable| match &variable.value.value {
            Value::Secret(value) => Some((variable.name.as_str(), value)),
            _ => None,
        })
        .collect();
    write(&path, &made, &loaded.library, &loaded.vault, random)?;
    Ok(Some((path, made.into_iter().map(|(name, _)| name.to_owned()).collect())))
}

/// Writes credentials to a file that only its owner reads, behind what is there; encrypted where a vault password
/// is known.
///
/// # Errors
/// The file cannot be read, opened or written.
pub fn write(
    path: &Utf8Path,
    made: &[(&str, &Secret<String>)],
    library: &Library,
    vault: &VaultPasswords,
    random: &Random<'_>,
) -> Result<()> {
    if !path.exists() {
        return files::create(path, &new_file(made, library, vault, random)?, 0o600);
    }
    let unreadable = |error: std::io::Error| Error::new(Kind::Usage, format!("cannot read `{path}`")).caused_by(error);
    let old = fs_err::read_to_string(path).map_err(unreadable)?;
    let text = if vault::is_vault(&old) {
        // Locked again with what opened it, whichever passwords there are.
        let opened = vault.open_bytes(old.as_bytes()).map_err(|locked| Error::from(locked.diagnostic(&Span::whole(path.as_str()))))?;
        let more = lines(made, library, |value| Ok(quoted(value)))?;
        let before = Secret::new(String::from_utf8_lossy(opened.content.reveal()).into_owned());
        let mut salt = [0; 32];
        random(&mut salt)?;
        let text = Secret::new(format!("{}{more}", ended(before.reveal())));
        vault::encrypt(&text, &opened.by.password, opened.id.as_deref(), &salt)
    } else {
        let more = lines(made, library, |value| {
            let locked = lock(value, vault, random)?;
            Ok(if vault.is_empty() { quoted(value) } else { format!("!vault |\n  {}", locked.trim_end().replace('\n', "\n  ")) })
        })?;
        format!("{}{more}", ended(&old))
    };
    files::replace(path, &text, 0o600)
}

/// The text of a new file of credentials.
///
/// # Errors
/// There are no random bytes.
pub fn new_file(made: &[(&str, &Secret<String>)], library: &Library, vault: &VaultPasswords, random: &Random<'_>) -> Result<String> {
    lock(&Secret::new(format!("{HEADER}{}", lines(made, library, |value| Ok(quoted(value)))?)), vault, random)
}

const HEADER: &str = "---\n\
    # Credentials that homestead made for this server. They cannot be made again: keep this file private, and keep a\n\
    # copy of it elsewhere.\n";

fn lines(made: &[(&str, &Secret<String>)], library: &Library, written: impl Fn(&Secret<String>) -> Result<String>) -> Result<String> {
    let mut text = String::new();
    for (name, value) in made {
        let words = library.documentation(name).map(|words| words.text.as_str()).unwrap_or_default();
        text.push('\n');
        for line in words.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("{name}: {}\n", written(value)?));
    }
    Ok(text)
}

/// Made of letters and digits only, so nothing needs an escape.
fn quoted(value: &Secret<String>) -> String {
    format!("'{}'", value.reveal())
}

fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// The text as a vault, where a password for one is known; else as it is.
fn lock(text: &Secret<String>, vault: &VaultPasswords, random: &Random<'_>) -> Result<String> {
    let mut salt = [0; 32];
    random(&mut salt)?;
    Ok(vault.encrypt(text, &salt).unwrap_or_else(|| text.reveal().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up, so that every byte comes.
    fn counting(buffer: &mut [u8]) -> Result<()> {
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = u8::try_from(index % 256).unwrap();
        }
        Ok(())
    }

    #[test]
    fn credentials_have_the_length_and_the_characters_that_they_should() {
        assert_eq!(make(Generate::Hex(20), &counting).unwrap().reveal(), "00010203040506070809");
        let password = make(Generate::Password(64), &counting).unwrap();
        assert_eq!(password.reveal(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789AB");
        let (one, other) = (make(Generate::Password(64), &system_random).unwrap(), make(Generate::Password(64), &system_random).unwrap());
        assert_ne!(one, other);
        assert!(one.reveal().chars().all(|character| character.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_file_is_added_to_in_its_own_way() {
        let library = Library::load(crate::role::Source::embedded()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join("secrets.yml")).unwrap();
        let mut vault = VaultPasswords::none();
        let secret = Secret::new("abc".to_owned());
        let made = [("postgres_connection_password", &secret)];
        fs_err::write(&path, "mine: 1").unwrap();
        write(&path, &made, &library, &vault, &counting).unwrap();
        insta::assert_snapshot!(fs_err::read_to_string(&path).unwrap(), @"
        mine: 1

        # Password of the superuser, at most 99 characters.
        postgres_connection_password: 'abc'
        ");
        vault.add(None, &Secret::new("open sesame".to_owned()));
        fs_err::write(&path, "mine: 1\n").unwrap();
        write(&path, &made, &library, &vault, &counting).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("mine: 1\n\n# Password")
                && text.contains("postgres_connection_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  "),
            "{text}"
        );
        fs_err::remove_file(&path).unwrap();
        write(&path, &[("matrix_homeserver_generic_secret_key", &secret)], &library, &vault, &counting).unwrap();
        write(&path, &made, &library, &vault, &counting).unwrap();
        let text = vault.open(&fs_err::read_to_string(&path).unwrap()).unwrap();
        insta::assert_snapshot!(text.reveal(), @"
        ---
        # Credentials that homestead made for this server. They cannot be made again: keep this file private, and keep a
        # copy of it elsewhere.

        # Secret that the secrets of the services are derived from; never change it on a server with data.
        matrix_homeserver_generic_secret_key: 'abc'

        # Password of the superuser, at most 99 characters.
        postgres_connection_password: 'abc'
        ");
    }
}
