//! Runs that succeed can be gone back to, and runs that are cut off are completed or put back by the next.

use crate::common::wait_for;
use crate::installed::{Installed, changed_units};

/// Synapse exits at once, and homestead does not wait for it as long as for one that may be slow.
const BROKEN: &str = "\
matrix_synapse_systemd_healthcheck_max_retries: 8
matrix_synapse_configuration_extension_yaml: |
  database: {args: {port: 1}}
";

#[test]
fn a_host_goes_back_to_earlier_generations() {
    let Some(installed) = Installed::start("generations") else { return };
    let first = files(&installed);
    a_rollback(&installed);
    assert_eq!(files(&installed), first);
    an_image_that_moved(&installed);
    another_schema(&installed);
    too_many(&installed);
}

#[test]
fn what_is_cut_off_is_completed_by_the_next_run() {
    let Some(installed) = Installed::start("cut-off") else { return };
    a_killed_run(&installed);
    a_killed_way_back(&installed);
    a_lock_taken_away(&installed);
}

/// Without what homestead writes down about itself.
fn files(installed: &Installed) -> std::collections::BTreeMap<String, String> {
    let mut files = installed.files();
    files.remove("/var/lib/homestead/manifest.json").unwrap();
    files
}

fn a_rollback(installed: &Installed) {
    let homestead = installed.homestead();
    let only = homestead.run(&["rollback"]).exits(1);
    assert!(only.stderr.contains("generation 0 is all there is before the current one"), "{}", only.text());
    let before = files(installed);
    let changed = installed.another_inventory();
    changed.set("matrix_synapse_max_upload_size_mb", "60").set("matrix_client_element_enabled", "false");
    installed.homestead_on(&changed).run(&["setup-all"]).exits(0);
    assert_ne!(files(installed), before);

    let list = homestead.run(&["generations", "--json"]).exits(0).json();
    let numbers: Vec<u64> =
        list["hosts"][0]["generations"].as_array().unwrap().iter().map(|one| one["generation"].as_u64().unwrap()).collect();
    assert_eq!((numbers.as_slice(), list["hosts"][0]["current"].as_u64()), ([0, 1, 2].as_slice(), Some(2)), "{list:#}");
    let second = &list["hosts"][0]["generations"][2];
    assert_eq!(second["command"], "homestead setup-all");
    assert!(second["schemas"]["synapse"]["compat"].as_i64().unwrap() > 0, "{second:#}");
    assert!(second["schemas"]["mas"].as_i64().unwrap() > 0 && second["schemas"]["postgres"].as_i64().unwrap() >= 18, "{second:#}");

    let units = installed.units();
    let unasked = homestead.run(&["rollback"]).exits(1);
    assert!(unasked.stderr.contains("there is no terminal to ask for a confirmation; nothing was touched"), "{}", unasked.text());
    assert!(unasked.stdout.contains("update file /matrix/synapse/config/homeserver.yaml\n"), "{}", unasked.text());
    assert!(!unasked.stdout.contains("60M"), "{}", unasked.text());
    assert_eq!(installed.units(), units);
    // A file that cannot be brought back is named before anything is touched.
    let lost = installed.sandbox.script(
        "cd /var/lib/homestead && sum=$(grep -A1 '\"/matrix/synapse/config/homeserver.yaml\"' generations/1/manifest.json | grep -o '[0-9a-f]\\{64\\}') \
         && mv objects/$sum /root/ && echo $sum",
    );
    let missing = homestead.run(&["rollback", "--yes"]).exits(2);
    assert!(
        missing.stderr.contains("the content of `/matrix/synapse/config/homeserver.yaml` was not kept, or is damaged"),
        "{}",
        missing.text()
    );
    installed.sandbox.script(&format!("mv /root/{} /var/lib/homestead/objects/", lost.trim()));

    let back = homestead.run(&["rollback", "--yes"]).exits(0);
    assert!(back.stdout.contains("start matrix-client-element.service"), "{}", back.text());
    assert!(back.stderr.contains("as it was at generation 1"), "{}", back.text());
    assert!(installed.units().values().all(|unit| unit.state == "active" && unit.enabled == "enabled"), "{:#?}", installed.units());
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    let list = homestead.run(&["generations"]).exits(0).stdout;
    assert!(list.lines().last().unwrap().starts_with("*    3  ") && list.contains("`homestead rollback to 1`"), "{list}");
}

/// A name that stands for another image by now stands for the one of then again, from the registry if need be.
fn an_image_that_moved(installed: &Installed) {
    const NAME: &str = "127.0.0.1:5000/element-hq/element-web:v1.12.26";
    let id = || installed.sandbox.script(&format!("docker image inspect --format '{{{{.Id}}}}' {NAME}"));
    let running = || installed.sandbox.script("docker container inspect --format '{{.Image}}' matrix-client-element");
    let before = id();
    // Saved and loaded, so that the engine does not know it for a child of the other, which could not be removed then.
    installed.sandbox.script(&format!(
        "echo 'FROM {NAME}\nLABEL moved=yes' | docker build --quiet --tag {NAME} - && docker save --output /root/moved.tar {NAME} \
         && docker image rm {NAME} && docker load --input /root/moved.tar && rm /root/moved.tar && systemctl restart matrix-client-element"
    ));
    wait_for(30, "the other image to run", || (running() != before && running().starts_with("sha256:")).then_some(()));
    let changed = installed.another_inventory();
    changed.set("matrix_client_element_brand", "Our Element");
    installed.homestead_on(&changed).run(&["install-all"]).exits(0);
    let moved = id();
    assert_ne!(moved, before);
    installed.homestead().run(&["rollback", "--yes"]).exits(0);
    assert_eq!((id(), running()), (before.clone(), before.clone()));
    // And forth again; what it goes back to then is not on the host any more, and comes by its digest.
    installed.homestead().run(&["rollback", "4", "--yes"]).exits(0);
    assert_eq!((id(), running()), (moved.clone(), moved));
    installed.sandbox.script(&format!("docker image rm --force {}", before.trim()));
    assert!(!installed.sandbox.exec(&format!("docker image inspect {}", before.trim()), b"").status.success());
    let back = installed.homestead().run(&["rollback", "3", "--yes"]).exits(0);
    assert!(back.stdout.contains(&format!("update image {NAME}")), "{}", back.text());
    assert_eq!((id(), running()), (before.clone(), before));
}

/// The programs of then could not run on the database: said, and nothing touched.
fn another_schema(installed: &Installed) {
    let compat = |version: &str| {
        let sql = format!("UPDATE schema_compat_version SET compat_version = {version}");
        installed.sandbox.script(&format!("echo '\\\\c synapse\n{sql}' | /matrix/postgres/bin/cli-non-interactive --quiet"))
    };
    let now = installed.sandbox.script(
        "echo '\\\\c synapse\nSELECT compat_version FROM schema_compat_version' | /matrix/postgres/bin/cli-non-interactive --quiet --tuples-only --no-align",
    );
    compat("9999");
    let (before, units) = (installed.files(), installed.units());
    let refused = installed.homestead().run(&["rollback", "2", "--yes"]).exits(2);
    assert!(refused.stderr.contains("Synapse's database needs a Synapse that knows schema 9999 since then"), "{}", refused.text());
    assert!(refused.stderr.contains("hint: nothing was touched"), "{}", refused.text());
    assert_eq!((installed.files(), installed.units()), (before, units));
    compat(now.trim());
}

/// Ten are kept, with the contents that they name and no others.
fn too_many(installed: &Installed) {
    installed.sandbox.script(
        "cd /var/lib/homestead && for number in $(seq 20 40); do cp -r generations/1 generations/$number; done \
         && sed -i 's/\"generation\": [0-9]*/\"generation\": 40/' manifest.json && echo nobody >objects/$(echo nobody | sha256sum | cut -d ' ' -f 1)",
    );
    let changed = installed.another_inventory();
    changed.set("matrix_client_element_brand", "Their Element");
    installed.homestead_on(&changed).run(&["install-all"]).exits(0);
    let kept = installed.sandbox.script("cd /var/lib/homestead && echo $(ls generations | sort -n) && grep -l nobody objects/* || true");
    assert_eq!(kept, "32 33 34 35 36 37 38 39 40 41\n");
}

/// Waits until the run that goes on has written this into its journal.
fn journal(installed: &Installed, words: &str) {
    wait_for(60, words, || {
        let script =
            format!("set -- $(ls -t /var/lib/homestead/journal/*) && ! grep -q '\"event\":\"end\"' \"$1\" && grep -q '{words}' \"$1\"");
        installed.sandbox.exec(&script, b"").status.success().then_some(())
    });
}

/// Killed between stop and start: the next run says so, starts what stands still, and is done.
fn a_killed_run(installed: &Installed) {
    let changed = installed.another_inventory();
    changed.set("matrix_synapse_max_upload_size_mb", "60").set("matrix_client_element_brand", "Our Element");
    let homestead = installed.homestead_on(&changed);
    let run = homestead.start(&["install-all"], "");
    journal(installed, "\"step\":\"restart\"");
    run.signal("KILL");
    run.wait().exits(137);
    // As if the machine had been cut off while Synapse was down.
    installed.sandbox.script("systemctl stop matrix-synapse");

    let plan = homestead.run(&["plan"]).exits(0);
    assert!(plan.stderr.contains("(`homestead install-all` by tester@laptop, since "), "{}", plan.text());
    assert!(plan.stderr.contains("; the next run completes it\n"), "{}", plan.text());
    let next = homestead.run(&["run-tags", "install-client-element"]).exits(0);
    assert!(next.stderr.contains("stopped at restart matrix-synapse.service; this run completes it"), "{}", next.text());
    assert!(next.stdout.contains("start matrix-synapse.service"), "{}", next.text());
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    let again = homestead.run(&["install-all"]).exits(0);
    assert_eq!(again.stdout, "No changes.\n");
    assert!(!again.stderr.contains("completes"), "{}", again.text());
    installed.homestead().run(&["install-all"]).exits(0);
}

/// Killed on the way back: the good inventory completes it.
fn a_killed_way_back(installed: &Installed) {
    let units = installed.units();
    let broken = installed.another_inventory();
    broken.append(BROKEN).set("matrix_client_element_brand", "Our Element");
    let run = installed.homestead_on(&broken).start(&["install-all"], "");
    journal(installed, "\"step\":\"roll-back\"");
    run.signal("KILL");
    run.wait().exits(137);
    let good = installed.homestead().run(&["install-all"]).exits(0);
    assert!(good.stderr.contains("this run completes it"), "{}", good.text());
    assert_eq!(installed.homestead().run(&["install-all"]).exits(0).stdout, "No changes.\n");
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    assert!(changed_units(&units, &installed.units()).contains(&"matrix-synapse.service".to_owned()));
    assert_eq!(installed.sandbox.script("ls /var/lib/homestead"), "generations\njournal\nlock\nmanifest.json\nobjects\n");
}

/// Whoever loses the lock stops, and puts nothing back: somebody else may be at work.
fn a_lock_taken_away(installed: &Installed) {
    let changed = installed.another_inventory();
    changed.set("matrix_synapse_max_upload_size_mb", "70").set("matrix_client_element_brand", "Their Element");
    let run = installed.homestead_on(&changed).start(&["install-all"], "");
    journal(installed, "\"step\":\"restart\"");
    // Only the process that holds it: `lock release` ends the connection too.
    installed.sandbox.script("pkill -KILL -f '[f]lock --wait'");
    let lost = run.wait().exits(21);
    assert!(lost.stderr.contains("the lock of this run was taken away on the host"), "{}", lost.text());
    let next = installed.homestead_on(&changed).run(&["install-all"]).exits(0);
    assert!(next.stderr.contains("this run completes it"), "{}", next.text());
}
