//! nginx' choice of a location, as far as the companion's configuration uses it, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::rendered::Rendered;

/// The servers and upstreams of the companion.
pub struct Routing {
    /// Port -> locations in their order: pattern, upstream.
    servers: BTreeMap<u16, Vec<(Regex, String)>>,
    /// Name -> `host:port` of its servers.
    upstreams: BTreeMap<String, Vec<String>>,
}

impl Routing {
    pub fn read(text: &str) -> Self {
        let mut routing = Self { servers: BTreeMap::new(), upstreams: BTreeMap::new() };
        let (mut port, mut upstream, mut pattern) = (0, String::new(), None);
        for line in text.lines().map(str::trim) {
            let words: Vec<&str> = line.trim_end_matches([';', '{']).split_whitespace().collect();
            match words.as_slice() {
                ["listen", number] => {
                    port = number.parse().unwrap();
                    routing.servers.insert(port, Vec::new());
                }
                ["upstream", name] => {
                    upstream = (*name).to_owned();
                    routing.upstreams.insert(upstream.clone(), Vec::new());
                }
                ["server", address, "resolve"] => routing.upstreams.get_mut(&upstream).unwrap().push((*address).to_owned()),
                ["location", "~", ..] => {
                    let quoted = line.strip_prefix("location ~ ").unwrap().strip_suffix(" {").unwrap();
                    // Strings of nginx with these escapes are strings of JSON.
                    let text: String = serde_json::from_str(quoted).unwrap();
                    pattern = Some(Regex::new(&text).unwrap_or_else(|error| panic!("{text}: {error}")));
                }
                ["location", ..] => pattern = None,
                ["proxy_pass", target] => {
                    let target = target.strip_prefix("http://").unwrap();
                    let target = target.strip_suffix("$request_uri").map_or("main", |name| name.strip_suffix("_upstream").unwrap());
                    if let Some(pattern) = pattern.take() {
                        routing.servers.get_mut(&port).unwrap().push((pattern, target.to_owned()));
                    }
                }
                _ => {}
            }
        }
        routing
    }

    /// The first location that matches, as nginx takes it; `main` without one.
    pub fn route(&self, port: u16, path: &str) -> &str {
        self.servers[&port].iter().find(|(pattern, _)| pattern.is_match(path)).map_or("main", |(_, target)| target)
    }

    fn table(&self, requests: &[(u16, &str)]) -> String {
        requests.iter().map(|(port, path)| format!("{path} -> {}", self.route(*port, path))).collect::<Vec<_>>().join("\n")
    }
}

const CLIENTS: &[(u16, &str)] = &[
    (8008, "/_matrix/client/v3/sync"),
    (8008, "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"),
    (8008, "/_matrix/client/v3/createRoom"),
    (8008, "/_matrix/client/v3/rooms/!a:example.com/send/m.room.message/1"),
    (8008, "/_matrix/client/v3/rooms/!31uzOWthVE1xhp_AuqJk6GZNHq1tmxy5gqufji_ed8E/send/m.room.message/1"),
    (8008, "/_matrix/client/v3/rooms/!a:example.com/typing/@b:example.com"),
    (8008, "/_matrix/client/v3/rooms/!a:example.com/receipt/m.read/$c"),
    (8008, "/_matrix/client/v3/rooms/!a:example.com/forget"),
    (8008, "/_matrix/client/v3/sendToDevice/m.x/1"),
    (8008, "/_matrix/client/v3/user/@b:example.com/account_data/m.x"),
    (8008, "/_matrix/client/v3/presence/@b:example.com/status"),
    (8008, "/_matrix/client/v3/pushrules/"),
    (8008, "/_matrix/client/v3/keys/upload"),
    (8008, "/_matrix/client/v3/keys/query"),
    (8008, "/_matrix/client/v3/login"),
    (8008, "/_matrix/client/v3/login/sso/redirect"),
    (8008, "/_matrix/client/v3/register"),
    (8008, "/_matrix/client/v3/account/whoami"),
    (8008, "/_matrix/client/v3/user_directory/search"),
    (8008, "/_matrix/media/v3/upload"),
    (8008, "/_matrix/client/v1/media/download/example.com/a"),
    (8008, "/_synapse/admin/v1/quarantine_media/!a:example.com"),
    (8008, "/_synapse/admin/v1/users/@b:example.com/media"),
    (8008, "/_synapse/admin/v1/server_version"),
    (8008, "/_synapse/mas/provision_user"),
];
const SERVERS: &[(u16, &str)] = &[
    (8048, "/_matrix/federation/v1/send/1"),
    (8048, "/_matrix/federation/v1/state_ids/!a:example.com"),
    (8048, "/_matrix/federation/v1/media/download/a"),
    (8048, "/_matrix/key/v2/query"),
    (8048, "/_matrix/federation/v1/openid/userinfo"),
    (8048, "/_synapse/admin/v1/users/@b:example.com/media"),
];

#[test]
fn generic_workers_take_what_is_no_one_elses() {
    let routing = crate::rendered("").routing();
    insta::assert_snapshot!(routing.table(CLIENTS), @"
    /_matrix/client/v3/sync -> generic_workers
    /_matrix/client/unstable/org.matrix.simplified_msc3575/sync -> generic_workers
    /_matrix/client/v3/createRoom -> generic_workers
    /_matrix/client/v3/rooms/!a:example.com/send/m.room.message/1 -> generic_workers
    /_matrix/client/v3/rooms/!31uzOWthVE1xhp_AuqJk6GZNHq1tmxy5gqufji_ed8E/send/m.room.message/1 -> generic_workers
    /_matrix/client/v3/rooms/!a:example.com/typing/@b:example.com -> stream_writer_typing_stream_workers
    /_matrix/client/v3/rooms/!a:example.com/receipt/m.read/$c -> stream_writer_receipts_stream_workers
    /_matrix/client/v3/rooms/!a:example.com/forget -> main
    /_matrix/client/v3/sendToDevice/m.x/1 -> stream_writer_to_device_stream_workers
    /_matrix/client/v3/user/@b:example.com/account_data/m.x -> stream_writer_account_data_stream_workers
    /_matrix/client/v3/presence/@b:example.com/status -> stream_writer_presence_stream_workers
    /_matrix/client/v3/pushrules/ -> stream_writer_push_rules_stream_workers
    /_matrix/client/v3/keys/upload -> stream_writer_device_lists_stream_workers
    /_matrix/client/v3/keys/query -> generic_workers
    /_matrix/client/v3/login -> generic_workers
    /_matrix/client/v3/login/sso/redirect -> main
    /_matrix/client/v3/register -> main
    /_matrix/client/v3/account/whoami -> generic_workers
    /_matrix/client/v3/user_directory/search -> user_dir_workers
    /_matrix/media/v3/upload -> media_repository_workers
    /_matrix/client/v1/media/download/example.com/a -> media_repository_workers
    /_synapse/admin/v1/quarantine_media/!a:example.com -> stream_writer_quarantined_media_changes_stream_workers
    /_synapse/admin/v1/users/@b:example.com/media -> media_repository_workers
    /_synapse/admin/v1/server_version -> main
    /_synapse/mas/provision_user -> main
    ");
    insta::assert_snapshot!(routing.table(SERVERS), @"
    /_matrix/federation/v1/send/1 -> generic_workers
    /_matrix/federation/v1/state_ids/!a:example.com -> generic_workers
    /_matrix/federation/v1/media/download/a -> media_repository_workers
    /_matrix/key/v2/query -> generic_workers
    /_matrix/federation/v1/openid/userinfo -> main
    /_synapse/admin/v1/users/@b:example.com/media -> main
    ");
}

#[test]
fn specialized_workers_share_out_the_rest() {
    let routing = crate::rendered("matrix_synapse_workers_preset: specialized-workers\n").routing();
    insta::assert_snapshot!(routing.table(CLIENTS), @"
    /_matrix/client/v3/sync -> sync_workers
    /_matrix/client/unstable/org.matrix.simplified_msc3575/sync -> sync_workers
    /_matrix/client/v3/createRoom -> client_reader_workers
    /_matrix/client/v3/rooms/!a:example.com/send/m.room.message/1 -> room_workers
    /_matrix/client/v3/rooms/!31uzOWthVE1xhp_AuqJk6GZNHq1tmxy5gqufji_ed8E/send/m.room.message/1 -> room_workers
    /_matrix/client/v3/rooms/!a:example.com/typing/@b:example.com -> stream_writer_typing_stream_workers
    /_matrix/client/v3/rooms/!a:example.com/receipt/m.read/$c -> stream_writer_receipts_stream_workers
    /_matrix/client/v3/rooms/!a:example.com/forget -> main
    /_matrix/client/v3/sendToDevice/m.x/1 -> stream_writer_to_device_stream_workers
    /_matrix/client/v3/user/@b:example.com/account_data/m.x -> stream_writer_account_data_stream_workers
    /_matrix/client/v3/presence/@b:example.com/status -> stream_writer_presence_stream_workers
    /_matrix/client/v3/pushrules/ -> stream_writer_push_rules_stream_workers
    /_matrix/client/v3/keys/upload -> stream_writer_device_lists_stream_workers
    /_matrix/client/v3/keys/query -> client_reader_workers
    /_matrix/client/v3/login -> client_reader_workers
    /_matrix/client/v3/login/sso/redirect -> main
    /_matrix/client/v3/register -> main
    /_matrix/client/v3/account/whoami -> client_reader_workers
    /_matrix/client/v3/user_directory/search -> user_dir_workers
    /_matrix/media/v3/upload -> media_repository_workers
    /_matrix/client/v1/media/download/example.com/a -> media_repository_workers
    /_synapse/admin/v1/quarantine_media/!a:example.com -> stream_writer_quarantined_media_changes_stream_workers
    /_synapse/admin/v1/users/@b:example.com/media -> media_repository_workers
    /_synapse/admin/v1/server_version -> main
    /_synapse/mas/provision_user -> main
    ");
    insta::assert_snapshot!(routing.table(SERVERS), @"
    /_matrix/federation/v1/send/1 -> federation_reader_workers
    /_matrix/federation/v1/state_ids/!a:example.com -> room_workers
    /_matrix/federation/v1/media/download/a -> media_repository_workers
    /_matrix/key/v2/query -> federation_reader_workers
    /_matrix/federation/v1/openid/userinfo -> main
    /_synapse/admin/v1/users/@b:example.com/media -> main
    ");
}

#[test]
fn a_helper_for_the_federation_leaves_requests_to_the_main_process() {
    let routing = crate::rendered("matrix_synapse_workers_preset: little-federation-helper\n").routing();
    assert!(CLIENTS.iter().chain(SERVERS).all(|(port, path)| routing.route(*port, path) == "main"));
    assert!(routing.upstreams.is_empty());
}

#[test]
fn every_location_leads_to_a_worker_that_serves_its_paths() {
    for preset in ["one-of-each", "specialized-workers"] {
        let rendered: Rendered = crate::rendered(&format!(
            "matrix_synapse_workers_preset: {preset}\nmatrix_synapse_workers_stream_writer_thread_subscriptions_stream_workers_count: 1\n"
        ));
        let (routing, workers) = (rendered.routing(), rendered.workers());
        let mut reached = BTreeSet::new();
        for (port, locations) in &routing.servers {
            let resource = if *port == 8048 { "federation" } else { "client" };
            for (pattern, name) in locations.iter().filter(|(_, name)| name != "main") {
                for server in &routing.upstreams[&format!("{name}_upstream")] {
                    let (host, listener) = server.split_once(':').unwrap();
                    let listeners = workers[host]["worker_listeners"].as_array().unwrap();
                    let found = listeners
                        .iter()
                        .find(|entry| entry["port"].as_u64().map(|port| port.to_string()).as_deref() == Some(listener))
                        .unwrap();
                    let names = found["resources"][0]["names"].as_array().unwrap();
                    assert!(names.iter().any(|name| name == resource), "{preset}: {pattern} goes to {host}: {found}");
                    reached.insert(host.to_owned());
                }
            }
        }
        // And there is none that waits in vain.
        let serves = |listener: &serde_json::Value| listener["resources"][0]["names"][0] != "replication";
        let listening = |worker: &serde_json::Value| worker["worker_listeners"].as_array().is_some_and(|all| all.iter().any(serves));
        let serving: BTreeSet<String> = workers.iter().filter(|(_, worker)| listening(worker)).map(|(name, _)| name.clone()).collect();
        assert_eq!(reached, serving, "{preset}");
    }
}

#[test]
fn more_workers_share_the_work() {
    let settings = "matrix_synapse_workers_generic_workers_count: 3\nmatrix_synapse_workers_media_repository_workers_count: 2\n";
    let routing = crate::rendered(settings).routing();
    let generic: Vec<String> = (0..3).map(|number| format!("matrix-synapse-worker-generic-{number}:{}", 18111 + number)).collect();
    assert_eq!(routing.upstreams["generic_workers_upstream"], generic);
    assert_eq!(routing.upstreams["media_repository_workers_upstream"].len(), 2);
}

#[test]
fn one_users_media_is_not_cached_for_another() {
    let rendered = crate::rendered("matrix_synapse_reverse_proxy_companion_synapse_cache_enabled: true\n");
    let text = rendered.text("/matrix/synapse/reverse-proxy-companion/conf.d/matrix-synapse-reverse-proxy-companion.conf");
    let (mut location, mut cached) = (String::new(), 0);
    for line in text.lines().map(str::trim) {
        if line.starts_with("location ") {
            line.clone_into(&mut location);
        }
        if line.starts_with("proxy_cache STATIC") {
            assert!(location.contains("media/") && !location.contains("_synapse"), "{location}");
            cached += 1;
        }
    }
    let keys = text.matches("proxy_cache_key $proxy_host$request_uri$http_authorization;").count();
    assert_eq!((cached, keys), (6, 6), "{text}");
}
