use super::*;

const GOOD: &str = "
http: {public_base: 'https://matrix.example.com/auth/', unknown_key: 1}
database: {host: /run-postgres, username: mas, password: x, database: mas}
matrix: {homeserver: example.com, endpoint: 'http://matrix-synapse:8008', secret: s}
secrets:
  encryption: 4f1c7a0b9e8d6c5b3a2918077665544332211000ffeeddccbbaa99887766abcd
  keys: [{kid: a, key_file: /nowhere/rsa.pem}]
unknown_section: {}
";

/// What `config check` says to the good configuration with more merged over it.
fn check(more: &str) -> String {
    let mut value = parse_yaml(GOOD).unwrap();
    merge(&mut value, parse_yaml(more).unwrap());
    match RawConfig(value).root() {
        Ok(_) => "good".to_owned(),
        Err(error) => format!("{error:#}"),
    }
}

fn without(section: &str, key: &str) -> String {
    let mut value = parse_yaml(GOOD).unwrap();
    value[section].as_object_mut().unwrap().remove(key);
    RawConfig(value).root().map_or_else(|error| format!("{error:#}"), |_| "good".to_owned())
}

#[test]
fn unknown_keys_and_missing_key_files_pass() {
    assert_eq!(check("{}"), "good");
    assert_eq!(check("matrix: {secrett: typo}"), "good");
}

#[test]
fn every_required_key_is_required() {
    for (section, key) in [
        ("http", "public_base"),
        ("matrix", "homeserver"),
        ("matrix", "endpoint"),
        ("matrix", "secret"),
        ("secrets", "encryption"),
        ("secrets", "keys"),
    ] {
        let message = without(section, key);
        assert!(message.contains("missing") && message.contains(key), "{section}.{key}: {message}");
    }
    assert_eq!(RawConfig::default().root().unwrap_err().to_string(), "missing field `http`");
}

#[test]
fn the_encryption_key_has_exactly_64_hexadecimal_digits() {
    let wrong = "`secrets.encryption` must be exactly 64 hexadecimal digits (32 bytes)";
    for key in ["abc".to_owned(), "g".repeat(64), "a".repeat(63), "a".repeat(65), "a".repeat(64) + "\\n"] {
        assert_eq!(check(&format!("secrets: {{encryption: \"{key}\"}}")), wrong, "{key}");
    }
    assert_eq!(check(&format!("secrets: {{encryption: {}}}", "aB".repeat(32))), "good");
}

#[tokio::test]
async fn the_encryption_file_may_not_end_with_a_newline_but_the_others_may() {
    let folder = std::env::temp_dir().join(format!("mas-stand-in-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("secret");
    std::fs::write(&file, "a".repeat(64) + "\n").unwrap();
    let mut value = parse_yaml(GOOD).unwrap();
    value["secrets"].as_object_mut().unwrap().remove("encryption");
    value["secrets"]["encryption_file"] = file.to_str().unwrap().into();
    let config = RawConfig(value).root().unwrap();
    assert!(config.secrets.check_encryption_file().await.is_err());
    std::fs::write(&file, "a".repeat(64)).unwrap();
    assert!(config.secrets.check_encryption_file().await.is_ok());
    std::fs::write(&file, "pepper\n").unwrap();
    assert_eq!(secret_from_file("x", &file).await.unwrap(), "pepper");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn two_ways_of_saying_one_thing_are_refused() {
    let cases = [
        "database: {uri: 'postgresql://a@b/c'}",
        "database: {socket: /run}",
        "database: {password_file: /x}",
        "matrix: {secret_file: /x}",
        "secrets: {encryption_file: /x}",
        "secrets: {keys: [{key: a, key_file: b}]}",
        "passwords: {schemes: [{version: 1, algorithm: bcrypt, secret: a, secret_file: b}]}",
    ];
    for case in cases {
        assert_ne!(check(case), "good", "{case}");
    }
}

#[test]
fn wrong_types_and_values_name_their_key() {
    let cases = [
        ("http: {listeners: [{resources: [{name: nothing}], binds: []}]}", "http.listeners[0].resources[0]"),
        ("http: {public_base: 'not a url'}", "http.public_base"),
        ("matrix: {secret: 12}", "matrix.secret"),
        ("database: {ssl_mode: sometimes}", "database.ssl_mode"),
        ("email: {transport: pigeon}", "email.transport"),
        ("passwords: {schemes: [{version: 1, algorithm: md5}]}", "passwords.schemes[0].algorithm"),
    ];
    for (case, key) in cases {
        let message = check(case);
        assert!(message.contains(&format!("for key `{key}")), "{case}: {message}");
    }
}

#[test]
fn sections_are_checked_as_a_whole() {
    let provider = "id: 01HFRQFT5QFMJFGF01P7JAV2ME, client_id: a";
    let cases = [
        ("email: {transport: smtp}".to_owned(), "missing `email.hostname`"),
        ("email: {transport: blackhole, hostname: x}".to_owned(), "only goes with the `smtp`"),
        ("captcha: {service: hcaptcha, secret_key: x}".to_owned(), "site_key"),
        ("passwords: {schemes: []}".to_owned(), "at least one"),
        ("clients: [{client_id: short, client_auth_method: none}]".to_owned(), "ULID"),
        ("clients: [{client_id: 01HFRQFT5QFMJFGF01P7JAV2ME, client_auth_method: client_secret_post}]".to_owned(), "needs `client_secret`"),
        (format!("upstream_oauth2: {{providers: [{{{provider}, token_endpoint_auth_method: none}}]}}"), "`issuer` is missing"),
        (
            format!("upstream_oauth2: {{providers: [{{{provider}, issuer: x, token_endpoint_auth_method: client_secret_basic}}]}}"),
            "needs `client_secret`",
        ),
        (
            "upstream_oauth2: {providers: [{id: 01hfrqft5qfmjfgf01p7jav2me, client_id: a, issuer: x, token_endpoint_auth_method: none}]}"
                .to_owned(),
            "ULID",
        ),
    ];
    for (case, part) in cases {
        let message = check(&case);
        assert!(message.contains(part), "{case}: {message}");
    }
}

#[test]
fn a_base_without_its_slash_sends_endpoints_to_the_root() {
    let endpoints = |base: &str| {
        let text = format!("{{public_base: '{base}'}}");
        let http: HttpConfig = serde_saphyr::from_str(&text).unwrap();
        (http.issuer().to_string(), http.endpoint("oauth2/token"))
    };
    let with = ("https://x/auth/".to_owned(), "https://x/auth/oauth2/token".to_owned());
    let without = ("https://x/auth".to_owned(), "https://x/oauth2/token".to_owned());
    assert_eq!(endpoints("https://x/auth/"), with);
    assert_eq!(endpoints("https://x/auth"), without);
}

#[test]
fn binds_are_told_apart() {
    let binds: Vec<Bind> =
        serde_saphyr::from_str("[{port: 1}, {host: h, port: 2}, {address: '[::]:3'}, {socket: /s, mode: '660'}, {fd: 0}]").unwrap();
    let expected = vec![
        Bind::Port { host: None, port: 1 },
        Bind::Port { host: Some("h".to_owned()), port: 2 },
        Bind::Address("[::]:3".to_owned()),
        Bind::Socket { socket: "/s".into(), mode: Some(0o660) },
        Bind::Descriptor,
    ];
    assert_eq!(binds, expected);
}

#[test]
fn later_files_win_and_lists_are_replaced() {
    let mut value = parse_yaml("a: {b: 1, c: [1, 2]}").unwrap();
    merge(&mut value, parse_yaml("a: {c: [3], d: 4}").unwrap());
    assert_eq!(value, serde_json::json!({"a": {"b": 1, "c": [3], "d": 4}}));
}

#[test]
fn the_files_come_from_arguments_then_the_variable_then_the_working_directory() {
    let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert_eq!(files(paths(&["x"]), Some("/a:/b".into())), paths(&["x"]));
    assert_eq!(files(vec![], Some("/a:/b".into())), paths(&["/a", "/b"]));
    assert_eq!(files(vec![], None), paths(&["config.yaml"]));
}
