//! Many hosts in one process: each has an address, an SSH server with a key of its own, and everything that its
//! inventory declares. What they are asked is answered from memory, in the protocols of real hosts; what they do not
//! know how to answer is a complaint that fails the test.

#![allow(dead_code, reason = "the test and the bench each use a part of it")]

mod channel;
mod engine;
mod host;
mod script;
mod server;
mod state;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use camino::Utf8PathBuf;
use homestead::inventory::VaultPasswords;
use homestead::pipeline::{Loaded, Prepared, Remembered, Sources};
use russh::keys::PrivateKey;
use tokio::runtime::{Builder, Runtime};

use self::host::SimulatedHost;
use self::script::Scripts;
use self::state::{Contents, State};
use crate::common::{Homestead, TestInventory};

/// The variables of the server of `bin/demo`.
const VARIABLES: &str = include_str!("../../sandbox/inventory/host_vars/matrix.example.com/vars.yml");

/// Hosts that are as their inventory declares.
pub struct SimulatedFleet {
    pub inventory: TestInventory,
    port: u16,
    shared: Arc<Shared>,
    /// Everything ends with it.
    _runtime: Runtime,
}

/// What every connection needs.
struct Shared {
    hosts: BTreeMap<Ipv4Addr, Arc<SimulatedHost>>,
    /// Who may log in.
    login: russh::keys::PublicKey,
    scripts: Scripts,
    complaints: Mutex<Vec<String>>,
    runs: Mutex<Runs>,
}

/// The runs at a time: those that hold the lock of a host.
#[derive(Default)]
struct Runs {
    now: usize,
    most: usize,
}

/// What was said to a host since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Connections that were made.
    pub connections: usize,
    /// Bytes from homestead, with those of the handshake.
    pub sent: usize,
    /// Bytes to homestead.
    pub received: usize,
}

impl Shared {
    /// A run begins; it ends with what this gives.
    fn begin(&self) -> impl Drop + '_ {
        struct End<'a>(&'a Mutex<Runs>);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.lock().unwrap().now -= 1;
            }
        }
        let mut runs = self.runs.lock().unwrap();
        runs.now += 1;
        runs.most = runs.most.max(runs.now);
        End(&self.runs)
    }

    fn complain(&self, host: &str, text: &str) {
        self.complaints.lock().unwrap().push(format!("{host}: {text}"));
    }
}

impl SimulatedFleet {
    /// Writes an inventory of so many hosts, works out what they should have, and lets them have it.
    pub fn start(count: usize) -> Self {
        let inventory = TestInventory::empty();
        let login = key(u64::MAX);
        let address = |number: usize| Ipv4Addr::new(127, 77, u8::try_from(number / 250).unwrap(), u8::try_from(number % 250 + 1).unwrap());
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("fleet").enable_all().build().unwrap();
        // Each host has an address of its own, as far as this machine is concerned.
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let keys: Vec<PrivateKey> = (0..count).map(|number| key(number.try_into().unwrap())).collect();
        write_inventory(&inventory, count, port, &login, &keys, address);

        let states = states(&inventory, count);
        let hosts = states.into_iter().zip(keys).enumerate().map(|(number, (state, key))| {
            let host = Arc::new(SimulatedHost::new(state, server::config(key)));
            (address(number), host)
        });
        let mut hosts: BTreeMap<_, _> = hosts.collect();
        // A proxy leads to this address.
        hosts.insert(Ipv4Addr::LOCALHOST, Arc::clone(&hosts[&address(0)]));
        let shared = Arc::new(Shared {
            hosts,
            login: login.public_key().clone(),
            scripts: Scripts::learn(),
            complaints: Mutex::default(),
            runs: Mutex::default(),
        });
        runtime.spawn(server::accept(listener, Arc::clone(&shared)));
        Self { inventory, port, shared, _runtime: runtime }
    }

    /// The name of a host; the first is 0.
    pub fn name(number: usize) -> String {
        format!("matrix.{}", domain(number))
    }

    /// Where the hosts listen.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The program, on this inventory.
    pub fn homestead(&self) -> Homestead<'_> {
        Homestead::on(&self.inventory)
    }

    /// What was said to each host since the last call, by name.
    pub fn take(&self) -> BTreeMap<String, Said> {
        let hosts = self.shared.hosts.values();
        hosts.map(|host| (host.state.name.clone(), host.said.take())).filter(|(_, said)| *said != Said::default()).collect()
    }

    /// The names of the hosts that were reached since the last call, in order.
    pub fn reached(&self) -> Vec<String> {
        self.take().into_keys().collect()
    }

    /// The most runs at one time since the last call.
    pub fn most_at_once(&self) -> usize {
        std::mem::take(&mut self.shared.runs.lock().unwrap().most)
    }

    /// Lets a host be out of reach, or be there again.
    pub fn unplug(&self, number: usize, away: bool) {
        let name = Self::name(number);
        let host = self.shared.hosts.values().find(|host| host.state.name == name).unwrap();
        host.away.store(away, Ordering::Relaxed);
    }

    /// No host was asked what it could not answer, and none was changed.
    #[track_caller]
    pub fn is_untouched(&self) {
        let complaints = self.shared.complaints.lock().unwrap();
        let some: Vec<&String> = complaints.iter().take(5).collect();
        assert!(complaints.is_empty(), "{} complaints, among them {some:#?}", complaints.len());
    }
}

fn domain(number: usize) -> String {
    format!("server-{:04}.example", number + 1)
}

/// Always the same for a number.
fn key(number: u64) -> PrivateKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&seed).into()
}

fn write_inventory(
    inventory: &TestInventory,
    count: usize,
    port: u16,
    login: &PrivateKey,
    keys: &[PrivateKey],
    address: impl Fn(usize) -> Ipv4Addr,
) {
    let half = count.div_ceil(2);
    let range =
        |first: usize, last: usize| if first > last { String::new() } else { format!("matrix.server-[{first:04}:{last:04}].example\n") };
    inventory.write(
        "inventory/hosts",
        &format!(
            "[matrix_servers:children]\neast\nwest\n\n[east]\n{}\n[west]\n{}\n[canary]\n{}",
            range(1, half),
            range(half + 1, count),
            range(1, 1)
        ),
    );
    let folder = inventory.folder().display();
    inventory.write(
        "inventory/group_vars/all.yml",
        &format!(
            "ansible_port: {port}\nansible_user: root\nansible_ssh_private_key_file: {folder}/key\n\
             ansible_ssh_common_args: '-o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes'\n"
        ),
    );
    inventory.write_private("key", &login.to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap());
    let known = |(number, key): (usize, &PrivateKey)| {
        let name =
            if number == 0 { format!("[{}]:{port},[127.0.0.1]:*", address(number)) } else { format!("[{}]:{port}", address(number)) };
        format!("{name} {}\n", key.public_key().to_openssh().unwrap())
    };
    inventory.write("known_hosts", &keys.iter().enumerate().map(known).collect::<String>());
    for number in 0..count {
        let variables = VARIABLES.replace("example.com", &domain(number)).replace("sandbox-only-", &format!("fleet-only-{number:04}-"));
        let text = format!("{variables}\nansible_host: {}\n", address(number));
        inventory.write(&format!("inventory/host_vars/{}/vars.yml", SimulatedFleet::name(number)), &text);
    }
}

/// What each host should have, by as many threads as there are processors. What a run remembers about the hosts is
/// written down too: this is not their first.
fn states(inventory: &TestInventory, count: usize) -> Vec<State> {
    let folder = |name: &str| Utf8PathBuf::from_path_buf(inventory.path(name)).unwrap();
    let sources = Sources {
        inventory: vec![folder("inventory/hosts")],
        limit: None,
        extra_vars: Vec::new(),
        roles_dir: None,
        vault: VaultPasswords::default(),
        environment: BTreeMap::new(),
        now: UNIX_EPOCH,
        run: "simulation".to_owned(),
        lock_wait: Duration::ZERO,
    };
    let loaded = Loaded::read(&sources).unwrap();
    let contents = Contents::default();
    let one = |number: usize| {
        let name = SimulatedFleet::name(number);
        let facts = state::facts(&name);
        Remembered::of(Some(folder("home/.cache/homestead/facts")), &name).keep(&facts);
        State::as_declared(&Prepared::new(&loaded, &name, &facts, &["install-all".to_owned()]).unwrap().desired, &contents)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<usize> = (0..count).collect();
    std::thread::scope(|scope| {
        let parts: Vec<_> = numbers
            .chunks(count.div_ceil(threads).max(1))
            .map(|part| scope.spawn(|| part.iter().map(|number| one(*number)).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}
