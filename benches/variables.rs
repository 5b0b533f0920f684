//! How long it takes to read an inventory and to work out every variable of a host: `cargo bench --bench variables`.
//!
//! `HOMESTEAD_SHARED` names the folder with the measured inventories; `inventory.example` is taken without it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a benchmark prints, and needs the clock and the environment"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use homestead::inventory::VaultPasswords;
use homestead::pipeline::{HostFacts, Loaded, Prepared, Sources, variables};

const ROUNDS: usize = 20;

fn sources(inventory: Utf8PathBuf) -> Sources {
    Sources {
        inventory: vec![inventory],
        extra_vars: Vec::new(),
        limit: None,
        roles_dir: None,
        vault: VaultPasswords::none(),
        environment: BTreeMap::new(),
        now: SystemTime::now(),
        run: "bench".to_owned(),
        lock_wait: Duration::ZERO,
    }
}

/// The middle of what some rounds took, in milliseconds.
fn median(mut round: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2].as_secs_f64() * 1000.0
}

fn main() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var("HOMESTEAD_SHARED").map_or_else(|_| root.join("../shared"), Utf8PathBuf::from);
    let case = shared.join("parity/mas-upstream/vars.yml");
    let temporary = tempfile::tempdir().unwrap();
    let (name, inventory) = if case.exists() {
        let folder = Utf8Path::from_path(temporary.path()).unwrap();
        fs_err::create_dir_all(folder.join("host_vars/matrix.example.com")).unwrap();
        fs_err::write(folder.join("hosts"), "[matrix_servers]\nmatrix.example.com\n").unwrap();
        fs_err::copy(case, folder.join("host_vars/matrix.example.com/vars.yml")).unwrap();
        ("mas-upstream", folder.join("hosts"))
    } else {
        ("inventory.example", root.join("inventory.example/hosts"))
    };
    let sources = sources(inventory);
    let facts = HostFacts::assumed();
    let read = || Loaded::read(&sources).unwrap();
    let loaded = read();
    let host = loaded.hosts().unwrap().remove(0);
    let count = variables(&loaded, &host, &facts, &[]).unwrap().names().count();
    let evaluate = || {
        let variables = variables(&loaded, &host, &facts, &[]).unwrap();
        let names: Vec<String> = variables.names().map(str::to_owned).collect();
        names.iter().filter(|name| variables.get(name).is_err()).count()
    };
    println!("{name}: {count} variables, {} of them refused", evaluate());
    println!("read roles and inventory   {:8.1} ms", median(|| drop(read())));
    println!("evaluate every variable    {:8.1} ms", median(|| assert!(evaluate() < count)));
    println!("build the desired state    {:8.1} ms", median(|| drop(Prepared::new(&loaded, &host, &facts, &[]).unwrap())));
}
