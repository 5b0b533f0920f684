//! Credentials that nobody gave: made once, kept, and never made for data that has others.

use crate::common::{HOST, Homestead, TestInventory, sandbox};

/// What of the demo's variables is the machine's and not the user's.
fn machine(vars: &str) -> String {
    let start = vars.find("# Images come from").unwrap();
    vars[start..].to_owned()
}

#[test]
fn three_lines_are_a_server() {
    let Some(sandbox) = sandbox("init-three-lines") else { return };
    let inventory = TestInventory::of(&sandbox);
    let vars = format!("inventory/host_vars/{HOST}/vars.yml");
    let secrets = format!("inventory/host_vars/{HOST}/secrets.yml");
    inventory.write("machine.yml", &machine(&inventory.read(&vars)));
    inventory.vars("matrix_domain: example.com\nmatrix_authentication_service_enabled: true\n");
    let homestead = Homestead::on(&inventory).with(&["-e", "@machine.yml"]);

    // A plan makes nothing.
    let plan = homestead.run(&["plan"]).exits(0);
    assert!(
        plan.stderr.contains("warning[H0370]: `postgres_connection_password` is not set") && plan.stdout.contains("to create"),
        "{}",
        plan.text()
    );
    assert!(!inventory.path(&secrets).exists());

    let installed = homestead.run(&["install-all"]).exits(0);
    let made = "made matrix_authentication_service_config_secrets_encryption, matrix_homeserver_generic_secret_key, \
        postgres_connection_password; kept in inventory/host_vars/matrix.example.com/secrets.yml: keep it private and back it up";
    assert!(installed.stderr.contains(made), "{}", installed.text());
    let text = inventory.read(&secrets);
    let values: Vec<String> = text.lines().filter_map(|line| Some(line.split_once(": '")?.1.trim_end_matches('\'').to_owned())).collect();
    assert_eq!(values.iter().map(String::len).collect::<Vec<_>>(), [64, 64, 64], "{text}");
    installed.shows_none_of(&values);
    let homestead = Homestead::on(&inventory).with(&["-e", "@machine.yml"]).guarding(&values);
    let again = homestead.run(&["install-all"]).exits(0);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str(), inventory.read(&secrets)), ("No changes.\n", "", text.clone()));
    homestead.run_with_input(&["register-user", "alice", "--password-stdin"], "correct horse battery\n").exits(0);

    // Without the file, the server's data could not be read: that is refused, and nothing is made.
    let manifest = sandbox.script("cat /var/lib/homestead/manifest.json");
    std::fs::rename(inventory.path(&secrets), inventory.path("aside.yml")).unwrap();
    for command in ["plan", "install-all"] {
        let refused = homestead.run(&[command]).exits(2);
        assert!(
            refused.stderr.contains("is not set, and what an earlier run installed for `matrix-authentication-service` is there"),
            "{}",
            refused.text()
        );
    }
    // The same on a server that homestead has not seen yet.
    sandbox.script("mv /var/lib/homestead/manifest.json /root/");
    let refused = homestead.run(&["install-all"]).exits(2);
    assert!(refused.stderr.contains("is there, made with one; a new one would not fit; nothing was touched"), "{}", refused.text());
    assert!(!inventory.path(&secrets).exists());

    std::fs::rename(inventory.path("aside.yml"), inventory.path(&secrets)).unwrap();
    sandbox.script("mv /root/manifest.json /var/lib/homestead/");
    assert_eq!(sandbox.script("cat /var/lib/homestead/manifest.json"), manifest);
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
}
