//! Which Postgres keeps the accounts.

use insta::assert_snapshot;
use serde_json::json;

use crate::common::{Homestead, Rendered, TestInventory};
use crate::{MAS, refused, with};

#[test]
fn an_external_postgres_instead_of_ours() {
    let inventory = with(
        "matrix_authentication_service_config_database_host: db.example.net
matrix_authentication_service_config_database_port: 6432
matrix_authentication_service_config_database_username: mas
matrix_authentication_service_config_database_password: test-only-database
matrix_authentication_service_config_database_database: accounts
matrix_authentication_service_config_database_ssl_mode: verify-full
matrix_authentication_service_config_database_ssl_ca: |
  -----BEGIN CERTIFICATE-----
  test-only
  -----END CERTIFICATE-----
",
    );
    let rendered = Rendered::of(&inventory);
    let database = rendered.mas()["database"].clone();
    let expected = json!({
        "host": "db.example.net", "port": 6432, "username": "mas", "password": "test-only-database", "database": "accounts",
        "ssl_mode": "verify-full", "ssl_ca": "-----BEGIN CERTIFICATE-----\ntest-only\n-----END CERTIFICATE-----\n",
        "max_connections": 10, "min_connections": 0, "connect_timeout": 30, "idle_timeout": 600, "max_lifetime": 1800,
    });
    assert_eq!(database, expected);
    // The managed Postgres, which Synapse still uses, is none of its business.
    let unit = rendered.unit(MAS);
    assert!(!unit.contains("postgres") && !rendered.networks(MAS).contains(&"matrix-postgres".to_owned()), "{unit}");
    assert!(rendered.units().contains(&"matrix-postgres"));
    let databases = Homestead::on(&inventory).run(&["vars", "postgres_managed_databases", "--json", "--reveal"]).exits(0).json();
    let databases = databases["variables"]["postgres_managed_databases"]["value"].as_array().unwrap().clone();
    assert!(databases.iter().all(|database| database["name"] != "accounts") && databases.len() == 1, "{databases:?}");

    // Ours by TCP.
    let inventory = with("postgres_container_unix_socket_enabled: false\n");
    let tcp = Rendered::of(&inventory);
    assert_eq!(tcp.mas()["database"]["host"], "matrix-postgres");
    assert!(tcp.networks(MAS).contains(&"matrix-postgres".to_owned()) && !tcp.unit(MAS).contains("/run-postgres"));
    // Ours by its socket, as it is by default.
    let inventory = TestInventory::new();
    let socket = Rendered::of(&inventory);
    assert_eq!(socket.mas()["database"]["host"], "/run-postgres");
    assert!(
        socket.unit(MAS).contains("src=/matrix/postgres/run,dst=/run-postgres")
            && socket.unit(MAS).contains("Requires=matrix-postgres.service")
    );
    // Another one by its socket.
    let inventory = with(
        "matrix_playbook_matrix_authentication_service_uses_managed_postgres: false
matrix_authentication_service_config_database_socket_enabled: true
matrix_authentication_service_config_database_socket_path: /sockets
matrix_authentication_service_config_database_socket_path_host: /var/run/postgresql
matrix_authentication_service_config_database_host: /sockets
",
    );
    let other = Rendered::of(&inventory);
    assert_eq!(other.mas()["database"]["host"], "/sockets");
    assert!(other.unit(MAS).contains("src=/var/run/postgresql,dst=/sockets") && !other.unit(MAS).contains("matrix-postgres"));

    assert_snapshot!(refused("matrix_playbook_matrix_authentication_service_uses_managed_postgres: false\n"), @"
    error[H0332]: the database is to be elsewhere, but nothing says where
     --> vars.yml:8:1
      = help: set `matrix_authentication_service_config_database_host`, and what else differs: port, username, password, database, ssl_mode
    ");
    assert_snapshot!(refused("matrix_authentication_service_config_database_ssl_mode: verify-full\n"), @"
    error[H0332]: a UNIX socket has no certificate that could be verified
     --> vars.yml:8:1
      = help: leave it at `disable`, or name a host
    ");
    assert_snapshot!(refused("matrix_authentication_service_config_database_ssl_mode: full\n"), @"
    error[H0332]: `matrix_authentication_service_config_database_ssl_mode` is malformed
     --> vars.yml:8:1
      = help: one of `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`
    ");
}
