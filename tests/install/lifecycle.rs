//! Install, install again, change, stop, start.

use serde_json::{Value, json};

use crate::installed::{Installed, Units, changed_units};

#[test]
fn a_whole_server_is_installed_and_a_second_run_touches_nothing() {
    let Some(installed) = Installed::start("install") else { return };
    let units = installed.units();
    let states: Vec<String> = units.iter().map(|(name, unit)| format!("{name} {} {}", unit.state, unit.enabled)).collect();
    insta::assert_snapshot!(states.join("\n"), @"
    matrix-authentication-service.service active enabled
    matrix-client-element.service active enabled
    matrix-container-socket-proxy.service active enabled
    matrix-exim-relay.service active enabled
    matrix-postgres.service active enabled
    matrix-static-files.service active enabled
    matrix-synapse.service active enabled
    matrix-traefik.service active enabled
    ");

    let files = installed.files_with_times();
    let again = installed.homestead().run(&["install-all"]).exits(0);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("No changes.\n", ""));
    installed.homestead().run(&["plan", "--detailed-exitcode"]).exits(0);
    installed.homestead().run(&["setup-all"]).exits(0);
    assert_eq!(installed.units(), units);
    assert!(files.contains_key("/matrix/synapse/config/homeserver.yaml") && files.contains_key("/var/lib/homestead/manifest.json"));
    assert_eq!(installed.files_with_times(), files);

    stop_and_start(&installed, &units);
}

fn stop_and_start(installed: &Installed, running: &Units) {
    let active = |units: &Units| units.values().filter(|unit| unit.state == "active").count();
    let homestead = installed.homestead();
    homestead.run(&["stop-group", "synapse"]).exits(0);
    let without = installed.units();
    assert_eq!(without["matrix-synapse.service"].state, "inactive");
    assert_eq!(changed_units(running, &without), ["matrix-synapse.service"]);
    let again = homestead.run(&["install-all"]).exits(0);
    assert_eq!(again.stdout, "    start matrix-synapse.service (it does not run)\nPlan: 1 to start.\n");
    homestead.run(&["run-tags", "stop-group", "-e", "group=synapse"]).exits(0);
    homestead.run(&["start-group", "synapse"]).exits(0);
    assert_eq!(changed_units(running, &installed.units()), ["matrix-synapse.service"]);

    homestead.run(&["stop-all"]).exits(0);
    assert_eq!(active(&installed.units()), 0);
    homestead.run(&["start-all"]).exits(0);
    assert_eq!(active(&installed.units()), running.len());

    a_unit_of_the_administrators(installed);

    let unknown = homestead.run(&["stop-group", "synapze"]).exits(1);
    assert_eq!(unknown.stderr, "error: there is no group `synapze`\nhint: did you mean `synapse`?\n");
    assert_eq!(active(&installed.units()), running.len());
}

/// A unit that no role has, in the list of those that start and stop with the others.
fn a_unit_of_the_administrators(installed: &Installed) {
    installed
        .sandbox
        .script("printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/mine.service; systemctl daemon-reload");
    installed
        .inventory
        .set("devture_systemd_service_manager_services_list_additional", "[{name: mine.service, priority: 500, groups: [mine]}]");
    let state = || installed.sandbox.script("systemctl show --property=ActiveState --value mine.service");
    installed.homestead().run(&["start-group", "mine"]).exits(0);
    assert_eq!(state(), "active\n");
    installed.homestead().run(&["stop-group", "mine"]).exits(0);
    assert_eq!(state(), "inactive\n");
    installed.inventory.unset("devture_systemd_service_manager_services_list_additional");
    installed.sandbox.script("rm /etc/systemd/system/mine.service; systemctl daemon-reload");
}

#[test]
fn a_change_restarts_what_reads_it_alone() {
    let Some(installed) = Installed::start("change") else { return };
    one_setting(&installed);
    a_file_edited_by_hand(&installed);
    a_part_of_the_roles(&installed);
    a_service_less(&installed);
}

/// The lines of a diff that begin with `+` or `-`.
fn changed_lines(action: &Value) -> Vec<&str> {
    let lines = action["diff"].as_str().unwrap_or_default().lines();
    lines.filter(|line| line.starts_with(['+', '-'])).collect()
}

fn one_setting(installed: &Installed) {
    let homestead = installed.homestead();
    let (units, files) = (installed.units(), installed.files_with_times());
    installed.inventory.set("matrix_synapse_max_upload_size_mb", "60");
    let plan = homestead.run(&["plan", "--detailed-exitcode", "--json"]).exits(2).json();
    assert_eq!(plan["version"], 1);
    let plan = &plan["plans"][0];
    let actions: Vec<(&Value, &Value, Vec<&str>)> = plan["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| (&action["resource"]["name"], &action["change"], changed_lines(action)))
        .collect();
    // The folder for uploads in progress is as large as 50 of them.
    assert_eq!(
        actions,
        [
            (
                &json!("/etc/systemd/system/matrix-synapse.service"),
                &json!("update"),
                vec!["-    --tmpfs=/tmp:rw,noexec,nosuid,size=2500m \\", "+    --tmpfs=/tmp:rw,noexec,nosuid,size=3000m \\"],
            ),
            (
                &json!("/matrix/synapse/config/homeserver.yaml"),
                &json!("update"),
                vec!["-max_upload_size: \"50M\"", "+max_upload_size: \"60M\""],
            ),
        ]
    );
    let restarts: Vec<(&Value, &Value)> =
        plan["restarts"].as_array().unwrap().iter().map(|restart| (&restart["unit"], &restart["kind"])).collect();
    assert_eq!(restarts, [(&json!("matrix-synapse.service"), &json!("restart"))]);

    let shown = homestead.run(&["plan"]).exits(0);
    insta::assert_snapshot!(shown.text(), @r#"
    $ homestead plan
    -- stdout
       update file /etc/systemd/system/matrix-synapse.service
        @@ -27,7 +27,7 @@
             --network=matrix-homeserver \
             --health-interval=5s \
             --label-file=/matrix/synapse/labels \
        -    --tmpfs=/tmp:rw,noexec,nosuid,size=2500m \
        +    --tmpfs=/tmp:rw,noexec,nosuid,size=3000m \
             --mount=type=bind,src=/matrix/synapse/config,dst=/data,ro \
             --mount=type=bind,src=/matrix/synapse/storage,dst=/matrix-media-store-parent,bind-propagation=slave \
             --mount=type=bind,src=/matrix/postgres/run,dst=/run-postgres \
       update file /matrix/synapse/config/homeserver.yaml
        @@ -82,7 +82,7 @@
         matrix_authentication_service.secret: [redacted]
         matrix_rtc.transports: []
         max_spider_size: "10M"
        -max_upload_size: "50M"
        +max_upload_size: "60M"
         media_retention: null
         media_storage_providers: []
         media_store_path: "/matrix-media-store-parent/media-store"
      restart matrix-synapse.service (/etc/systemd/system/matrix-synapse.service changes, and 1 more)
    Plan: 2 to update, 1 to restart.
    -- exit code 0
    "#);
    let checked = homestead.run(&["install-all", "--check", "--diff"]).exits(0);
    assert_eq!(checked.stdout, shown.stdout);
    assert_eq!((installed.units(), installed.files_with_times()), (units.clone(), files));

    homestead.run(&["install-all"]).exits(0);
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-synapse.service"]);
    assert_eq!(installed.units()["matrix-synapse.service"].state, "active");
    let read = installed.sandbox.script("docker exec matrix-synapse grep ^max_upload_size /data/homeserver.yaml");
    assert_eq!(read, "max_upload_size: \"60M\"\n");
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
}

fn a_file_edited_by_hand(installed: &Installed) {
    let without_counter = || {
        let mut files = installed.files();
        files.remove("/var/lib/homestead/manifest.json").unwrap();
        files
    };
    let (units, files) = (installed.units(), without_counter());
    installed.sandbox.script("sed -i '1i # A remark of an administrator.' /matrix/synapse/config/homeserver.yaml");
    let outcome = installed.homestead().run(&["install-all", "--diff"]).exits(0);
    assert_eq!(outcome.stdout, " reformat file /matrix/synapse/config/homeserver.yaml\nPlan: 1 to reformat.\n");
    assert_eq!(installed.units(), units);
    assert_eq!(without_counter(), files);

    installed.sandbox.script("chmod 644 /matrix/synapse/config/homeserver.yaml");
    let outcome = installed.homestead().run(&["install-all"]).exits(0);
    assert_eq!(outcome.stdout, "   adjust file /matrix/synapse/config/homeserver.yaml (mode 0644 -> 0640)\nPlan: 1 to adjust.\n");
    assert_eq!(installed.units(), units);
    assert_eq!(installed.sandbox.script("stat -c %a /matrix/synapse/config/homeserver.yaml"), "640\n");
}

fn a_part_of_the_roles(installed: &Installed) {
    let units = installed.units();
    installed.inventory.set("matrix_synapse_max_upload_size_mb", "70").set("matrix_client_element_brand", "Our Element");
    installed.homestead().run(&["run-tags", "install-synapse"]).exits(0);
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-synapse.service"]);
    let rest = installed.homestead().run(&["install-all"]).exits(0);
    assert_eq!(
        rest.stdout,
        "   update file /matrix/client-element/config.json\n  restart matrix-client-element.service (/matrix/client-element/config.json \
         changes)\nPlan: 1 to update, 1 to restart.\n"
    );
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-client-element.service", "matrix-synapse.service"]);
}

fn a_service_less(installed: &Installed) {
    let units = installed.units();
    installed.inventory.set("matrix_client_element_enabled", "false");
    // Synapse's front page leads to the web client.
    let kept = installed.homestead().run(&["install-all"]).exits(0);
    assert!(
        kept.stdout.contains("orphan unit matrix-client-element.service (nothing wants it; `setup-all` removes it)"),
        "{}",
        kept.text()
    );
    assert_eq!(installed.units()["matrix-client-element.service"], units["matrix-client-element.service"]);
    installed.homestead().run(&["setup-all"]).exits(0);
    assert!(!installed.units().contains_key("matrix-client-element.service"));
    let left = installed.sandbox.script(
        "ls /etc/systemd/system | grep element; find /matrix/client-element -type f; docker ps --all --quiet --filter name=element",
    );
    assert_eq!(left, "");
    assert_eq!(installed.homestead().run(&["setup-all"]).exits(0).stdout, "No changes.\n");
    let others = installed.units();
    assert!(others.values().all(|unit| unit.state == "active"), "{others:#?}");
    assert_eq!(others["matrix-postgres.service"], units["matrix-postgres.service"]);
}
