use super::*;

async fn passwords(yaml: &str) -> Passwords {
    let config: PasswordsConfig = serde_saphyr::from_str(yaml).unwrap();
    Passwords::load(&config).await.unwrap()
}

const BOTH: &str = "
schemes:
  - {version: 1, algorithm: bcrypt, secret: 'pfeffer ü', unicode_normalization: true, cost: 4}
  - {version: 2, algorithm: argon2id}
";

#[tokio::test]
async fn the_highest_version_hashes_and_lower_ones_are_old() {
    let passwords = passwords(BOTH).await;
    let (version, hashed) = passwords.hash("wort").await.unwrap();
    assert_eq!((version, hashed.starts_with("$argon2id$")), (2, true));
    assert_eq!(passwords.verify(2, &hashed, "wort").await.unwrap(), Verdict::Right);
    assert_eq!(passwords.verify(2, &hashed, "Wort").await.unwrap(), Verdict::Wrong);
    let old = bcrypt::hash("wort\u{fc}pfeffer \u{fc}", 4).unwrap();
    assert_eq!(passwords.verify(1, &old, "wort\u{fc}").await.unwrap(), Verdict::RightButOld);
    assert!(passwords.verify(3, &old, "wort").await.is_err());
}

#[tokio::test]
async fn the_two_spellings_of_a_letter_are_one_only_when_normalized() {
    let old = bcrypt::hash("\u{fc}p", 4).unwrap();
    for (normalization, verdict) in [(true, Verdict::Right), (false, Verdict::Wrong)] {
        let yaml = format!("schemes: [{{version: 1, algorithm: bcrypt, secret: p, unicode_normalization: {normalization}}}]");
        assert_eq!(passwords(&yaml).await.verify(1, &old, "u\u{308}").await.unwrap(), verdict);
    }
}

#[tokio::test]
async fn weak_passwords_are_told_from_strong_ones() {
    let passwords = passwords(BOTH).await;
    assert!(!passwords.is_complex_enough("passwort1"));
    assert!(passwords.is_complex_enough("Zwei-Kekse-am-Morgen"));
}
