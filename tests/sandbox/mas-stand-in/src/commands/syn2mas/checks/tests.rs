use super::*;

const SYNAPSE: &str = "
server_name: example.com
database: {name: psycopg2, args: {user: synapse, host: /run-postgres, port: '5432', dbname: synapse}}
";

const MAS: &str = "
matrix: {homeserver: example.com, endpoint: 'http://synapse:8008', secret: s}
passwords: {schemes: [{version: 1, algorithm: bcrypt, unicode_normalization: true}, {version: 2, algorithm: argon2id}]}
";

fn synapse(more: &str) -> SynapseConfig {
    SynapseConfig::parse(&format!("{SYNAPSE}{more}")).unwrap()
}

/// The errors of both configurations together, without those that the good ones have.
async fn errors(more_synapse: &str, mas: &str) -> Vec<String> {
    let synapse = synapse(more_synapse);
    let mut found = synapse_config(&synapse);
    found.extend(against_mas(&synapse, &RawConfig::parse(mas).unwrap()).await.unwrap());
    found.errors
}

#[tokio::test]
async fn good_configurations_have_no_findings() {
    assert_eq!(errors("", MAS).await, Vec::<String>::new());
    assert_eq!(synapse_config(&synapse("")), Findings::default());
}

#[tokio::test]
async fn the_pepper_must_be_the_secret_and_empty_is_not_unset() {
    let with_secret = |secret: &str| MAS.replace("bcrypt,", &format!("bcrypt, secret: '{secret}',"));
    assert_eq!(errors("password_config: {pepper: p}\n", &with_secret("p")).await.len(), 0);
    assert_eq!(errors("password_config: {pepper: p}\n", &with_secret("q")).await.len(), 1);
    assert_eq!(errors("password_config: {pepper: p}\n", MAS).await.len(), 1);
    assert_eq!(errors("", &with_secret("")).await.len(), 1);
    assert_eq!(errors("password_config: {pepper: ''}\n", &with_secret("")).await.len(), 0);
    assert_eq!(errors("password_config: {pepper: ''}\n", MAS).await.len(), 1);
}

#[tokio::test]
async fn the_first_scheme_must_be_there_and_be_bcrypt() {
    assert_eq!(errors("", &MAS.replace("version: 1, algorithm: bcrypt", "version: 3, algorithm: bcrypt")).await.len(), 1);
    assert_eq!(errors("", &MAS.replace("bcrypt", "argon2id")).await.len(), 1);
    // Normalization is not looked at.
    assert_eq!(errors("", &MAS.replace(", unicode_normalization: true", "")).await.len(), 0);
}

#[tokio::test]
async fn settings_of_synapse_that_prevent_a_migration() {
    let cases = ["enable_3pid_changes: true", "login_via_existing_session: {enabled: true}", "allow_guest_access: true"];
    for case in cases {
        assert_eq!(errors(&format!("{case}\n"), MAS).await.len(), 1, "{case}");
    }
    assert_eq!(errors("", &MAS.replace("example.com", "example.org")).await.len(), 1);
}

#[test]
fn settings_of_synapse_that_only_warn() {
    let cases = [
        "enable_registration: true",
        "user_consent: {version: 1}",
        "cas_config: {enabled: true}",
        "saml2_config: {enabled: true}",
        "jwt_config: {enabled: true}",
        "password_config: {localdb_enabled: false}",
    ];
    for case in cases {
        let found = synapse_config(&synapse(&format!("{case}\n")));
        assert_eq!((found.errors.len(), found.warnings.len()), (0, 1), "{case}");
    }
}

#[test]
fn providers_must_be_in_both_configurations() {
    let with_dex = synapse("oidc_providers: [{idp_id: dex, issuer: 'https://dex/', client_id: a}]\n");
    let used = [("oidc-dex".to_owned(), 2)];
    let mapped = [None, Some("oidc-dex".to_owned())];
    let wrongly_mapped = [Some("dex".to_owned())];
    let errors = |synapse: &SynapseConfig, known: &[Option<String>], ignore| providers(synapse, known, &used, ignore).errors.len();
    assert_eq!(errors(&with_dex, &mapped, false), 0);
    assert_eq!(errors(&with_dex, &wrongly_mapped, false), 1);
    // Ignoring does not help while Synapse still lists the provider.
    assert_eq!(errors(&with_dex, &wrongly_mapped, true), 1);
    assert_eq!(errors(&synapse(""), &mapped, false), 1);
    assert_eq!(errors(&synapse(""), &mapped, true), 0);
}

#[test]
fn the_database_of_synapse_is_found_by_its_socket_folder() {
    let postgres = synapse("").postgres().unwrap();
    assert_eq!(postgres.get_hosts(), [tokio_postgres::config::Host::Unix("/run-postgres".into())]);
    let sqlite = SYNAPSE.replace("psycopg2", "sqlite3");
    assert!(SynapseConfig::parse(&sqlite).unwrap().postgres().is_err());
}
