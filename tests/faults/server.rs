//! A disposable host with the whole server on it, a user in a room with a message, and a way there that can break.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{HOST, Proxy, Sandbox, TestInventory, sandbox};
use crate::evidence::{Files, Look};
use crate::point::Pace;
use crate::prober::Prober;
use crate::run::{Ended, Run, Trap};
use crate::survive::nothing_to_do;

/// Nothing takes longer: neither a run nor what it waits for.
pub const PATIENCE: Duration = Duration::from_secs(150);
/// A round trip to the host; also the time in which a run that is to stand still must do so.
const ROUND_TRIP: Duration = Duration::from_millis(30);

/// Both inventories have these: a service that hangs is given up soon.
const COMMON: &str = "matrix_synapse_systemd_healthcheck_max_retries: 12\n";
/// A service less, and a change to each of the others that matter.
const SMALL: &str = "\
exim_relay_enabled: false
matrix_synapse_max_upload_size_mb: 60
matrix_client_element_brand: Our Element
matrix_synapse_database_password: test-only-new-Mo4ahboo
traefik_config_log_level: WARN
";
/// Synapse takes it, and exits when it starts: nothing answers at that port.
const BROKEN: &str = "\
matrix_synapse_configuration_extension_yaml: |
  database: {args: {port: 1}}
";
const PASSWORD: &str = "test-only-Iequ3ohT8aiv";
const MESSAGE: &str = "this must not be lost";

/// One of the two states that every host goes to and fro between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Large,
    Small,
}

impl State {
    pub const fn other(self) -> Self {
        match self {
            Self::Large => Self::Small,
            Self::Small => Self::Large,
        }
    }

    /// What brings a host here.
    pub const fn command(self) -> &'static str {
        match self {
            Self::Large => "install-all",
            Self::Small => "setup-all",
        }
    }
}

/// A host and what is known about it.
pub struct Server {
    pub sandbox: Sandbox,
    pub proxy: Arc<Proxy>,
    pub prober: Prober,
    pub state: State,
    inventories: [TestInventory; 4],
    files: [Files; 2],
    paces: [Pace; 3],
    room: Value,
}

/// Which inventory a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub state: State,
    pub broken: bool,
}

impl Server {
    /// A host with nothing on it.
    pub fn bare(name: &str) -> Option<Self> {
        let sandbox = sandbox(name)?;
        let proxy = Arc::new(Proxy::to(port(&sandbox, "ssh_port"), ROUND_TRIP));
        let inventories = [(State::Large, false), (State::Small, false), (State::Large, true), (State::Small, true)]
            .map(|(state, broken)| inventory(&sandbox, &proxy, state, broken));
        let prober = Prober::start(port(&sandbox, "https_port"));
        Some(Self {
            sandbox,
            proxy,
            prober,
            state: State::Large,
            inventories,
            files: Default::default(),
            paces: Default::default(),
            room: Value::Null,
        })
    }

    /// A host with the server, and both states seen once, with how long each step took.
    pub fn installed(name: &str) -> Option<Self> {
        let mut server = Self::bare(name)?;
        server.succeed(State::Large);
        server.settle_in();
        for state in [State::Small, State::Large] {
            server.grow_needs_a_pull(state);
            let ended = server.succeed(state);
            server.paces[state as usize] = Pace::of(&ended.events);
            server.files[state as usize] = Look::at(&server.sandbox).files;
            server.state = state;
        }
        Some(server)
    }

    /// How fast it is.
    pub fn text(&self) -> String {
        format!("a run takes: {}; back: {}", self.paces[1].text(), self.paces[0].text())
    }

    /// How long the steps of a run with a broken setting take; needed before a fault falls into them.
    pub fn rehearse_broken(&mut self) {
        if self.paces[2].at(&crate::point::point("roll-back")).is_none() {
            let wanted = Wanted { state: self.state.other(), broken: true };
            let ended = self.run(wanted, None).wait(PATIENCE);
            assert_eq!(ended.code, 20, "{}", ended.story("rehearsal", ended.events[0].0));
            self.paces[2] = Pace::of(&ended.events);
        }
    }

    /// Whether a host that lost something can go on with the next case.
    pub fn is_sound(&mut self) -> bool {
        self.proxy.release();
        let again = || self.run_plainly(Wanted { state: State::Large, broken: false });
        let sound = again().code == 0 && nothing_to_do(&again());
        self.state = State::Large;
        let now = Look::at(&self.sandbox);
        let files = self.files(State::Large);
        sound && now.differs(files).is_empty() && now.units_down(files).is_empty() && now.leftovers.is_empty() && self.remembers().is_ok()
    }

    pub fn inventory(&self, wanted: Wanted) -> &TestInventory {
        &self.inventories[wanted.state as usize + if wanted.broken { 2 } else { 0 }]
    }

    pub fn pace(&self, wanted: Wanted) -> &Pace {
        &self.paces[if wanted.broken { 2 } else { wanted.state as usize }]
    }

    /// What homestead's files are in a state.
    pub fn files(&self, state: State) -> &Files {
        &self.files[state as usize]
    }

    /// Starts a run whose events are read.
    pub fn run(&self, wanted: Wanted, trap: Option<Trap>) -> Run {
        Run::start(self.inventory(wanted), &["--json", wanted.state.command()], Some(&self.proxy), trap)
    }

    /// A run as people see it.
    pub fn run_plainly(&self, wanted: Wanted) -> Ended {
        // What an earlier run left behind on the host must have noticed its end first.
        Run::start(self.inventory(wanted), &["--lock-wait", "10", wanted.state.command()], None, None).wait(PATIENCE)
    }

    fn succeed(&self, state: State) -> Ended {
        let ended = self.run(Wanted { state, broken: false }, None).wait(PATIENCE);
        assert_eq!(ended.code, 0, "{}", ended.story("a run that nothing disturbs", ended.events[0].0));
        ended
    }

    /// The image of the service that comes is not there, so that it must be pulled.
    pub fn grow_needs_a_pull(&self, state: State) {
        if state == State::Large {
            self.sandbox.script("docker images --quiet '*/devture/exim-relay' | xargs -r docker rmi --force >/dev/null");
        }
    }

    /// Power off and on.
    pub fn reset(&mut self) {
        self.sandbox.reset();
        self.proxy.lead_to(port(&self.sandbox, "ssh_port"));
        self.prober.look_at(port(&self.sandbox, "https_port"));
    }

    /// Makes a user, a room and a message.
    pub fn settle_in(&mut self) {
        let homestead = crate::common::Homestead::on(&self.inventories[0]);
        homestead.run_with_input(&["register-user", "alice", "--password-stdin"], &format!("{PASSWORD}\n")).exits(0);
        let login = self.log_in().unwrap();
        let token = login["access_token"].as_str().unwrap().to_owned();
        let room = self.ask("POST", "createRoom", &token, &json!({"preset": "private_chat"})).unwrap();
        let room = room["room_id"].as_str().unwrap().to_owned();
        let path = format!("rooms/{room}/send/m.room.message/1");
        let event = self.ask("PUT", &path, &token, &json!({"msgtype": "m.text", "body": MESSAGE})).unwrap();
        self.room = json!({"token": token, "room": room, "event": event["event_id"]});
    }

    /// The user logs in with the password and reads the message with the session of before.
    pub fn remembers(&self) -> Result<(), String> {
        let login = self.log_in()?;
        if login["user_id"] != "@alice:example.com" {
            return Err(format!("the user logs in as {login}"));
        }
        let text = |name: &str| self.room[name].as_str().unwrap();
        let path = format!("rooms/{}/event/{}", text("room"), text("event"));
        let event = self.ask("GET", &path, text("token"), &Value::Null)?;
        if event["content"]["body"] == MESSAGE { Ok(()) } else { Err(format!("the message is {event}")) }
    }

    fn log_in(&self) -> Result<Value, String> {
        self.log_in_as("alice")
    }

    /// A login with the password that all have.
    pub fn log_in_as(&self, user: &str) -> Result<Value, String> {
        let identifier = json!({"type": "m.id.user", "user": user});
        self.ask("POST", "login", "", &json!({"type": "m.login.password", "identifier": identifier, "password": PASSWORD}))
    }

    /// Asks the client API, until there is a good answer.
    pub fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Result<Value, String> {
        let data = if body.is_null() { "" } else { "--json @-" };
        let script = format!(
            "cat >/run/asked; tries=0; until curl --silent --show-error --fail --globoff --max-time 5 --request {method} \
             --header 'Authorization: Bearer {token}' {data} 'https://{HOST}/_matrix/client/v3/{path}' </run/asked; do \
             tries=$((tries + 1)); [ \"$tries\" -lt 30 ] || exit 1; sleep 1; done"
        );
        let script = if token.is_empty() { script.replace("--header 'Authorization: Bearer ' ", "") } else { script };
        let output = self.sandbox.exec(&script, body.to_string().as_bytes());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = || format!("no answer to {method} {path}: {text} {}", String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            return Err(complaint());
        }
        serde_json::from_str(&text).map_err(|_| complaint())
    }
}

fn port(sandbox: &Sandbox, name: &str) -> u16 {
    u16::try_from(sandbox.port(name)).unwrap()
}

/// An inventory whose connection leads through the proxy.
fn inventory(sandbox: &Sandbox, proxy: &Proxy, state: State, broken: bool) -> TestInventory {
    let inventory = TestInventory::of(sandbox);
    let (ssh_port, own_port) = (sandbox.port("ssh_port").to_string(), proxy.port().to_string());
    let known = std::fs::read_to_string(sandbox.text("known_hosts")).unwrap();
    inventory.write("known_hosts", &known.replace(&format!(":{ssh_port} "), &format!(":{own_port} ")));
    let known_hosts = inventory.path("known_hosts").display().to_string();
    let hosts = inventory
        .read("inventory/hosts")
        .replace(&format!("ansible_port={ssh_port} "), &format!("ansible_port={own_port} "))
        .replace(sandbox.text("known_hosts"), &known_hosts);
    inventory.write("inventory/hosts", &hosts);
    inventory.append(COMMON);
    if state == State::Small {
        inventory.append(SMALL);
    }
    if broken {
        inventory.append(BROKEN);
    }
    inventory
}
