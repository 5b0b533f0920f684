//! Filters that encode, hash and quote.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use sha2::Digest as _;

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, iterate, text_of};
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "b64encode", run: b64encode },
    Filter { name: "b64decode", run: b64decode },
    Filter { name: "hash", run: hash },
    Filter { name: "md5", run: |_, value, _| digest(&value, "md5") },
    Filter { name: "sha1", run: |_, value, _| digest(&value, "sha1") },
    Filter { name: "checksum", run: |_, value, _| digest(&value, "sha1") },
    Filter { name: "to_uuid", run: to_uuid },
    Filter { name: "urlencode", run: urlencode },
    Filter { name: "urldecode", run: |_, value, _| Ok(Value::from(url_decode(&text_of(&value)?))) },
    Filter { name: "quote", run: quote },
    Filter { name: "escape", run: |_, value, _| Ok(Value::from(escape(&text_of(&value)?))) },
    Filter { name: "e", run: |_, value, _| Ok(Value::from(escape(&text_of(&value)?))) },
    Filter { name: "xmlattr", run: xmlattr },
    Filter { name: "forceescape", run: |_, value, _| Ok(Value::from(escape(&text_of(&value)?))) },
];

/// Ansible's namespace for `to_uuid`, `UUID_NAMESPACE_ANSIBLE` in its `plugins/filter/core.py`.
const ANSIBLE: uuid::Uuid = uuid::Uuid::from_u128(0x361E_6D51_FAEC_444A_9079_3413_86DA_8E2E);

fn bytes(value: &Value) -> Outcome<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        other => text_of(other).map(String::into_bytes),
    }
}

fn b64encode(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("b64encode", ["encoding", "urlsafe"])?;
    let encoding = given.text(0, "utf-8")?.to_lowercase();
    let url_safe = given.truth(1, false)?;
    let data = match encoding.as_str() {
        "utf-8" | "utf8" | "ascii" => bytes(&value)?,
        "utf-16-le" | "utf-16le" => text_of(&value)?.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => return Err(Failure::failed(format!("the encoding `{encoding}` is not supported"))),
    };
    Ok(Value::from(if url_safe { URL_SAFE.encode(data) } else { STANDARD.encode(data) }))
}

fn b64decode(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("b64decode", ["encoding", "urlsafe"])?;
    let encoding = given.text(0, "utf-8")?.to_lowercase();
    let url_safe = given.truth(1, false)?;
    // Python skips what is not of the alphabet.
    let text: String = text_of(&value)?.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=')).collect();
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    let data = engine.decode(text).map_err(|_| Failure::failed("the text is no base64"))?;
    let text = match encoding.as_str() {
        "utf-16-le" | "utf-16le" => {
            String::from_utf16(&data.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect::<Vec<_>>()).ok()
        }
        _ => String::from_utf8(data).ok(),
    };
    text.map(Value::from).ok_or_else(|| Failure::failed("what the base64 holds is no text"))
}

fn hash(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let kind = given.bind("hash", ["hashtype"])?.text(0, "sha1")?;
    digest(&value, &kind)
}

fn digest(value: &Value, kind: &str) -> Outcome {
    let data = bytes(value)?;
    let bytes = match kind.to_lowercase().replace('_', "-").as_str() {
        "md5" => md5::Md5::digest(&data).to_vec(),
        "sha1" | "sha-1" => sha1::Sha1::digest(&data).to_vec(),
        "sha224" | "sha-224" => sha2::Sha224::digest(&data).to_vec(),
        "sha256" | "sha-256" => sha2::Sha256::digest(&data).to_vec(),
        "sha384" | "sha-384" => sha2::Sha384::digest(&data).to_vec(),
        "sha512" | "sha-512" => sha2::Sha512::digest(&data).to_vec(),
        _ => return Err(Failure::failed("the hash is unknown").help("there are `md5`, `sha1`, `sha224`, `sha256`, `sha384` and `sha512`")),
    };
    Ok(Value::from(hex::encode(bytes)))
}

fn to_uuid(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let namespace = match given.bind("to_uuid", ["namespace"])?.some_text(0)? {
        Some(text) => uuid::Uuid::try_parse(&text).map_err(|_| Failure::failed("`to_uuid` needs a UUID as `namespace`"))?,
        None => ANSIBLE,
    };
    Ok(Value::from(uuid::Uuid::new_v5(&namespace, text_of(&value)?.as_bytes()).to_string()))
}

/// Percent-encodes all but letters, digits, `_.-~` and `safe`.
pub fn url_encode(text: &str, safe: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || safe.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn url_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let data = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = data.get(at) {
        let hexadecimal = data
            .get(at + 1..at + 3)
            .filter(|_| *byte == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let Some(decoded) = hexadecimal {
            out.push(decoded);
            at += 3;
        } else {
            out.push(if *byte == b'+' { b' ' } else { *byte });
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn urlencode(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let query = |value: &Value| Ok(url_encode(&text_of(value)?, b" ").replace(' ', "+"));
    let pairs: Vec<(Value, Value)> = match &value {
        Value::Map(map) => map.entries().into_iter().map(|(key, value)| (key.to_value(), value)).collect(),
        Value::List(list) => {
            let mut pairs = Vec::new();
            for pair in list.items() {
                match iterate(&pair)?.as_slice() {
                    [key, value] => pairs.push((key.clone(), value.clone())),
                    _ => return Err(Failure::failed("`urlencode` needs text, a mapping, or pairs")),
                }
            }
            pairs
        }
        other => return Ok(Value::from(url_encode(&text_of(other)?, b"/"))),
    };
    let parts = pairs.iter().map(|(key, value)| Ok(format!("{}={}", query(key)?, query(value)?))).collect::<Outcome<Vec<_>>>()?;
    Ok(Value::from(parts.join("&")))
}

/// Quotes for a POSIX shell, as Python's `shlex.quote` does.
pub fn shell_quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

fn quote(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let text = if let Value::None = value { String::new() } else { text_of(&value)? };
    Ok(Value::from(shell_quote(&text)))
}

/// A mapping as attributes of HTML, with a space before them.
fn xmlattr(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let space = given.bind("xmlattr", ["autospace"])?.truth(0, true)?;
    let Value::Map(map) = &value else {
        return Err(Failure::failed("`xmlattr` needs a mapping"));
    };
    let mut attributes = Vec::new();
    for (key, value) in map.entries() {
        let name = text_of(&key.to_value())?;
        if name.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '>' | '=')) {
            return Err(Failure::failed("`xmlattr` cannot use one of the keys as the name of an attribute"));
        }
        if !matches!(value, Value::None | Value::Blank) {
            attributes.push(format!("{}=\"{}\"", escape(&name), escape(&text_of(&value.present()?)?)));
        }
    }
    let text = attributes.join(" ");
    Ok(Value::from(if space && !text.is_empty() { format!(" {text}") } else { text }))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
