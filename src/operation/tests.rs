//! Which scripts a procedure sends, and what it makes of the answers, on a host that runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::postgres::{Vacuum, backup_here, backup_on_host, vacuum};
use super::{Context, NewUser, admin_token, docker_prune, ensure_users, missing_users, register_user};
use crate::diagnostic::{Kind, Result};
use crate::host::{Asked, FakeHost, Host, Output};
use crate::pipeline::{HostFacts, Loaded, Prepared};
use crate::plan::Memory;
use crate::report::{Event, Sink};
use crate::secret::Secret;

const NAME: &str = "matrix.example.com";
const PASSWORD: &str = "test-only-eiM0aeph";
const SERVER: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_authentication_service_enabled: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
";
const USERS: &str = "matrix_user_creator_users_additional:
  - {username: one, initial_password: test-only-eiM0aeph, initial_type: bot}
  - {username: two, initial_password: test-only-eiM0aeph, initial_type: admin}
";

fn prepared(variables: &str) -> Prepared {
    let loaded = Loaded::of_one_host(NAME, &format!("{SERVER}{variables}"));
    Prepared::new(&loaded, NAME, &HostFacts::assumed(), &[]).unwrap()
}

/// A procedure's surroundings: what it asks and what it says is kept.
struct Bench {
    fake: Arc<FakeHost>,
    host: Arc<dyn Host>,
    prepared: Prepared,
    sink: Sink,
    said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(variables: &str, host: FakeHost) -> Self {
        let fake = Arc::new(host);
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = said.clone();
        let sink: Sink = Arc::new(move |_, event| {
            if let Event::Stage { text } | Event::Done { text } | Event::Warning { text } = event {
                keep.lock().unwrap().push(text);
            }
        });
        Self { host: fake.clone(), fake, prepared: prepared(variables), sink, said }
    }

    fn context(&self) -> Context<'_> {
        Context { host: &self.host, prepared: &self.prepared, name: NAME, sink: &self.sink }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

fn output(status: u32, stdout: &str, stderr: &str) -> Option<Result<Output>> {
    Some(Ok(Output { status, stdout: stdout.into(), stderr: stderr.into() }))
}

/// Every unit runs, there is no memory, and what is written is taken.
fn running(asked: &Asked) -> Option<Result<Output>> {
    if asked.script.contains("systemctl show --no-pager") {
        let blocks: Vec<String> = asked.arguments.iter().map(|unit| format!("Id={unit}\nLoadState=loaded\nActiveState=active\n")).collect();
        return output(0, &format!("files\0sums\0units\0{}\0end\0", blocks.join("\n")), "");
    }
    let plumbing = asked.script.contains("tar --create") || asked.script.contains("staging");
    plumbing.then(|| output(0, "", "")).flatten()
}

fn names(users: &[&str]) -> BTreeSet<String> {
    users.iter().map(|user| (*user).to_owned()).collect()
}

#[tokio::test]
async fn declared_users_are_made_in_their_order_and_remembered() {
    let host = FakeHost::new().rule(running).rule(|asked| {
        let exists = asked.arguments.get(1).is_some_and(|name| name == "two");
        if exists { output(1, "", "Error: User already exists\n") } else { output(0, "", "") }
    });
    let bench = Bench::new(USERS, host);
    ensure_users(&bench.context(), &Memory::default()).await.unwrap();
    insta::assert_snapshot!(bench.said(), @"
    making the declared users in MAS: one, two
    one can log in
    two has an account already; it stays as it is
    ");
    let asked = bench.fake.asked();
    let made: Vec<&Asked> = asked.iter().filter(|asked| asked.script == r#"exec "$1" "$2" "$3""#).collect();
    insta::assert_snapshot!(made.iter().map(|asked| asked.summary()).collect::<Vec<_>>().join("\n"), @r#"
    exec "$1" "$2" "$3"
    $ /matrix/matrix-authentication-service/bin/register-user
    $ one
    $ 0
    < test-only-eiM0aeph

    exec "$1" "$2" "$3"
    $ /matrix/matrix-authentication-service/bin/register-user
    $ two
    $ 1
    < test-only-eiM0aeph
    "#);
    let in_the_open =
        asked.iter().any(|asked| asked.script.contains(PASSWORD) || asked.arguments.iter().any(|word| word.contains(PASSWORD)));
    assert!(!in_the_open, "a password stands in a list of processes");
    let memory = asked.iter().rfind(|asked| String::from_utf8_lossy(&asked.stdin).contains("manifest.json")).unwrap();
    let text = String::from_utf8_lossy(&memory.stdin);
    assert!(text.contains("\"matrix-authentication-service\": [\n      \"one\",\n      \"two\"\n"), "{text}");
}

#[tokio::test]
async fn a_refusal_ends_it_and_what_was_made_is_remembered() {
    let host = FakeHost::new().rule(running).rule(|asked| {
        let weak = asked.arguments.get(1).is_some_and(|name| name == "two");
        if weak { output(1, "", "ERROR That password is too weak: test-only-eiM0aeph\n") } else { output(0, "", "") }
    });
    let bench = Bench::new(USERS, host);
    let error = ensure_users(&bench.context(), &Memory::default()).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::HostFailed, "the account `two` was not made"));
    assert!(error.hints[0].contains("matrix_authentication_service_config_passwords_minimum_complexity"), "{error:?}");
    assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
    let asked = bench.fake.asked();
    let memory = asked.iter().rfind(|asked| String::from_utf8_lossy(&asked.stdin).contains("manifest.json")).unwrap();
    let text = String::from_utf8_lossy(&memory.stdin);
    assert!(text.contains("\"one\"") && !text.contains("\"two\""), "{text}");
}

#[tokio::test]
async fn whoever_was_seen_costs_nothing() {
    // A host that expects nothing: any question would be an error.
    let bench = Bench::new(USERS, FakeHost::new());
    let known = |role: &str, users: &[&str]| Memory { users: BTreeMap::from([(role.to_owned(), names(users))]), ..Memory::default() };
    ensure_users(&bench.context(), &known("matrix-authentication-service", &["one", "two", "three"])).await.unwrap();
    assert_eq!(bench.said(), "");
    // Accounts in Synapse are none in MAS.
    assert_eq!(missing_users(&bench.context(), &known("matrix-synapse", &["one", "two"])).unwrap(), ["one", "two"]);
    assert_eq!(missing_users(&bench.context(), &known("matrix-authentication-service", &["one"])).unwrap(), ["two"]);
}

#[tokio::test]
async fn nobody_is_made_while_accounts_move() {
    let variables = format!("{USERS}matrix_authentication_service_migration_in_progress: true\n");
    let bench = Bench::new(&variables, FakeHost::new());
    ensure_users(&bench.context(), &Memory::default()).await.unwrap();
    assert_eq!(bench.said(), "the users one, two are not made while `matrix_authentication_service_migration_in_progress` is true");
}

#[tokio::test]
async fn an_account_goes_where_the_accounts_are() {
    for (variables, script) in [
        ("", "/matrix/matrix-authentication-service/bin/register-user"),
        ("matrix_authentication_service_migration_in_progress: true\n", "/matrix/synapse/bin/register-user"),
    ] {
        let bench = Bench::new(variables, FakeHost::new().answer(""));
        let user = NewUser { username: "alice".into(), password: Secret::new(PASSWORD.into()), admin: true };
        register_user(&bench.context(), &user).await.unwrap();
        assert_eq!(bench.fake.asked()[0].arguments, [script, "alice", "1"]);
    }
}

#[tokio::test]
async fn a_token_is_asked_for_in_mas_and_shown_in_no_error() {
    let log = "INFO Compatibility token issued: mct_abcDEF_123 compat_session.id=x\n";
    let bench = Bench::new("", FakeHost::new().rule(running).rule(move |_| output(0, "", log)));
    let token = admin_token(&bench.context(), "alice").await.unwrap();
    assert_eq!(token.reveal(), "mct_abcDEF_123");
    assert!(!bench.said().contains("mct_"));
    let asked = bench.fake.asked();
    insta::assert_snapshot!(asked.last().unwrap().summary(), @r#"
    exec docker exec --env RUST_LOG=info "$1" mas-cli manage issue-compatibility-token --yes-i-want-to-grant-synapse-admin-privileges -- "$2"
    $ matrix-authentication-service
    $ alice
    "#);
    let bench = Bench::new("", FakeHost::new().rule(running).rule(move |_| output(1, "", log)));
    let error = admin_token(&bench.context(), "alice").await.unwrap_err();
    assert!(!format!("{error:?}").contains("mct_abc"), "{error:?}");
}

#[tokio::test]
async fn images_of_the_inventory_are_kept() {
    let bench = Bench::new("", FakeHost::new().answer("leftover:1\n"));
    docker_prune(&bench.context()).await.unwrap();
    let asked = bench.fake.asked();
    assert_eq!(asked[0].arguments.len(), bench.prepared.desired.images.len());
    assert!(asked[0].arguments.iter().any(|image| image.contains("element-hq/synapse:")), "{:?}", asked[0].arguments);
    assert!(bench.said().ends_with("1 images removed: leftover:1"), "{}", bench.said());
}

#[tokio::test]
async fn a_postgres_of_somebody_else_is_left_alone() {
    let external = "postgres_enabled: false\nmatrix_synapse_database_host: db.example.com\nmatrix_synapse_database_password: test-only-db\n\
                    matrix_authentication_service_config_database_host: db.example.com\n\
                    matrix_authentication_service_config_database_password: test-only-db\n";
    let bench = Bench::new(external, FakeHost::new());
    let context = bench.context();
    let folder = tempfile::tempdir().unwrap();
    let path = camino::Utf8Path::from_path(folder.path()).unwrap().join("x.sql.gz");
    for error in [
        backup_here(&context, &path).await.unwrap_err(),
        backup_on_host(&context, "/backups".into(), "x").await.unwrap_err(),
        vacuum(&context, &Vacuum::default()).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::Invalid, "`matrix.example.com` uses a Postgres that homestead does not manage")
        );
    }
    assert_eq!(bench.fake.asked(), []);
}

#[tokio::test]
async fn a_dump_that_breaks_off_leaves_nothing_behind() {
    let whole = "--\n-- PostgreSQL database cluster dump\n--\n\\connect synapse\n\\connect matrix_authentication_service\n";
    let end = "-- PostgreSQL database cluster dump complete\n";
    let folder = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(folder.path()).unwrap();
    let attempt = async |text: String, status: u32| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let host = FakeHost::new().rule(running).rule(move |asked| {
            if asked.script.contains("pg_dumpall") {
                return Some(Ok(Output { status, stdout: packed.clone(), stderr: b"pg_dumpall: error: it is what it is\n".to_vec() }));
            }
            output(0, "1000\n", "")
        });
        let bench = Bench::new("", host);
        backup_here(&bench.context(), &root.join("out/x.sql.gz")).await
    };
    let left = || fs_err::read_dir(root.join("out")).unwrap().count();
    let error = attempt(format!("{whole}{end}"), 1).await.unwrap_err();
    assert_eq!((error.message.as_str(), left()), ("`matrix.example.com`: the dump failed; no backup was made", 0));
    assert!(attempt(whole.to_owned(), 0).await.unwrap_err().message.ends_with("is cut off: its end is missing"));
    assert_eq!(left(), 0);
    let error = attempt(format!("{}{end}", whole.replace("\\connect synapse\n", "")), 0).await.unwrap_err();
    assert_eq!((error.message.as_str(), left()), ("the backup lacks the databases synapse; it was thrown away", 0));
    let backup = attempt(format!("{whole}{end}"), 0).await.unwrap();
    assert_eq!((backup.contents.databases.len(), left()), (2, 1));
    // What is there already is never overwritten.
    assert!(attempt(format!("{whole}{end}"), 0).await.unwrap_err().message.contains("is there already; no backup was made"));
}

#[tokio::test]
async fn a_full_vacuum_pauses_what_uses_postgres_and_starts_it_again_when_it_fails() {
    let host = FakeHost::new().rule(|asked| {
        let stdin = String::from_utf8_lossy(&asked.stdin).into_owned();
        match () {
            () if asked.script.contains("RequiredBy") => output(0, "a-bridge.service\n", ""),
            () if stdin.starts_with("SELECT datname") => output(0, "synapse\nmatrix\n", ""),
            () if stdin.starts_with("VACUUM") => {
                output(3, "", "INFO:  vacuuming\nERROR:  could not extend file: No space left on device\n")
            }
            () if stdin.starts_with("SELECT") => output(0, "1000\n", ""),
            () if asked.script.starts_with("df") => output(0, "999999\n", ""),
            () if asked.script.contains("systemctl --no-ask-password") => output(0, "", ""),
            () => running(asked),
        }
    });
    let bench = Bench::new("", host);
    let request = Vacuum { preset: None, databases: vec!["synapse".into()] };
    let error = vacuum(&bench.context(), &request).await.unwrap_err();
    assert_eq!(error.message, "the vacuum of `synapse` failed; its data is as it was");
    assert_eq!(error.hints, ["the services run again"]);
    let deeds: Vec<String> = bench
        .fake
        .asked()
        .iter()
        .filter_map(|asked| {
            let verb = asked.script.strip_prefix("exec systemctl --no-ask-password ")?.split(' ').next()?;
            Some(format!("{verb} {}", asked.arguments.join(" ")))
        })
        .collect();
    assert_eq!(deeds, ["stop a-bridge.service", "start a-bridge.service"]);
    let unknown = vacuum(&bench.context(), &Vacuum { preset: Some("vacuum-ful".into()), databases: Vec::new() }).await.unwrap_err();
    assert_eq!(unknown.hints, ["did you mean `vacuum-full`?"]);
}
