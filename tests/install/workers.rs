//! Synapse as several processes: on, with fewer of them, and off again.

use serde_json::{Value, json};

use crate::common::{Homestead, TestInventory, wait_for};
use crate::installed::Installed;

const PASSWORD: &str = "test-only-oor4Tahw9aiX";

/// Few, for the machine's sake: one of each sort (serves clients, writes a stream, has a path of its own, has no port).
const FEW: &str = "\
matrix_synapse_workers_enabled: true
matrix_synapse_workers_preset: little-federation-helper
matrix_synapse_workers_federation_sender_workers_count: 0
matrix_synapse_workers_generic_workers_count: 1
matrix_synapse_workers_stream_writer_typing_stream_workers_count: 1
matrix_synapse_workers_media_repository_workers_count: 1
matrix_synapse_workers_pusher_workers_count: 1
matrix_synapse_log_level: INFO
matrix_synapse_root_log_level: INFO
";

const ALL: [&str; 6] = [
    "matrix-synapse-reverse-proxy-companion.service",
    "matrix-synapse-worker-generic-0.service",
    "matrix-synapse-worker-media-repository-0.service",
    "matrix-synapse-worker-pusher-0.service",
    "matrix-synapse-worker-stream-writer-0-typing.service",
    "matrix-synapse.service",
];

#[test]
fn workers_come_serve_and_go() {
    let Some(installed) = Installed::bare("workers") else { return };
    installed.inventory.append(FEW);
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    homestead.run(&["install-all"]).exits(0);
    assert_eq!(synapse_units(&installed), ALL);
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    nginx_takes_every_preset(&installed);

    homestead.run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
    let token = log_in(&installed);
    each_request_reaches_its_process(&installed, &token);

    one_worker_less(&installed, &token);
    no_workers(&installed, &token);
}

fn each_request_reaches_its_process(installed: &Installed, token: &str) {
    talk(installed, token);
    for (unit, request) in [
        ("worker-generic-0", "POST /_matrix/client/v3/createRoom"),
        ("worker-generic-0", "GET /_matrix/client/v3/sync"),
        ("worker-stream-writer-0-typing", "/typing/"),
        ("worker-media-repository-0", "POST /_matrix/media/v3/upload"),
    ] {
        assert!(served(installed, &format!("matrix-synapse-{unit}"), request), "{unit} did not serve {request}");
        assert!(!served(installed, "matrix-synapse", request), "the main process served {request}");
    }
}

/// A writer that is not declared any more and one that nobody remembers must not go on writing.
fn one_worker_less(installed: &Installed, token: &str) {
    installed.sandbox.script(
        "printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/matrix-synapse-worker-left-0.service
         systemctl daemon-reload; systemctl start matrix-synapse-worker-left-0",
    );
    installed.inventory.unset("matrix_synapse_workers_stream_writer_typing_stream_workers_count");
    let homestead = installed.homestead();
    let text = homestead.run(&["install-all"]).exits(0).stdout;
    for line in [
        "   remove unit matrix-synapse-worker-left-0.service\n",
        "   remove unit matrix-synapse-worker-stream-writer-0-typing.service\n",
        "   remove file /matrix/synapse/config/worker.matrix-synapse-worker-stream-writer-0-typing.yaml\n",
        "     stop matrix-synapse-worker-left-0.service (its role does not declare it any more)\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let left: Vec<&str> = ALL.into_iter().filter(|unit| !unit.contains("typing")).collect();
    assert_eq!(synapse_units(installed), left);
    talk(installed, token);
    assert!(served(installed, "matrix-synapse", "/typing/"), "the main process writes the stream now");
}

fn no_workers(installed: &Installed, token: &str) {
    for line in FEW.lines().filter(|line| line.contains("workers")) {
        installed.inventory.unset(line.split(':').next().unwrap());
    }
    let homestead = installed.homestead();
    homestead.run(&["install-all"]).exits(0);
    assert_eq!(synapse_units(installed), ["matrix-synapse.service"]);
    talk(installed, token);
    log_in(installed);
    // Valkey harms nobody; it waits.
    let again = homestead.run(&["plan"]).exits(0).stdout;
    assert!(again.contains("   orphan unit matrix-valkey.service (nothing wants it; `setup-all` removes it)\n"), "{again}");
    homestead.run(&["setup-all"]).exits(0);
    assert!(!installed.units().contains_key("matrix-valkey.service"));
    let kept = "     kept data of valkey: /matrix/valkey/data (`setup-all --purge-data valkey` removes it for good)\n";
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, format!("{kept}No changes.\n"));
}

/// The configuration of each preset, in the image that the host has.
fn nginx_takes_every_preset(installed: &Installed) {
    for preset in ["one-of-each", "little-federation-helper", "specialized-workers"] {
        let inventory: TestInventory = installed.another_inventory();
        // The sandbox' nginx runs no scripts.
        inventory.append(&format!(
            "matrix_synapse_workers_enabled: true\nmatrix_synapse_workers_preset: {preset}\nmatrix_synapse_federation_enabled: true\n\
             matrix_synapse_reverse_proxy_companion_synapse_cache_enabled: true\n\
             matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_enabled: false\n"
        ));
        Homestead::on(&inventory).run(&["render", "--out", "out"]).exits(0);
        let folder = "out/matrix.example.com/matrix/synapse/reverse-proxy-companion";
        let servers = inventory.read(&format!("{folder}/conf.d/matrix-synapse-reverse-proxy-companion.conf"));
        let output = installed.sandbox.exec(
            "docker run --rm -i -v /matrix/synapse/reverse-proxy-companion/nginx.conf:/etc/nginx/nginx.conf:ro \
             \"$(docker inspect --format '{{.Config.Image}}' matrix-synapse-reverse-proxy-companion)\" \
             sh -c 'cat >/etc/nginx/conf.d/servers.conf; nginx -t' 2>&1",
            servers.as_bytes(),
        );
        assert!(output.status.success(), "{preset}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// What a client does: a room, a message, typing, a file, and what comes of it.
fn talk(installed: &Installed, token: &str) {
    let room = ask(installed, "POST", "createRoom", token, &json!({"name": "Workers"}));
    let room = room["room_id"].as_str().unwrap().to_owned();
    let message = json!({"msgtype": "m.text", "body": "from one process to another"});
    let sent = ask(installed, "PUT", &format!("rooms/{room}/send/m.room.message/{}", room.len()), token, &message);
    ask(installed, "PUT", &format!("rooms/{room}/typing/@alice:example.com"), token, &json!({"typing": true, "timeout": 60000}));
    let file = ask(installed, "POST", "/_matrix/media/v3/upload?filename=a.json", token, &json!({"a": "file"}));
    assert!(file["content_uri"].as_str().unwrap().starts_with("mxc://example.com/"), "{file}");
    wait_for(20, "the message and who types in /sync", || {
        let sync = ask(installed, "GET", "sync", token, &Value::Null);
        let joined = &sync["rooms"]["join"][&room];
        let arrived = joined["timeline"]["events"].as_array()?.iter().any(|event| event["event_id"] == sent["event_id"]);
        let typing = joined["ephemeral"]["events"].as_array()?.iter().any(|event| event["content"]["user_ids"][0] == "@alice:example.com");
        (arrived && typing).then_some(())
    });
}

fn log_in(installed: &Installed) -> String {
    let request = json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "alice"}, "password": PASSWORD});
    let login = ask(installed, "POST", "login", "", &request);
    login["access_token"].as_str().unwrap().to_owned()
}

/// Asks as a client does, through Traefik, which takes a moment to see new containers.
fn ask(installed: &Installed, method: &str, path: &str, token: &str, body: &Value) -> Value {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/_matrix/client/v3/{path}") };
    let mut config = format!("request = {method}\n");
    if !token.is_empty() {
        config.push_str(&format!("header = \"Authorization: Bearer {token}\"\n"));
    }
    if !body.is_null() {
        config.push_str(&format!("header = \"Content-Type: application/json\"\ndata = {}\n", Value::String(body.to_string())));
    }
    wait_for(40, &format!("an answer to {method} {path}"), || {
        let script = format!("curl --silent --show-error --fail --max-time 20 --globoff --config - 'https://matrix.example.com{path}'");
        let output = installed.sandbox.exec(&script, config.as_bytes());
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    })
}

/// Whether a process wrote down that it served such a request.
fn served(installed: &Installed, unit: &str, request: &str) -> bool {
    let log = installed.sandbox.script(&format!("journalctl --unit {unit} --output cat --no-pager"));
    log.lines().any(|line| line.contains("Processed request") && line.contains(request))
}

/// The units of Synapse that there are; each must run.
fn synapse_units(installed: &Installed) -> Vec<String> {
    let units = installed.units();
    let ours = units.into_iter().filter(|(name, _)| name.starts_with("matrix-synapse"));
    ours.map(|(name, unit)| {
        assert_eq!((unit.state.as_str(), unit.enabled.as_str()), ("active", "enabled"), "{name}");
        name
    })
    .collect()
}
