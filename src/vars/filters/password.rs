//! `password_hash`: the `crypt(3)` hashes that passlib makes for Ansible.

use super::Filter;
use super::random::generator;
use crate::vars::arguments::Given;
use crate::vars::crypt::{Scheme, bcrypt_hash, md5_crypt, sha_crypt};
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, text_of};
use crate::vars::value::{Text, Value};

/// These filters.
pub const FILTERS: &[Filter] = &[Filter { name: "password_hash", run: password_hash }];

const SALT: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A hash of a password, with a random salt where none is given.
pub fn encrypt(
    environment: &Environment<'_>,
    password: &str,
    kind: &str,
    salt: Option<String>,
    rounds: Option<u32>,
    salt_size: Option<usize>,
) -> Outcome<String> {
    let (most, least) = match kind {
        "bcrypt" | "blowfish" => (22, 22),
        "md5" | "md5_crypt" => (8, 0),
        _ => (16, 0),
    };
    let salt = if let Some(salt) = salt {
        salt
    } else {
        let alphabet: Vec<char> = SALT.chars().collect();
        let mut numbers = generator(environment, None)?;
        (0..salt_size.unwrap_or(most))
            .map(|_| usize::try_from(numbers.below(64)).ok().and_then(|at| alphabet.get(at)).copied().unwrap_or('.'))
            .collect()
    };
    if salt.chars().count() > most || salt.chars().count() < least || !salt.chars().all(|c| SALT.contains(c)) {
        return Err(Failure::failed(format!(
            "the salt of `{kind}` must have {} of the letters `./0-9A-Za-z`",
            if least == most { most.to_string() } else { format!("at most {most}") }
        )));
    }
    match kind {
        "sha512" | "sha512_crypt" => sha_crypt(Scheme::Sha512, password, &salt, rounds.unwrap_or(656_000)),
        "sha256" | "sha256_crypt" => sha_crypt(Scheme::Sha256, password, &salt, rounds.unwrap_or(535_000)),
        "md5" | "md5_crypt" => Ok(md5_crypt(password, &salt)),
        "bcrypt" | "blowfish" => bcrypt_hash(password, &salt, rounds.unwrap_or(12)),
        _ => Err(Failure::failed("the hash is unknown").help("there are `sha512`, `sha256`, `md5` and `bcrypt`")),
    }
}

fn password_hash(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("password_hash", ["hashtype", "salt", "salt_size", "rounds", "ident"])?;
    let kind = given.text(0, "sha512")?;
    let salt = given.some(1).map(|salt| text_of(&salt)).transpose()?;
    let salt_size = given.some_int(2)?.map(|size| usize::try_from(size).unwrap_or(0));
    let rounds = given.some_int(3)?.map(|rounds| u32::try_from(rounds).unwrap_or(u32::MAX));
    let ident = given.some_text(4)?;
    let password = text_of(&value)?;
    let mut hash = encrypt(environment, &password, &kind, salt, rounds, salt_size)?;
    if let (Some(ident), true) = (ident, hash.starts_with("$2b$")) {
        hash.replace_range(1..3, ident.trim_matches('$'));
    }
    Ok(Value::Text(Text::new(hash, value.is_secret())))
}
