//! The password hashes of `crypt(3)`.

use sha2::Digest as _;

use super::error::Failure;
use super::python::Outcome;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// One of the two SHA schemes of Ulrich Drepper's `SHA-crypt.txt`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `$5$`
    Sha256,
    /// `$6$`
    Sha512,
}

impl Scheme {
    fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha256 => {
                let mut hash = sha2::Sha256::new();
                for part in parts {
                    hash.update(part);
                }
                hash.finalize().to_vec()
            }
            Self::Sha512 => {
                let mut hash = sha2::Sha512::new();
                for part in parts {
                    hash.update(part);
                }
                hash.finalize().to_vec()
            }
        }
    }
}

/// `length` bytes of a digest, repeated.
fn stretched(digest: &[u8], length: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(length).collect()
}

fn encode(out: &mut String, bytes: [u8; 3], characters: usize) {
    let mut number = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
    for _ in 0..characters {
        out.push(char::from(ALPHABET[(number & 63) as usize]));
        number >>= 6;
    }
}

/// `$5$` and `$6$`.
pub fn sha_crypt(scheme: Scheme, password: &str, salt: &str, rounds: u32) -> Outcome<String> {
    // More would take minutes, and no system asks for as many.
    if !(1000..=5_000_000).contains(&rounds) {
        return Err(Failure::failed("the rounds must be between 1000 and 5000000"));
    }
    let (password, salt_bytes) = (password.as_bytes(), salt.as_bytes());
    let alternate = scheme.digest(&[password, salt_bytes, password]);
    let stretched_alternate = stretched(&alternate, password.len());
    let mut parts: Vec<&[u8]> = vec![password, salt_bytes, &stretched_alternate];
    let mut length = password.len();
    while length > 0 {
        parts.push(if length & 1 == 1 { &alternate } else { password });
        length >>= 1;
    }
    let mut digest = scheme.digest(&parts);
    let spread_password = stretched(&scheme.digest(&vec![password; password.len()]), password.len());
    let spread_salt = stretched(&scheme.digest(&vec![salt_bytes; 16 + usize::from(digest[0])]), salt_bytes.len());
    for round in 0..rounds {
        let first: &[u8] = if round & 1 == 1 { &spread_password } else { &digest };
        let last: &[u8] = if round & 1 == 1 { &digest } else { &spread_password };
        let with_salt: &[u8] = if round.is_multiple_of(3) { &[] } else { &spread_salt };
        let with_password: &[u8] = if round.is_multiple_of(7) { &[] } else { &spread_password };
        digest = scheme.digest(&[first, with_salt, with_password, last]);
    }
    let mut out = match scheme {
        Scheme::Sha256 => "$5$".to_owned(),
        Scheme::Sha512 => "$6$".to_owned(),
    };
    if rounds != 5000 {
        out.push_str(&format!("rounds={rounds}$"));
    }
    out.push_str(salt);
    out.push('$');
    let at = |index: usize| digest.get(index).copied().unwrap_or(0);
    match scheme {
        Scheme::Sha512 => {
            let (mut a, mut b, mut c) = (0, 21, 42);
            for _ in 0..21 {
                encode(&mut out, [at(a), at(b), at(c)], 4);
                (a, b, c) = (b + 1, c + 1, a + 1);
            }
            encode(&mut out, [0, 0, at(63)], 2);
        }
        Scheme::Sha256 => {
            let (mut a, mut b, mut c) = (0, 10, 20);
            for _ in 0..10 {
                encode(&mut out, [at(a), at(b), at(c)], 4);
                (a, b, c) = (c + 1, a + 1, b + 1);
            }
            encode(&mut out, [0, at(31), at(30)], 3);
        }
    }
    Ok(out)
}

/// `$1$`, as FreeBSD has it.
pub fn md5_crypt(password: &str, salt: &str) -> String {
    let (password, salt_bytes) = (password.as_bytes(), salt.as_bytes());
    let digest = |parts: &[&[u8]]| {
        let mut hash = md5::Md5::new();
        for part in parts {
            hash.update(part);
        }
        hash.finalize().to_vec()
    };
    let alternate = digest(&[password, salt_bytes, password]);
    let stretched_alternate = stretched(&alternate, password.len());
    let mut parts: Vec<&[u8]> = vec![password, b"$1$", salt_bytes, &stretched_alternate];
    let mut length = password.len();
    while length > 0 {
        parts.push(if length & 1 == 1 { b"\0" } else { &password[..1] });
        length >>= 1;
    }
    let mut hash = digest(&parts);
    for round in 0u32..1000 {
        let first: &[u8] = if round & 1 == 1 { password } else { &hash };
        let last: &[u8] = if round & 1 == 1 { &hash } else { password };
        let with_salt: &[u8] = if round.is_multiple_of(3) { &[] } else { salt_bytes };
        let with_password: &[u8] = if round.is_multiple_of(7) { &[] } else { password };
        hash = digest(&[first, with_salt, with_password, last]);
    }
    let mut out = format!("$1${salt}$");
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        encode(&mut out, [hash[a], hash[b], hash[c]], 4);
    }
    encode(&mut out, [0, 0, hash[11]], 2);
    out
}

/// `$2b$`, with a salt of 22 letters.
pub fn bcrypt_hash(password: &str, salt: &str, cost: u32) -> Outcome<String> {
    use base64::Engine as _;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    // The last letter holds four bits more than the salt has.
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let salt = GeneralPurpose::new(&base64::alphabet::BCRYPT, config).decode(salt).ok().and_then(|salt| <[u8; 16]>::try_from(salt).ok());
    let Some(salt) = salt else {
        return Err(Failure::failed("the salt of `bcrypt` must have 22 of the letters `./0-9A-Za-z`"));
    };
    if cost > 16 {
        return Err(Failure::failed("`bcrypt` with more than 16 rounds would take minutes"));
    }
    let hash = bcrypt::hash_with_salt(password, cost, salt).map_err(|_| Failure::failed("`bcrypt` needs rounds between 4 and 31"))?;
    Ok(hash.format_for_version(bcrypt::Version::TwoB))
}
