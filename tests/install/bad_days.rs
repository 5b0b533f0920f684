//! What can go wrong on a host: each time the end is clear and what ran keeps running.

use regex::Regex;

use crate::common::{HOST, closed_port, wait_for};
use crate::installed::{Installed, changed_units};

#[test]
fn what_cannot_be_written_or_pulled_changes_nothing() {
    let Some(installed) = Installed::start("nothing-changed") else { return };
    a_full_disk(&installed);
    an_image_that_is_not_there(&installed);
    another_host_that_cannot_be_reached(&installed);
}

fn a_full_disk(installed: &Installed) {
    let units = installed.units();
    // A small file system with the same files on it, and then no room.
    installed.sandbox.script(
        "cp -a /matrix/synapse/config /root/config && mount -t tmpfs -o size=256k,mode=0750 tmpfs /matrix/synapse/config \
         && chown --reference=/root/config /matrix/synapse/config && cp -a /root/config/. /matrix/synapse/config/ \
         && { dd if=/dev/zero of=/matrix/synapse/config/filler bs=4k 2>/dev/null || true; }",
    );
    let files = installed.files();
    let changed = installed.another_inventory();
    changed.set("matrix_synapse_max_upload_size_mb", "60").set("matrix_client_element_brand", "Our Element");
    let outcome = installed.homestead_on(&changed).run(&["install-all"]).exits(2);
    insta::assert_snapshot!(outcome.stderr_without_times(), @"
    matrix.example.com: checking what is new, before anything is written
    error: `matrix.example.com`: the file system of `/matrix/synapse/config`, `/matrix/synapse/config`, has 0 KB free, and this run wants 4104 KB
    hint: look for what fills it: `df -h /matrix/synapse/config`, `docker system df`
    hint: nothing that runs was touched
    ");
    assert_eq!(installed.files(), files);
    assert_eq!(installed.units(), units);
    assert_eq!(
        installed.sandbox.script("ls -A /var/lib/homestead; ls -dA /matrix/synapse/config/.h* 2>/dev/null; true"),
        "generations\njournal\nlock\nmanifest.json\nobjects\n"
    );

    // With room again the same run succeeds.
    installed.sandbox.script("umount /matrix/synapse/config");
    installed.homestead_on(&changed).run(&["install-all"]).exits(0);
    installed.homestead().run(&["install-all"]).exits(0);
}

fn an_image_that_is_not_there(installed: &Installed) {
    let (files, units) = (installed.files(), installed.units());
    let changed = installed.another_inventory();
    changed.set("matrix_client_element_version", "v0.0.0").set("matrix_synapse_max_upload_size_mb", "60");
    let outcome = installed.homestead_on(&changed).run(&["install-all"]).exits(2);
    insta::assert_snapshot!(outcome.stderr_without_times(), @"
    matrix.example.com: pulling 127.0.0.1:5000/element-hq/element-web:v0.0.0 (1 of 1)
    error: `matrix.example.com`: the image `127.0.0.1:5000/element-hq/element-web:v0.0.0` cannot be pulled from `127.0.0.1:5000`: manifest for 127.0.0.1:5000/element-hq/element-web:v0.0.0 not found: manifest unknown: manifest unknown
    hint: does this version exist? Check the tag that the inventory asks for
    hint: nothing that runs was touched
    ");
    assert_eq!((installed.files(), installed.units()), (files, units));
}

/// One host's bad day is not another's.
fn another_host_that_cannot_be_reached(installed: &Installed) {
    let both = installed.another_inventory();
    let good = both.read("inventory/hosts");
    both.write("inventory/hosts", &format!("{good}matrix.example.org ansible_host=127.0.0.1 ansible_port={}\n", closed_port()));
    let vars = both.read(&format!("inventory/host_vars/{HOST}/vars.yml")).replace("example.com", "example.org");
    both.write("inventory/host_vars/matrix.example.org/vars.yml", &vars);
    let homestead = installed.homestead_on(&both);
    assert_eq!(homestead.run(&["--limit", HOST, "plan"]).exits(0).stdout, "No changes.\n");
    assert_eq!(homestead.run(&["--limit", "all:!*.org", "install-all"]).exits(0).stdout, "No changes.\n");
    let planned = homestead.run(&["plan"]).exits(4);
    assert!(planned.stderr.ends_with("error: 1 of 2 hosts failed: matrix.example.org\n"), "{}", planned.text());

    // The good one gets its change although the other one cannot be reached.
    both.set("matrix_client_element_brand", "Our Element");
    let units = installed.units();
    homestead.run(&["install-all"]).exits(4);
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-client-element.service"]);
    assert_eq!(homestead.run(&["--limit", HOST, "plan"]).exits(0).stdout, "No changes.\n");
}

/// Everything of ours that could be on a host.
const LEFT: &str = "ls -d /matrix /etc/systemd/system/matrix-* 2>/dev/null; getent passwd matrix; docker images --quiet; \
                    docker network ls --quiet --filter type=custom; true";

#[test]
fn a_host_that_is_not_ready_is_left_as_it_is() {
    let Some(bare) = Installed::bare("not-ready") else { return };
    let homestead = bare.homestead();

    // Somebody else listens where Traefik wants to.
    bare.sandbox.script("setsid nc -lk 443 >/dev/null 2>&1 </dev/null &");
    wait_for(10, "port 443 to be taken", || bare.sandbox.script("ss -ltnH 'sport = :443'").contains("443").then_some(()));
    let taken = homestead.run(&["install-all"]).exits(2);
    insta::assert_snapshot!(Regex::new("process [0-9]+").unwrap().replace(&taken.stderr_without_times(), "process [NUMBER]"), @"
    error: port 443, which matrix-traefik.service needs, is already taken by nc (process [NUMBER])
    hint: stop it, or choose another port
    hint: nothing that runs was touched
    ");
    assert_eq!(bare.sandbox.script(LEFT), "");
    bare.sandbox.script("pkill nc");

    // Docker does not answer.
    bare.sandbox.script("systemctl stop docker.socket docker.service && systemctl mask --runtime docker.socket docker.service");
    bare.inventory.set("matrix_playbook_docker_installation_enabled", "false");
    let silent = homestead.run(&["install-all"]).exits(2);
    insta::assert_snapshot!(silent.stderr_without_times(), @"
    error: `matrix.example.com`: the Docker engine does not answer: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
    hint: on the host: `systemctl status docker` and `journalctl -u docker -n 50`
    hint: nothing was touched
    ");

    // There is none at all.
    bare.sandbox.script("mkdir /root/away && mv /usr/bin/docker /usr/sbin/dockerd /root/away/");
    let absent = homestead.run(&["install-all"]).exits(2);
    insta::assert_snapshot!(absent.stderr_without_times(), @"
    error: `matrix.example.com`: Docker is not installed
    hint: install it: https://docs.docker.com/engine/install/
    hint: nothing that runs was touched
    ");
    homestead.run(&["plan"]).exits(0);
    bare.sandbox.script("mv /root/away/docker /usr/bin/ && mv /root/away/dockerd /usr/sbin/ && systemctl unmask --runtime docker.socket docker.service && systemctl start docker.service");
    assert_eq!(bare.sandbox.script(LEFT), "");
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let Some(installed) = Installed::start("lock") else { return };
    let first_inventory = installed.another_inventory();
    first_inventory.set("matrix_synapse_max_upload_size_mb", "60");
    let first_homestead = installed.homestead_on(&first_inventory);
    let mut first = first_homestead.start(&["install-all"], "");
    wait_for(30, "the first run to hold the lock", || {
        assert!(first.goes_on(), "the first run ended before its lock was seen");
        installed.sandbox.exec("grep -s install-all /var/lib/homestead/lock.json", b"").status.success().then_some(())
    });
    // Held still, it keeps the lock as long as it is wanted.
    first.signal("STOP");
    let second = installed.homestead_on(&first_inventory).run(&["install-all"]).exits(21);
    let since = Regex::new("since [-0-9:TZ]+: ").unwrap().replace(&second.stderr, "since [TIME]: ").into_owned();
    insta::assert_snapshot!(Regex::new("run `[-0-9a-fTZ]+`").unwrap().replace(&since, "run `[RUN]`"), @"
    error: `matrix.example.com` is locked by tester@laptop since [TIME]: `homestead install-all`, run `[RUN]`
    hint: wait for it, or give `--lock-wait SECONDS`; a run whose connection is lost frees its lock by itself
    ");
    let stop = installed.homestead().run(&["stop-all"]).exits(21);
    assert_eq!(stop.stdout, "");
    // Looking takes no lock.
    installed.homestead().run(&["plan"]).exits(0);
    let patient = installed.homestead_on(&first_inventory).start(&["--lock-wait", "120", "install-all"], "");
    first.signal("CONT");
    first.wait().exits(0);
    assert_eq!(patient.wait().exits(0).stdout, "No changes.\n");
    assert_eq!(installed.sandbox.script("ls -A /var/lib/homestead"), "generations\njournal\nlock\nmanifest.json\nobjects\n");
}
