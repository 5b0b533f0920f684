//! Identifiers and tokens: ULIDs, device ids, compatibility tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use uuid::Uuid;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    Ok(bytes)
}

/// A new identifier for this moment: a ULID, kept as a UUID as the database keeps it.
pub fn new_id() -> anyhow::Result<Uuid> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    new_id_at(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// A new identifier for a moment in milliseconds since 1970.
pub fn new_id_at(milliseconds: u64) -> anyhow::Result<Uuid> {
    let random = u128::from_be_bytes(random::<16>()?) & ((1 << 80) - 1);
    Ok(Uuid::from_u128((u128::from(milliseconds) << 80) | random))
}

/// Writes an identifier as a ULID: 26 characters of Crockford's base 32.
pub fn to_ulid(id: Uuid) -> String {
    let value = id.as_u128();
    (0..26).rev().map(|digit| char::from(CROCKFORD[((value >> (digit * 5)) & 31) as usize])).collect()
}

/// Reads a ULID; refuses anything but 26 characters of the upper-case alphabet.
pub fn from_ulid(text: &str) -> anyhow::Result<Uuid> {
    if text.len() != 26 {
        bail!("invalid ULID `{text}`: it has {} characters, not 26", text.len());
    }
    let mut value: u128 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let digit = CROCKFORD
            .iter()
            .position(|candidate| *candidate == byte)
            .with_context(|| format!("invalid ULID `{text}`: character {} is not allowed", index + 1))?;
        if index == 0 && digit > 7 {
            bail!("invalid ULID `{text}`: it is too large");
        }
        value = (value << 5) | digit as u128;
    }
    Ok(Uuid::from_u128(value))
}

/// A device id of ten characters.
pub fn device_id() -> anyhow::Result<String> {
    random_text(10, &ALPHANUMERIC[..])
}

/// A token such as `mct_<random>_<check>`; `prefix` is `mct`, `mcr` or `mat`.
pub fn token(prefix: &str) -> anyhow::Result<String> {
    let body = format!("{prefix}_{}", random_text(30, &ALPHANUMERIC[..])?);
    let check = base62(crc32(body.as_bytes()));
    Ok(format!("{body}_{check}"))
}

fn random_text(length: usize, alphabet: &[u8]) -> anyhow::Result<String> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        for byte in random::<32>()? {
            // Bytes past the last whole multiple of the alphabet would favour its beginning.
            let limit = 256 - 256 % alphabet.len();
            if usize::from(byte) < limit && text.len() < length {
                text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
            }
        }
    }
    Ok(text)
}

fn base62(mut value: u32) -> String {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHANUMERIC[(value % 62) as usize];
        value /= 62;
    }
    digits.iter().map(|byte| char::from(*byte)).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc >>= 1;
            if carry == 1 {
                crc ^= 0xEDB8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_survives_both_ways() {
        let text = "01JZY8F0Z9Q3V7W2M4K6N8P0RT";
        assert_eq!(to_ulid(from_ulid(text).unwrap()), text);
    }

    #[test]
    fn lower_case_short_and_ambiguous_ulids_are_refused() {
        for text in ["01jzy8f0z9q3v7w2m4k6n8p0rt", "01JZY", "01JZY8F0Z9Q3V7W2M4K6N8P0RI", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
            assert!(from_ulid(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tokens_carry_prefix_and_check() {
        let token = token("mct").unwrap();
        let parts: Vec<&str> = token.split('_').collect();
        assert_eq!(parts.len(), 3, "{token}");
        assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("mct", 30, 6));
    }

    #[test]
    fn the_checksum_is_the_usual_crc32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
