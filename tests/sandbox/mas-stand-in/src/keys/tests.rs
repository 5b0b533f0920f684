use super::*;

// Throw-away keys made by OpenSSL for this test; they protect nothing.
const SEC1: &str = include_str!("testdata/p256.pem");
const PKCS8_K256: &str = include_str!("testdata/secp256k1-pkcs8.pem");
const RSA_KEY: &str = include_str!("testdata/rsa.pem");
const PUBLIC: &str = include_str!("testdata/rsa.pub.pem");

fn algorithms(text: &str) -> Vec<&'static str> {
    parse(text.as_bytes(), Some("kid")).unwrap().algorithms
}

#[test]
fn private_keys_are_understood() {
    assert_eq!(algorithms(SEC1), ["ES256"]);
    assert_eq!(algorithms(PKCS8_K256), ["ES256K"]);
    assert_eq!(algorithms(RSA_KEY).len(), 6);
}

#[test]
fn der_is_understood_too() {
    let (_, der) = unwrap_pem(RSA_KEY).unwrap();
    assert_eq!(parse(&der, None).unwrap().algorithms.len(), 6);
}

#[test]
fn the_published_key_has_its_id_and_point() {
    let jwks = parse(SEC1.as_bytes(), Some("my-key")).unwrap().jwks();
    assert_eq!((jwks.len(), &jwks[0]["kid"], &jwks[0]["crv"]), (1, &json!("my-key"), &json!("P-256")));
    assert_eq!(jwks[0]["x"].as_str().unwrap().len(), 43);
}

#[test]
fn what_is_no_private_key_is_refused() {
    let cut = &RSA_KEY[..RSA_KEY.len() / 2];
    let swapped = SEC1.replace("EC PRIVATE KEY", "RSA PRIVATE KEY");
    for text in ["", "hello", PUBLIC, cut, &swapped, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        assert!(parse(text.as_bytes(), None).is_err(), "{text}");
    }
}
