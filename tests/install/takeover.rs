//! A server that the playbook installed, taken over in place.

use serde_json::Value;

use crate::common::shared;
use crate::installed::{Installed, changed_units};
use crate::playbook_host;

#[test]
fn a_server_of_the_playbook_is_taken_over_in_place() {
    let Some(case) = shared("parity/mas-new") else { return };
    let Some(installed) = Installed::bare("takeover") else { return };
    let json = |name: &str| -> Value { serde_json::from_str(&std::fs::read_to_string(case.join(name)).unwrap()).unwrap() };
    playbook_host::make(&installed, &json("expected.json"), &json("resolved.json"));
    installed.inventory.vars(&std::fs::read_to_string(case.join("vars.yml")).unwrap());
    // The machine that was measured had no IPv6, and this much memory.
    installed.inventory.set("devture_systemd_docker_base_ipv6_enabled", "false");
    installed.inventory.set("postgres_memtotal_kb", "24681472");
    installed.inventory.set("matrix_synapse_cache_size_calculations_memtotal_bytes", "25273827328");

    let plan = installed.homestead().run(&["plan", "--json"]).exits(0).json()["plans"][0].clone();
    the_plan_lists_the_documented_differences_alone(&plan);

    let (before, keys) = (installed.units(), keys(&installed));
    installed.homestead().run(&["install-all"]).exits(0);
    assert_eq!(changed_units(&before, &installed.units()), RESTARTED);
    assert_eq!(keys, self::keys(&installed));
    let again = installed.homestead().run(&["install-all"]).exits(0);
    assert_eq!(again.stdout, "No changes.\n");
}

/// MAS, because it trusts the whole of 10.0.0.0/8 now; Synapse, because it requires MAS; the certificates'
/// dumper, because its scripts are ours.
const RESTARTED: [&str; 3] = ["matrix-authentication-service.service", "matrix-synapse.service", "matrix-traefik-certs-dumper.service"];

fn the_plan_lists_the_documented_differences_alone(plan: &Value) {
    let actions = plan["actions"].as_array().unwrap();
    let lines = |change: &str| -> Vec<String> {
        let of = actions.iter().filter(|action| action["change"] == change);
        of.map(|action| {
            let details: Vec<&str> = action["details"].as_array().unwrap().iter().map(|detail| detail.as_str().unwrap()).collect();
            format!("{} {}", action["resource"]["name"].as_str().unwrap(), details.join(" ")).trim_end().to_owned()
        })
        .collect()
    };
    insta::assert_snapshot!(lines("update").join("\n"), @"
    /etc/systemd/system/matrix-postgres.service
    /matrix/bin/remove-all
    /matrix/matrix-authentication-service/bin/mas-cli
    /matrix/matrix-authentication-service/bin/register-user
    /matrix/matrix-authentication-service/config/config.yaml mode 0644 -> 0640
    /matrix/postgres/bin/cli
    /matrix/postgres/bin/cli-non-interactive
    /matrix/postgres/bin/dump-all
    /matrix/synapse/bin/register-user
    /matrix/traefik-certs-dumper/bin/copy-certificates.sh
    /matrix/traefik-certs-dumper/bin/entrypoint.sh
    /matrix/traefik-certs-dumper/bin/wait-for-domain.sh
    /matrix/traefik-certs-dumper/bin/wait-for-file.sh
    ");
    assert_eq!(lines("create"), [""; 0]);
    // The key stays what it is; only others may not read it any more.
    assert_eq!(lines("attributes"), ["/matrix/synapse/config/matrix.example.com.signing.key mode 0644 -> 0640"]);
    assert_eq!(lines("remove"), [""; 0]);
    assert_eq!(lines("adopt"), ["synapse", "matrix_authentication_service"]);
    let stricter: Vec<String> = lines("reformat").into_iter().filter(|line| line.contains(' ')).collect();
    assert_eq!(
        stricter,
        ["/matrix/matrix-authentication-service/config/env mode 0644 -> 0640", "/matrix/synapse/config/homeserver.yaml mode 0644 -> 0640",]
    );
    let mas =
        actions.iter().find(|action| action["resource"]["name"] == "/matrix/matrix-authentication-service/config/config.yaml").unwrap();
    let diff = mas["diff"].as_str().unwrap();
    assert_eq!(
        diff.lines().filter(|line| line.starts_with(['+', '-'])).collect::<Vec<_>>(),
        ["-http.trusted_proxies[2]: \"10.0.0.0/10\"", "+http.trusted_proxies[2]: \"10.0.0.0/8\""]
    );
    let mut restarts: Vec<&str> = plan["restarts"].as_array().unwrap().iter().map(|restart| restart["unit"].as_str().unwrap()).collect();
    restarts.sort_unstable();
    assert_eq!(restarts, RESTARTED);
}

/// What must survive.
fn keys(installed: &Installed) -> String {
    installed.sandbox.script("sha256sum /matrix/matrix-authentication-service/data/keys/* /matrix/synapse/config/*.signing.key")
}
