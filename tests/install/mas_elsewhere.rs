//! MAS on the host of Element Web, with the database and the mail server of somebody else, and its admin API.

use serde_json::Value;

use crate::common::wait_for;
use crate::installed::{Installed, secrets_of};
use crate::requests::{ask, ask_at, login_request, status_at};

const PASSWORD: &str = "test-only-Ohth8ooW9iek";
const BASE: &str = "https://element.example.com/account/";

/// A Postgres and a mail server that are not homestead's, in a network of their own. The mail server is
/// Exim as well; it takes every mail and writes it into a file.
const OTHERS: &str = r"
set -e
docker network create elsewhere
install -d -m 0777 /srv/other /srv/other/socket /srv/other/mail
cat >/srv/other/database.sql <<'SQL'
CREATE ROLE accounts LOGIN PASSWORD 'test-only-elsewhere';
CREATE DATABASE accounts OWNER accounts;
SQL
cat >/srv/other/exim.conf <<'CONF'
daemon_smtp_ports = 2525
primary_hostname = mail.example.net
exim_user = 100
exim_group = 101
spool_directory = /mail
log_file_path = /mail/%s.log
deliver_drop_privilege = true
never_users =
host_lookup =
tls_advertise_hosts =
acl_smtp_rcpt = everybody
begin acl
everybody:
    accept
begin routers
everything:
    driver = accept
    transport = into_file
begin transports
into_file:
    driver = appendfile
    file = /mail/received
CONF
chmod -R a+rX /srv/other
docker run --detach --name other-database --network elsewhere --env POSTGRES_PASSWORD=test-only \
    --volume /srv/other/socket:/var/run/postgresql \
    --volume /srv/other/database.sql:/docker-entrypoint-initdb.d/database.sql:ro 127.0.0.1:5000/postgres:18.6-alpine \
    postgres -c unix_socket_directories=/var/run/postgresql
docker run --detach --name other-mail --network elsewhere --volume /srv/other/mail:/mail \
    --volume /srv/other/exim.conf:/etc/exim4/exim4.conf:ro 127.0.0.1:5000/devture/exim-relay:4.99.1-r0-2
";

const SETTINGS: &str = "
matrix_authentication_service_hostname: element.example.com
matrix_authentication_service_path_prefix: /account

matrix_authentication_service_container_additional_networks_custom: [elsewhere]
matrix_authentication_service_config_database_host: other-database
matrix_authentication_service_config_database_username: accounts
matrix_authentication_service_config_database_password: test-only-elsewhere
matrix_authentication_service_config_database_database: accounts

matrix_authentication_service_config_account_password_recovery_enabled: true
matrix_authentication_service_config_email_reply_to_address: help@example.com
exim_relay_container_additional_networks_custom: [elsewhere]
exim_relay_relay_use: true
exim_relay_relay_host_name: other-mail
exim_relay_relay_host_port: 2525

matrix_authentication_service_admin_api_enabled: true
matrix_authentication_service_admin_api_clients_enabled: true
";

#[test]
fn mas_works_with_what_others_run() {
    let Some(mut installed) = Installed::bare("mas-elsewhere") else { return };
    installed.sandbox.script(OTHERS);
    installed.inventory.append(SETTINGS);
    installed.secrets.extend(secrets_of(&installed.inventory));
    let ready = "docker exec --env PGPASSWORD=test-only-elsewhere other-database psql --host 127.0.0.1 --username accounts accounts";
    wait_for(60, "the other database", || installed.sandbox.exec(ready, b"").status.success().then_some(()));
    installed.homestead().run(&["install-all"]).exits(0);

    beside_element_web(&installed);
    in_another_database(&installed);
    admin_api(&installed);
    mail(&installed);
    by_socket(&installed);
}

fn beside_element_web(installed: &Installed) {
    let discovery = ask_at(installed, &format!("{BASE}.well-known/openid-configuration"), "", "");
    assert_eq!((&discovery["issuer"], &discovery["token_endpoint"]), (&BASE.into(), &format!("{BASE}oauth2/token").into()));
    assert_eq!(status_at(installed, BASE.trim_end_matches('/'), "", ""), "302");
    let element = ask_at(installed, "https://element.example.com/config.json", "", "");
    assert_eq!(element["default_server_config"]["m.homeserver"]["base_url"], "https://matrix.example.com", "{element}");
    let client = ask(installed, "/.well-known/matrix/client", "", "");
    assert_eq!(client["org.matrix.msc2965.authentication"]["issuer"], BASE);
    // The compatibility layer finds MAS below its path.
    installed.homestead().run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
    log_in(installed);
}

fn log_in(installed: &Installed) {
    let login = ask(installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", PASSWORD).to_string());
    assert_eq!(login["user_id"], "@alice:example.com", "{login}");
}

fn in_another_database(installed: &Installed) {
    let count = "SELECT count(*) FROM users";
    let theirs = format!(
        "docker exec --env PGPASSWORD=test-only-elsewhere other-database psql --host 127.0.0.1 --username accounts --tuples-only --no-align --command '{count}' accounts"
    );
    assert_eq!(installed.sandbox.script(&theirs).trim(), "1");
    let ours =
        "docker exec matrix-postgres psql --username matrix --tuples-only --no-align --command 'SELECT datname FROM pg_database' matrix";
    let ours = installed.sandbox.script(ours);
    assert!(ours.contains("synapse") && !ours.contains("matrix_authentication_service"), "{ours}");
}

fn revealed(installed: &Installed, name: &str) -> String {
    let variables = installed.homestead().run(&["vars", name, "--json", "--reveal"]).exits(0).json();
    variables["variables"][name]["value"].as_str().unwrap().to_owned()
}

/// What the token endpoint answers to client credentials, given in a header or in the body.
fn token(installed: &Installed, client: &str, in_header: bool) -> (String, Value) {
    let variable = |what: &str| revealed(installed, &format!("matrix_authentication_service_admin_api_{client}_client_{what}"));
    let (id, secret) = (variable("id"), variable("secret"));
    let grant = "data = \"grant_type=client_credentials&scope=urn:mas:admin\"\n";
    let credentials = if in_header {
        format!("user = \"{id}:{secret}\"\n")
    } else {
        format!("data = \"client_id={id}\"\ndata = \"client_secret={secret}\"\n")
    };
    let script = format!("curl --silent --config - --write-out '\\n%{{http_code}}' {BASE}oauth2/token");
    let output = installed.sandbox.exec(&script, (grant.to_owned() + &credentials).as_bytes());
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), serde_json::from_str(body).unwrap())
}

fn admin_api(installed: &Installed) {
    let page = installed.sandbox.script(&format!("curl --silent --fail {BASE}api/doc/"));
    assert!(page.contains("<title>"), "{page}");
    let specification = ask_at(installed, &format!("{BASE}api/spec.json"), "", "");
    assert!(specification["openapi"].is_string(), "{specification}");
    let users = format!("{BASE}api/admin/v1/users?page[first]=10");
    assert_eq!(status_at(installed, &users, "", ""), "401");

    let (status, answer) = token(installed, "script", true);
    assert_eq!((status.as_str(), &answer["scope"]), ("200", &"urn:mas:admin".into()), "{answer}");
    let header = format!("header = \"Authorization: Bearer {}\"\n", answer["access_token"].as_str().unwrap());
    let answer = ask_at(installed, &users, "--config -", &header);
    assert_eq!((&answer["meta"]["count"], &answer["data"][0]["attributes"]["username"]), (&1.into(), &"alice".into()), "{answer}");
    // Each client has its one way to show its secret, and the page's is for people who log in.
    let (status, answer) = token(installed, "script", false);
    assert_eq!((status.as_str(), &answer["error"]), ("401", &"invalid_client".into()), "{answer}");
    let (status, answer) = token(installed, "page", false);
    assert_eq!((status.as_str(), &answer["error"]), ("403", &"invalid_scope".into()), "{answer}");
}

fn mail(installed: &Installed) {
    installed.sandbox.script("/matrix/matrix-authentication-service/bin/mas-cli manage add-email alice alice@example.org");
    let sent = status_at(installed, &format!("{BASE}recover"), "--data email=alice@example.org", "");
    assert_eq!(sent, "200");
    let mail = wait_for(30, "the mail", || {
        let output = installed.sandbox.exec("cat /srv/other/mail/received", b"");
        let text = String::from_utf8(output.stdout).unwrap();
        text.contains("Hello alice").then_some(text)
    });
    let has = |line: &str| mail.lines().any(|have| have == line);
    assert!(has("From: \"Matrix Authentication Service\" <matrix@matrix.example.com>"), "{mail}");
    assert!(has("Reply-To: \"Matrix Authentication Service\" <help@example.com>"), "{mail}");
    assert!(has("To: alice@example.org"), "{mail}");
    // It came by way of the relay, which names itself as the server.
    assert!(mail.contains("helo=matrix.example.com"), "{mail}");
    assert_eq!(status_at(installed, &format!("{BASE}recover"), "--data email=nobody@example.org", ""), "200");
}

/// The same database by its UNIX socket.
fn by_socket(installed: &Installed) {
    installed.inventory.set("matrix_authentication_service_config_database_host", "/sockets");
    installed.inventory.append(
        "matrix_playbook_matrix_authentication_service_uses_managed_postgres: false
matrix_authentication_service_config_database_socket_enabled: true
matrix_authentication_service_config_database_socket_path: /sockets
matrix_authentication_service_config_database_socket_path_host: /srv/other/socket
",
    );
    installed.homestead().run(&["install-all"]).exits(0);
    installed.sandbox.script("docker network disconnect elsewhere other-database");
    log_in(installed);
    in_another_database(installed);
}
