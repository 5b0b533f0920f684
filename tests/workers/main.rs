//! Synapse's workers without a host: which there are, how they find each other, and which request goes where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod rendered;
mod routing;

use std::collections::{BTreeMap, BTreeSet};

use common::{Homestead, TestInventory};
use insta::assert_snapshot;
use rendered::Rendered;
use serde_json::{Value, json};

const ON: &str = "matrix_synapse_workers_enabled: true\n";

fn rendered(settings: &str) -> Rendered {
    Rendered::of(&format!("{ON}{settings}"))
}

#[test]
fn one_of_each_has_a_process_for_everything() {
    let rendered = rendered("");
    assert_snapshot!(rendered.table(), @"
    appservice-0                                 generic_worker    -
    background-0                                 generic_worker    -
    federation-sender-0                          generic_worker    -
    generic-0                                    generic_worker    18111 client,federation
    media-repository-0                           media_repository  18551 media,client,federation
    pusher-0                                     generic_worker    -
    stream-writer-0-events                       generic_worker    25011 replication
    stream-writer-1-typing                       generic_worker    20012 client; 25012 replication
    stream-writer-2-to-device                    generic_worker    20013 client; 25013 replication
    stream-writer-3-account-data                 generic_worker    20014 client; 25014 replication
    stream-writer-4-receipts                     generic_worker    20015 client; 25015 replication
    stream-writer-5-presence                     generic_worker    20016 client; 25016 replication
    stream-writer-6-push-rules                   generic_worker    20017 client; 25017 replication
    stream-writer-7-device-lists                 generic_worker    20018 client; 25018 replication
    stream-writer-8-quarantined-media-changes    generic_worker    20019 client; 25019 replication
    user-dir-0                                   generic_worker    18661 client
    ");
    let homeserver = rendered.yaml("/matrix/synapse/config/homeserver.yaml");
    let worker = |name: &str| format!("matrix-synapse-worker-{name}");
    for (setting, wanted) in [
        ("federation_sender_instances", json!([worker("federation-sender-0")])),
        ("pusher_instances", json!([worker("pusher-0")])),
        ("notify_appservices_from_worker", json!(worker("appservice-0"))),
        ("update_user_directory_from_worker", json!(worker("user-dir-0"))),
        ("run_background_tasks_on", json!(worker("background-0"))),
        ("media_instance_running_background_jobs", json!(worker("media-repository-0"))),
        ("enable_media_repo", json!(false)),
        ("redis", json!({"enabled": true, "host": "matrix-valkey", "port": 6379, "dbid": 0, "use_tls": false})),
    ] {
        assert_eq!(homeserver[setting], wanted, "{setting}");
    }
    let replication = json!({"type": "http", "port": 9093, "bind_addresses": ["0.0.0.0"], "resources": [{"names": ["replication"]}]});
    assert!(homeserver["listeners"].as_array().unwrap().contains(&replication), "{:#}", homeserver["listeners"]);
    assert_eq!(homeserver["stream_writers"]["to_device"], json!([worker("stream-writer-2-to-device")]));
    assert_eq!(homeserver["instance_map"]["main"], json!({"host": "matrix-synapse", "port": 9093}));
    assert!(rendered.text("/etc/systemd/system/matrix-postgres.service").contains("max_connections=500"));
}

#[test]
fn the_other_presets_have_what_their_names_say() {
    let helper = rendered("matrix_synapse_workers_preset: little-federation-helper\n");
    assert_snapshot!(helper.table(), @"federation-sender-0                          generic_worker    -");
    let homeserver = helper.yaml("/matrix/synapse/config/homeserver.yaml");
    assert_eq!((&homeserver["stream_writers"], &homeserver["enable_media_repo"]), (&json!({}), &json!(true)));
    assert_eq!(homeserver.get("run_background_tasks_on"), None);

    let specialized = rendered("matrix_synapse_workers_preset: specialized-workers\nmatrix_synapse_workers_room_workers_count: 2\n");
    let table = specialized.table();
    let served: Vec<&str> = table.lines().filter(|line| !line.contains("stream-writer") && !line.ends_with('-')).collect();
    assert_snapshot!(served.join("\n"), @"
    client-reader-0                              generic_worker    28311 client
    federation-reader-0                          generic_worker    28411 federation
    media-repository-0                           media_repository  18551 media,client,federation
    room-0                                       generic_worker    28111 client,federation
    room-1                                       generic_worker    28112 client,federation
    sync-0                                       generic_worker    28211 client
    user-dir-0                                   generic_worker    18661 client
    ");
}

#[test]
fn processes_find_each_other() {
    for settings in
        ["", "matrix_synapse_workers_preset: specialized-workers\nmatrix_synapse_workers_stream_writer_events_stream_workers_count: 3\n"]
    {
        let rendered = rendered(settings);
        let homeserver = rendered.yaml("/matrix/synapse/config/homeserver.yaml");
        let workers = rendered.workers();
        let instances = homeserver["instance_map"].as_object().unwrap();
        let mut writers = BTreeSet::new();
        for (stream, names) in homeserver["stream_writers"].as_object().unwrap() {
            for name in names.as_array().unwrap() {
                let name = name.as_str().unwrap();
                // Synapse wants each writer in the instance map, at a listener for replication.
                let port = instances[name]["port"].as_u64().unwrap();
                assert_eq!(instances[name]["host"], name);
                let listeners = &workers[name]["worker_listeners"];
                let listens = |entry: &Value| entry["port"] == port && entry["resources"][0]["names"] == json!(["replication"]);
                assert!(listeners.as_array().unwrap().iter().any(listens), "{stream}: {name}: {listeners}");
                writers.insert(name.to_owned());
            }
        }
        assert_eq!(instances.len(), writers.len() + 1);
        // A container's name is a host name.
        assert!(workers.keys().all(|name| name.len() <= 63 && !name.contains('_')), "{:?}", workers.keys());
        let mut ports: Vec<u64> = Vec::new();
        for (name, worker) in &workers {
            let unit = rendered.text(&format!("/etc/systemd/system/{name}.service"));
            let app = worker["worker_app"].as_str().unwrap();
            let command = format!("run -m {app} -c /data/homeserver.yaml -c /data/worker.{name}.yaml");
            assert!(unit.contains(&command) && unit.contains("Requires=matrix-synapse.service"), "{unit}");
            assert!(unit.contains("docker network connect matrix-valkey"), "{unit}");
            assert_eq!(worker["worker_name"], *name);
            let listeners = worker["worker_listeners"].as_array().cloned().unwrap_or_default();
            // The image's own health check asks a port that no worker has.
            let health = listeners.first().map(|entry| format!("http://localhost:{}/health ", entry["port"]));
            assert!(unit.contains(&health.unwrap_or_else(|| "--no-healthcheck".to_owned())), "{unit}");
            ports.extend(listeners.iter().map(|entry| entry["port"].as_u64().unwrap()));
        }
        let unique: BTreeSet<u64> = ports.iter().copied().collect();
        assert_eq!(unique.len(), ports.len(), "{ports:?}");
    }
}

#[test]
fn without_workers_nothing_of_them_is_there() {
    let inventory = TestInventory::new();
    let rendered = Rendered::in_folder(&inventory);
    assert!(rendered.workers().is_empty());
    let paths = rendered.paths();
    assert!(!paths.iter().any(|path| path.contains("companion") || path.contains("valkey")), "{paths:#?}");
    let homeserver = rendered.yaml("/matrix/synapse/config/homeserver.yaml");
    assert_eq!((&homeserver["instance_map"], &homeserver["stream_writers"]), (&json!({}), &json!({})));
    assert_eq!(homeserver["redis"]["enabled"], false);
    assert!(rendered.labels("/matrix/synapse/labels").contains_key("traefik.http.routers.matrix-synapse-public-client-api.rule"));
}

#[test]
fn the_routes_of_the_server_are_the_companions_and_logins_go_to_mas() {
    let rendered = rendered("matrix_playbook_internal_matrix_client_api_traefik_entrypoint_enabled: true\n");
    let synapse = rendered.labels("/matrix/synapse/labels");
    let routes = |labels: &BTreeMap<String, String>| -> BTreeMap<String, (String, String)> {
        let rule = |key: &String| key.strip_prefix("traefik.http.routers.")?.strip_suffix(".rule").map(str::to_owned);
        let named = labels.keys().filter_map(rule);
        named
            .map(|name| {
                (
                    name.clone(),
                    (
                        labels[&format!("traefik.http.routers.{name}.rule")].clone(),
                        labels[&format!("traefik.http.routers.{name}.entrypoints")].clone(),
                    ),
                )
            })
            .collect()
    };
    assert_eq!(routes(&synapse).into_keys().collect::<Vec<_>>(), ["matrix-synapse-public-client-root"]);
    let companion = routes(&rendered.labels("/matrix/synapse/reverse-proxy-companion/labels"));
    let prefix = "matrix-synapse-reverse-proxy-companion-";
    let names: Vec<&str> = companion.keys().map(|name| name.strip_prefix(prefix).unwrap()).collect();
    assert_eq!(names, ["internal-client-api", "public-client-api", "public-client-synapse-client-api", "public-federation-api"]);

    // Traefik takes the route with the longest rule unless priorities are set, and none are.
    let mas = rendered.labels("/matrix/matrix-authentication-service/config/labels");
    assert!(!mas.keys().any(|key| key.ends_with(".priority")), "{mas:#?}");
    let logins: Vec<(String, String)> = routes(&mas).into_values().filter(|(rule, _)| rule.contains("login")).collect();
    let entrypoints: BTreeSet<&str> = logins.iter().map(|(_, entrypoint)| entrypoint.as_str()).collect();
    assert_eq!(entrypoints, BTreeSet::from(["matrix-internal-matrix-client-api", "web-secure"]));
    for (rule, entrypoint) in &logins {
        for (name, (other, _)) in companion.iter().filter(|(_, (_, other))| other == entrypoint) {
            assert!(rule.len() > other.len(), "`{rule}` must win over `{other}` of {name}");
        }
    }
    // What MAS asks of Synapse goes through the companion too, to the main process.
    let config = rendered.yaml("/matrix/matrix-authentication-service/config/config.yaml");
    assert_eq!(config["matrix"]["endpoint"], "http://matrix-synapse-reverse-proxy-companion:8008");
    assert_eq!(rendered.routing().route(8008, "/_synapse/mas/provision_user"), "main");
}

#[test]
fn what_cannot_work_is_refused() {
    let refusal = |settings: &str| {
        let inventory = TestInventory::new();
        inventory.append(&format!("{ON}{settings}"));
        let outcome = Homestead::on(&inventory).run(&["check"]).exits(3);
        let text = outcome.text();
        text.lines().filter(|line| line.starts_with("error[")).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(refusal("matrix_synapse_workers_preset: two-of-each\n"), "error[H0332]: there is no such preset of workers");
    assert_eq!(
        refusal("matrix_synapse_workers_background_workers_count: 2\n"),
        "error[H0332]: Synapse can have one worker of some kinds only"
    );
    assert_eq!(
        refusal("matrix_synapse_workers_sync_workers_count: 1\n"),
        "error[H0332]: generic workers and specialized ones (room, sync, client reader, federation reader) do not go together"
    );
    assert_eq!(refusal("valkey_enabled: false\n"), "error[H0332]: workers talk to each other through Valkey or Redis");
    let own = "matrix_synapse_workers_enabled_list:\n  - {id: a, name: matrix-synapse-worker-a_b, type: generic_worker, app: generic_worker, webserving: true, port: 1, metrics_port: 2}\n";
    assert_eq!(
        refusal(own),
        "error[H0332]: the names of workers begin with matrix-synapse-worker- and hold small letters, digits and hyphens, 63 in all"
    );
}

#[test]
fn a_redis_of_ones_own_takes_valkeys_place() {
    let rendered = rendered("valkey_enabled: false\nmatrix_synapse_redis_enabled: true\nmatrix_synapse_redis_host: redis.example.net\n");
    assert!(!rendered.paths().iter().any(|path| path.contains("valkey")));
    assert_eq!(rendered.yaml("/matrix/synapse/config/homeserver.yaml")["redis"]["host"], "redis.example.net");
}
