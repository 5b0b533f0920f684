//! What cannot work is found before anything is written: what runs goes on as it was.

use crate::common::wait_for;
use crate::installed::Installed;

/// A change of the inventory, and what the run must say about it.
struct Refused<'a> {
    settings: &'a str,
    says: &'a [&'a str],
}

#[test]
fn what_cannot_work_never_reaches_what_runs() {
    let Some(installed) = Installed::start("staged") else { return };
    configurations(&installed);
    containers(&installed);
    databases(&installed);
    a_taken_port(&installed);
    // The same checks let pass what does work.
    let changed = installed.another_inventory();
    changed.set("matrix_synapse_max_upload_size_mb", "60");
    let outcome = installed.homestead_on(&changed).run(&["install-all"]).exits(0);
    assert!(outcome.stderr.contains("checking what is new, before anything is written"), "{}", outcome.text());
    assert!(!outcome.stderr.contains("could not be checked"), "{}", outcome.text());
    assert_eq!(left_over(&installed), "");
}

/// Files, units and their start times are the same after a run that was refused, and nothing of it stays.
#[track_caller]
fn refused(installed: &Installed, change: &Refused<'_>) {
    let before = (installed.files_with_times(), installed.units());
    let inventory = installed.another_inventory();
    inventory.append(change.settings);
    let outcome = installed.homestead_on(&inventory).run(&["install-all"]).exits(2);
    for text in change.says {
        assert!(outcome.stderr.contains(text), "no {text:?} in {}", outcome.text());
    }
    assert!(outcome.stderr.ends_with("hint: nothing that runs was touched\n"), "{}", outcome.text());
    assert_eq!((installed.files_with_times(), installed.units()), before);
    assert_eq!(left_over(installed), "");
}

fn left_over(installed: &Installed) -> String {
    installed.sandbox.script(
        "ls -A /var/lib/homestead | grep staging; docker ps --all --quiet --filter label=homestead.check; \
         docker ps --all --quiet --filter status=created; true",
    )
}

fn configurations(installed: &Installed) {
    refused(
        installed,
        &Refused {
            settings: "matrix_synapse_configuration_extension_yaml: |\n  max_upload_size: banana\n",
            says: &[
                "error: `matrix.example.com`: /matrix/synapse/config/homeserver.yaml: matrix-synapse.service would not work with it: \
                 ValueError: invalid literal for int() with base 10: 'banana'\n",
                "matrix_synapse_configuration_extension_yaml",
            ],
        },
    );
    // Synapse has words of its own for this one.
    refused(
        installed,
        &Refused {
            settings: "matrix_synapse_configuration_extension_yaml: |\n  turn_shared_secret_path: /data/absent\n",
            says: &["homeserver.yaml: matrix-synapse.service would not work with it: homeserver.yaml: Error in configuration at \
                 'turn_shared_secret_path': Error accessing file '/data/absent':"],
        },
    );
    refused(
        installed,
        &Refused {
            settings: "matrix_authentication_service_configuration_extension_yaml: |\n  http:\n    trusted_proxies: [banana]\n",
            says: &["error: `matrix.example.com`: /matrix/matrix-authentication-service/config/config.yaml: \
                 matrix-authentication-service.service would not work with it: "],
        },
    );
    refused(
        installed,
        &Refused {
            settings: "postgres_postgres_process_extra_arguments_custom: [\"-c 'max_wal_size=banana'\"]\n",
            says: &["the settings of Postgres: ", "invalid value for parameter \"max_wal_size\": \"banana\""],
        },
    );
}

fn containers(installed: &Installed) {
    refused(
        installed,
        &Refused {
            settings: "matrix_client_element_container_extra_arguments: ['--nonsense']\n\
                       matrix_synapse_container_additional_volumes: [{src: /absent, dst: /absent}]\n",
            says: &[
                "Docker refuses the container of matrix-client-element.service: unknown flag: --nonsense\n",
                "Docker refuses the container of matrix-synapse.service: invalid mount config for type \"bind\": \
                 bind source path does not exist: /absent\n",
            ],
        },
    );
}

/// The managed Postgres under another name is one that the inventory does not manage.
fn databases(installed: &Installed) {
    installed.sandbox.script("docker network connect --alias elsewhere matrix-homeserver matrix-postgres");
    refused(
        installed,
        &Refused {
            settings: "matrix_synapse_database_host: elsewhere\nmatrix_synapse_database_password: test-only-wrong\n",
            says: &["Synapse's database: ", "password authentication failed for user \"synapse\"", "matrix_synapse_database_host"],
        },
    );
    refused(
        installed,
        &Refused {
            settings: "matrix_authentication_service_config_database_host: elsewhere\n\
                       matrix_authentication_service_config_database_password: test-only-wrong\n\
                       matrix_playbook_matrix_authentication_service_uses_managed_postgres: false\n",
            says: &[
                "the database of Matrix Authentication Service: ",
                "password authentication failed for user \"matrix_authentication_service\"",
            ],
        },
    );
    installed.sandbox.script("docker network disconnect matrix-homeserver matrix-postgres");
}

/// A service that runs takes one more port.
fn a_taken_port(installed: &Installed) {
    installed.sandbox.script("setsid nc -lk 4433 >/dev/null 2>&1 </dev/null &");
    wait_for(10, "port 4433 to be taken", || installed.sandbox.script("ss -ltnH 'sport = :4433'").contains("4433").then_some(()));
    refused(
        installed,
        &Refused {
            settings: "matrix_client_element_container_http_host_bind_port: '4433'\n",
            says: &["error: port 4433, which matrix-client-element.service needs, is already taken by nc (process "],
        },
    );
    refused(
        installed,
        &Refused {
            settings: "matrix_client_element_container_http_host_bind_port: '443'\n",
            says: &["error: port 443, which matrix-client-element.service needs, is already taken by the container matrix-traefik\n"],
        },
    );
}
