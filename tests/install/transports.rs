//! homestead on the server itself, without SSH.

use std::process::Output;

use crate::common::HOST;
use crate::installed::{Installed, changed_units};

#[test]
fn a_server_installs_itself() {
    let Some(installed) = Installed::start("local") else { return };
    let binary = std::fs::read(env!("CARGO_BIN_EXE_homestead")).unwrap();
    let copied = installed.sandbox.exec("cat >/usr/local/bin/homestead && chmod 755 /usr/local/bin/homestead", &binary);
    assert!(copied.status.success(), "{copied:?}");
    installed.inventory.write("inventory/hosts", &format!("[matrix_servers]\n{HOST} ansible_connection=local\n"));
    copy_inventory(&installed);

    // It sees what was done over SSH, byte for byte.
    let (units, files) = (installed.units(), installed.files_with_times());
    let same = run(&installed, "homestead plan --detailed-exitcode");
    assert_eq!((same.status.code(), String::from_utf8_lossy(&same.stdout).as_ref()), (Some(0), "No changes.\n"), "{same:?}");
    let again = run(&installed, "homestead install-all");
    assert_eq!((again.status.code(), String::from_utf8_lossy(&again.stdout).as_ref()), (Some(0), "No changes.\n"), "{again:?}");
    assert_eq!((installed.units(), installed.files_with_times()), (units.clone(), files));

    // It changes things too, here as a user with sudo.
    installed.inventory.set("matrix_client_element_brand", "Our Element");
    copy_inventory(&installed);
    installed.sandbox.script("chown -R deploy /srv/homestead");
    let changed = run(&installed, "su deploy -c 'homestead install-all'");
    assert_eq!(changed.status.code(), Some(0), "{changed:?}");
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-client-element.service"]);
    assert_eq!(installed.sandbox.script("grep -c 'Our Element' /matrix/client-element/config.json"), "1\n");
}

fn copy_inventory(installed: &Installed) {
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all("inventory", installed.inventory.path("inventory")).unwrap();
    let output =
        installed.sandbox.exec("rm -rf /srv/homestead && mkdir /srv/homestead && tar -xC /srv/homestead", &archive.into_inner().unwrap());
    assert!(output.status.success(), "{output:?}");
}

fn run(installed: &Installed, command: &str) -> Output {
    installed.sandbox.exec(&format!("cd /srv/homestead && {command}"), b"")
}
