//! Lookups that make passwords.

use super::texts;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::filters::password::encrypt;
use crate::vars::filters::random::generator;
use crate::vars::python::{Outcome, items_of, text_of, truth};
use crate::vars::value::{Text, Value};

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The letters that Python's `string` module has under a name, or the text itself.
fn letters(name: &str) -> String {
    match name {
        "ascii_letters" => [LOWER, UPPER].concat(),
        "ascii_lowercase" => LOWER.to_owned(),
        "ascii_uppercase" => UPPER.to_owned(),
        "digits" => DIGITS.to_owned(),
        "hexdigits" => "0123456789abcdefABCDEF".to_owned(),
        "octdigits" => "01234567".to_owned(),
        "punctuation" => PUNCTUATION.to_owned(),
        "whitespace" => " \t\n\r\u{b}\u{c}".to_owned(),
        "printable" => [DIGITS, LOWER, UPPER, PUNCTUATION, " \t\n\r\u{b}\u{c}"].concat(),
        other => other.to_owned(),
    }
}

/// `lookup('password', '/dev/null chars=ascii_letters length=32 seed=x')`, with the same files as
/// Ansible's.
pub fn password(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let named = std::mem::take(&mut given.named);
    let mut found = Vec::new();
    for term in texts(&terms)? {
        let (path, options) = match term.split_once(' ') {
            None => (term.clone(), Vec::new()),
            Some((path, rest)) => {
                let (more, options) = super::options(rest);
                (if more.is_empty() { path.to_owned() } else { format!("{path} {more}") }, options)
            }
        };
        let mut all: Vec<(String, Value)> = named.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        all.extend(options.into_iter().map(|(name, value)| (name, Value::from(value))));
        found.push(Value::Text(Text::new(one_password(environment, &path, all)?, true)));
    }
    Ok(found)
}

fn one_password(environment: &Environment<'_>, path: &str, options: Vec<(String, Value)>) -> Outcome<String> {
    let mut length = 20;
    let mut classes = vec!["ascii_letters".to_owned(), "digits".to_owned(), ".,:-_".to_owned()];
    let (mut seed, mut scheme) = (None, None);
    for (name, value) in options {
        match (name.as_str(), &value) {
            ("length", _) => {
                length = text_of(&value)?
                    .parse::<usize>()
                    .ok()
                    .filter(|length| *length <= 100_000)
                    .ok_or_else(|| Failure::failed("`length` must be a whole number"))?;
            }
            ("chars", Value::List(_)) => classes = items_of(&value)?.iter().map(text_of).collect::<Outcome<_>>()?,
            ("chars", _) => {
                let text = text_of(&value)?;
                classes = text.replace(",,", ",").split(',').filter(|class| !class.is_empty()).map(str::to_owned).collect();
                if text.contains(",,") {
                    classes.insert(0, ",".to_owned());
                }
            }
            ("seed", _) => seed = Some(value),
            ("encrypt", Value::None | Value::Bool(false)) | ("ident", _) => {}
            ("encrypt", _) => scheme = Some(text_of(&value)?),
            _ => return Err(Failure::failed(format!("`lookup('password')` has no option `{name}`"))),
        }
    }
    let alphabet: Vec<char> =
        classes.iter().flat_map(|class| letters(class).chars().collect::<Vec<_>>()).filter(|c| !matches!(c, '"' | '\'')).collect();
    if alphabet.is_empty() {
        return Err(Failure::failed("`chars` leaves no letters for a password"));
    }
    let place = super::files::place(environment, path);
    let is_null = path == "/dev/null";
    let stored = if is_null { None } else { fs_err::read_to_string(&place).ok() };
    let stored = stored.as_deref().map(str::trim_end);
    let (plain, stored_salt) = if let Some(content) = stored {
        content.rsplit_once(" salt=").map_or((content.to_owned(), None), |(plain, salt)| {
            (plain.to_owned(), Some(salt.rsplit_once(" ident=").map_or(salt, |(salt, _)| salt).to_owned()))
        })
    } else {
        let mut numbers = generator(environment, seed.as_ref())?;
        (
            (0..length)
                .map(|_| usize::try_from(numbers.below(alphabet.len() as u64)).ok().and_then(|at| alphabet.get(at)).copied().unwrap_or('0'))
                .collect(),
            None,
        )
    };
    let salt = match (&scheme, &stored_salt) {
        (Some(_), None) => {
            let mut numbers = generator(environment, None)?;
            let letters: Vec<char> = [LOWER, UPPER, DIGITS].concat().chars().collect();
            Some(
                (0..8)
                    .map(|_| usize::try_from(numbers.below(62)).ok().and_then(|at| letters.get(at)).copied().unwrap_or('0'))
                    .collect::<String>(),
            )
        }
        _ => stored_salt.clone(),
    };
    if !is_null && (stored.is_none() || salt != stored_salt) {
        let content = salt.as_ref().map_or_else(|| format!("{plain}\n"), |salt| format!("{plain} salt={salt}\n"));
        write_secret(&place, &content)
            .map_err(|error| Failure::failed(format!("the password file `{place}` cannot be written: {}", error.kind())))?;
    }
    match scheme {
        Some(scheme) => encrypt(environment, &plain, &scheme, salt, None, None),
        None => Ok(plain),
    }
}

/// A file that only its owner may read, and that is never half written.
fn write_secret(path: &camino::Utf8Path, content: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(camino::Utf8Path::new("."));
    fs_err::create_dir_all(folder)?;
    // A temporary file has mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// `lookup('random_string', length=12, special=false)`
pub fn random_string(environment: &Environment<'_>, _: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let named = std::mem::take(&mut given.named);
    let (mut length, mut seed, mut special, mut base64) = (8usize, None, PUNCTUATION.to_owned(), false);
    let mut ignored = String::new();
    let mut classes =
        [(LOWER.to_owned(), true, 0usize), (UPPER.to_owned(), true, 0), (DIGITS.to_owned(), true, 0), (String::new(), true, 0)];
    let number = |value: &Value| match value {
        Value::Int(number) => usize::try_from(*number).ok().filter(|number| *number <= 100_000),
        other => other.as_str().and_then(|text| text.parse().ok()),
    };
    for (name, value) in &named {
        match &**name {
            "length" => length = number(value).ok_or_else(|| Failure::failed("`length` must be a whole number"))?,
            "lower" => classes[0].1 = truth(value)?,
            "upper" => classes[1].1 = truth(value)?,
            "numbers" => classes[2].1 = truth(value)?,
            "special" => classes[3].1 = truth(value)?,
            "min_lower" => classes[0].2 = number(value).unwrap_or(0),
            "min_upper" => classes[1].2 = number(value).unwrap_or(0),
            "min_numeric" => classes[2].2 = number(value).unwrap_or(0),
            "min_special" => classes[3].2 = number(value).unwrap_or(0),
            "override_special" => special = text_of(value)?,
            "override_all" => {
                classes = [(text_of(value)?, true, 0), (String::new(), false, 0), (String::new(), false, 0), (String::new(), false, 0)];
            }
            "ignore_similar_chars" if truth(value)? => "il1LoO0".clone_into(&mut ignored),
            "ignore_similar_chars" | "similar_chars" => {}
            "base64" => base64 = truth(value)?,
            "seed" => seed = Some(value.clone()),
            _ => return Err(Failure::failed(format!("`lookup('random_string')` has no option `{name}`"))),
        }
    }
    classes[3].0 = special;
    let mut numbers = generator(environment, seed.as_ref())?;
    let mut pick =
        |letters: &[char]| usize::try_from(numbers.below(letters.len().max(1) as u64)).ok().and_then(|at| letters.get(at)).copied();
    let usable = |letters: &str| letters.chars().filter(|c| !ignored.contains(*c)).collect::<Vec<char>>();
    let mut out = Vec::new();
    for (letters, _, least) in &classes {
        for _ in 0..*least {
            out.extend(pick(&usable(letters)));
        }
    }
    let all: Vec<char> = classes.iter().filter(|(_, wanted, _)| *wanted).flat_map(|(letters, ..)| usable(letters)).collect();
    if all.is_empty() {
        return Err(Failure::failed("`lookup('random_string')` has no letters to choose from"));
    }
    while out.len() < length {
        out.extend(pick(&all));
    }
    for at in (1..out.len()).rev() {
        let other = usize::try_from(numbers.below(at as u64 + 1)).unwrap_or(0);
        out.swap(at, other);
    }
    let text: String = out.into_iter().take(length).collect();
    let text = if base64 { base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text) } else { text };
    Ok(vec![Value::Text(Text::new(text, true))])
}
