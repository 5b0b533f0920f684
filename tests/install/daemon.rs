//! The daemon on a real host: it notices what moves, does what its policy says, and may be killed at any time.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{HOST, Homestead, Running, closed_port, wait_for};
use crate::installed::{Installed, changed_units};

const TOKEN: &str = "test-only-token-Aij8ohGh4eif";
const LABELS: &str = "/matrix/client-element/config.json";

/// A daemon for the inventory of a host.
pub struct Daemon<'a> {
    pub homestead: Homestead<'a>,
    running: Running,
    socket: PathBuf,
}

impl<'a> Daemon<'a> {
    /// One with a policy, that looks every ten seconds.
    pub fn start(installed: &'a Installed, policy: &str, more: &str) -> Self {
        let inventory = &installed.inventory;
        let path = |name: &str| inventory.path(name).display().to_string();
        let settings = format!(
            "[defaults]\npolicy = \"{policy}\"\ninterval = \"10s\"\n[store]\npath = \"{}\"\n[api]\nsocket = \"{}\"\n{more}",
            path("daemon/daemon.sqlite"),
            path("daemon.sock")
        );
        inventory.write("daemon.toml", &settings);
        let homestead = installed.homestead();
        let running = homestead.start(&["daemon", "--config", "daemon.toml"], "");
        let daemon = Self { homestead, running, socket: inventory.path("daemon.sock") };
        wait_for(30, "the daemon to answer", || daemon.request("GET", "/healthz", "").map(drop));
        daemon
    }

    /// The status and the body that it answers with; nothing where it does not answer.
    fn request(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: daemon\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).ok()?;
        answer(stream)
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path, "").unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn host(&self) -> Value {
        let answer = self.request("GET", &format!("/api/v1/hosts/{HOST}"), "");
        answer.and_then(|(_, body)| serde_json::from_str(&body).ok()).unwrap_or_default()
    }

    /// Waits until it has looked at the host from now on, and `is` holds.
    pub fn sees(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait_for(90, what, || Some(self.host()).filter(&is))
    }

    fn metric(&self, name: &str) -> String {
        let (_, text) = self.request("GET", "/metrics", "").unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
        line.and_then(|line| line.rsplit(' ').next()).unwrap_or_default().to_owned()
    }

    /// Its runs that change something, the oldest first: command and state.
    fn runs(&self) -> Vec<(String, String)> {
        let answer = self.get("/api/v1/runs?changing=true&limit=100");
        let runs = answer["runs"].as_array().unwrap().iter().rev();
        runs.map(|run| (run["command"][0].as_str().unwrap().to_owned(), run["state"].as_str().unwrap().to_owned())).collect()
    }

    pub fn stop(self) {
        self.running.signal("TERM");
        let outcome = self.running.wait().exits(0);
        assert!(!self.socket.exists(), "{}", outcome.text());
    }
}

fn answer(mut stream: impl std::io::Read) -> Option<(u16, String)> {
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
fn a_daemon_keeps_a_host_as_declared() {
    let Some(installed) = Installed::start("daemon") else { return };
    it_reports(&installed);
    it_heals(&installed);
    it_applies(&installed);
    it_runs_commands_for_others(&installed);
    it_goes_back_and_stays_there(&installed);
    it_may_be_killed(&installed);
    it_looks_at_certificates(&installed);
}

#[test]
fn a_daemon_is_a_service_of_its_machine() {
    let Some(bare) = Installed::bare("daemon-service") else { return };
    let sandbox = &bare.sandbox;
    let program = std::fs::read(env!("CARGO_BIN_EXE_homestead")).unwrap();
    let copied = sandbox.exec("cat >/usr/local/bin/homestead && chmod 755 /usr/local/bin/homestead && mkdir -p /srv/inventory", &program);
    assert!(copied.status.success());
    sandbox.script("echo 'matrix.example.com ansible_host=127.0.0.1' >/srv/inventory/hosts");
    let printed = sandbox.script("cd /srv && homestead -i inventory daemon install --print");
    assert!(printed.contains("# /etc/homestead/daemon.toml\n") && printed.contains("--inventory /srv/inventory\n"), "{printed}");
    assert_eq!(sandbox.script("ls -d /etc/homestead 2>/dev/null; true"), "");

    // What the account cannot read is said before anything is written.
    sandbox.script("chmod 700 /srv/inventory");
    let refused = sandbox.exec("homestead -i /srv/inventory daemon install", b"");
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(complaint.contains("the account `homestead` cannot read `/srv/inventory`; nothing was installed\n"), "{complaint}");
    sandbox.script("chmod 755 /srv/inventory && homestead -i /srv/inventory daemon install 2>&1");
    let properties = "systemctl show --property=ActiveState,User,NRestarts --value homestead-daemon";
    assert_eq!(sandbox.script(properties).split_whitespace().collect::<Vec<_>>().len(), 3);
    sandbox.script("homestead daemon status && systemctl reload homestead-daemon");
    let logged = sandbox.script("sleep 1; journalctl -u homestead-daemon --output cat");
    assert!(logged.contains(" the settings were read again\n") && !logged.contains('\u{1b}'), "{logged}");

    // Whatever ends it, it comes back.
    sandbox.script("systemctl kill --signal KILL homestead-daemon");
    wait_for(30, "the daemon to come back", || sandbox.exec("homestead daemon status", b"").status.success().then_some(()));
    sandbox.script("homestead daemon uninstall 2>&1");
    assert_eq!(
        sandbox.script("systemctl is-active homestead-daemon; ls /etc/homestead; ls /run/homestead 2>/dev/null; true"),
        "inactive\ndaemon.toml\n"
    );
}

/// Settings for a port, and the file with its token.
pub fn listening(installed: &Installed, port: u16) -> String {
    installed.inventory.write("token", TOKEN);
    let token = installed.inventory.path("token");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    format!("listen = \"127.0.0.1:{port}\"\ntoken_file = \"{}\"\n", token.display())
}

pub fn edit_by_hand(installed: &Installed) {
    installed.sandbox.script(&format!(
        "sed -i 's/\"brand\": *\"[^\"]*\"/\"brand\": \"Changed by hand\"/' {LABELS} && grep -q 'Changed by hand' {LABELS}"
    ));
}

fn it_reports(installed: &Installed) {
    let port = closed_port();
    let daemon = Daemon::start(installed, "report", &listening(installed, port));
    daemon.sees("a first look", |host| host["reachable"] == true && host["drift_since"].is_null());
    assert_eq!((daemon.metric("homestead_host_reachable"), daemon.metric("homestead_host_drift")), ("1".to_owned(), "0".to_owned()));

    // Over TCP nobody comes in without the token.
    let knock = |header: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "GET /api/v1/hosts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n").unwrap();
        answer(stream).unwrap().0
    };
    assert_eq!(knock(""), 401);
    assert_eq!(knock("Authorization: Bearer wrong\r\n"), 401);
    assert_eq!(knock(&format!("Authorization: Bearer {TOKEN}\r\n")), 200);

    // What somebody does on the host is told with its difference, and left.
    let (units, before) = (installed.units(), installed.files());
    edit_by_hand(installed);
    let changed = installed.files();
    assert_ne!(before, changed);
    let host = daemon.sees("the drift", |host| !host["drift_since"].is_null());
    let difference = &host["status"]["differences"][0];
    assert_eq!((&difference["name"], &difference["moved"]), (&json!(LABELS), &json!("host")));
    assert!(difference["diff"].as_str().unwrap().contains("Changed by hand"), "{difference}");
    assert_eq!(host["decision"], json!({"do": "report", "because": "policy"}));
    assert_eq!((daemon.metric("homestead_host_drift"), daemon.metric("homestead_host_differences")), ("1".to_owned(), "1".to_owned()));
    let shown = daemon.homestead.run(&["daemon", "status", "--config", "daemon.toml"]).exits(0);
    assert!(shown.stdout.contains(": the host moved, left because of policy\n"), "{}", shown.text());
    assert_eq!((installed.files(), installed.units()), (changed, units));
    assert_eq!(daemon.runs(), []);
    daemon.stop();
    let refused = installed.homestead().run(&["--daemon=daemon.sock", "install-all"]).exits(4);
    assert!(refused.stderr.starts_with("error: no daemon listens at `daemon.sock`\n"), "{}", refused.text());
}

fn it_heals(installed: &Installed) {
    let units = installed.units();
    let daemon = Daemon::start(installed, "heal", "");
    daemon
        .sees("the healed host", |host| host["reachable"] == true && host["drift_since"].is_null() && host["decision"]["do"] == "nothing");
    assert_eq!(daemon.runs(), [("install-all".to_owned(), "done".to_owned())]);
    assert_eq!(installed.sandbox.script(&format!("grep -c 'Changed by hand' {LABELS} || true")), "0\n");
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-client-element.service"]);

    // The same id in the daemon's record and in the host's journal.
    let run = daemon.get("/api/v1/runs?changing=true")["runs"][0]["id"].as_str().unwrap().to_owned();
    installed.sandbox.script(&format!("grep -q committed /var/lib/homestead/journal/{run}.jsonl"));

    // What the inventory wants is not rolled out by it.
    installed.inventory.set("matrix_client_element_brand", "Our Element");
    let host = daemon.sees("the change of the inventory", |host| host["moved"]["inventory"] == true);
    assert_eq!(host["decision"], json!({"do": "report", "because": "policy"}));
    daemon.stop();
}

fn it_applies(installed: &Installed) {
    let units = installed.units();
    let daemon = Daemon::start(installed, "apply", "");
    daemon.sees("the roll-out", |host| host["decision"]["do"] == "nothing" && host["drift_since"].is_null());
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-client-element.service"]);
    installed.sandbox.script(&format!("grep -q 'Our Element' {LABELS}"));

    // A mistake is told with its place, and nothing is touched.
    let (units, files, runs) = (installed.units(), installed.files(), daemon.runs());
    installed.inventory.set("matrix_synapse_max_upload_size_mb", "many");
    let inventory =
        wait_for(30, "the mistake", || Some(daemon.get("/api/v1/inventory")).filter(|answer| !answer["inventory"]["problem"].is_null()));
    let finding = &inventory["inventory"]["findings"][0];
    assert!(finding["file"].as_str().unwrap().ends_with("vars.yml") && finding["line"].as_u64().unwrap() > 1, "{inventory:#}");
    daemon.request("POST", &format!("/api/v1/hosts/{HOST}/look"), "").unwrap();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((installed.units(), installed.files(), daemon.runs()), (units, files, runs));

    // Once it is right, it is rolled out.
    installed.inventory.set("matrix_synapse_max_upload_size_mb", "60");
    wait_for(30, "a right inventory", || Some(daemon.get("/api/v1/inventory")).filter(|answer| answer["inventory"]["problem"].is_null()));
    wait_for(120, "the roll-out", || {
        let output = installed.sandbox.exec("grep -s '60M' /matrix/synapse/config/homeserver.yaml", b"");
        output.status.success().then_some(())
    });
    // In the middle of it: the step comes to its end, and the daemon with it.
    daemon.stop();
    assert_eq!(installed.homestead().run(&["lock", "status"]).exits(0).stdout, "matrix.example.com: free\n");
    installed.homestead().run(&["install-all"]).exits(0);
    installed.homestead().run(&["status", "--exit-code"]).exits(0);
}

fn it_runs_commands_for_others(installed: &Installed) {
    let daemon = Daemon::start(installed, "report", "");
    daemon.sees("a first look", |host| host["reachable"] == true);
    let units = installed.units();
    let outcome = daemon.homestead.run(&["--daemon=daemon.sock", "restart", "client-element"]).exits(0);
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-client-element.service"], "{}", outcome.text());
    let outcome = daemon.homestead.run(&["--daemon=daemon.sock", "--json", "install-all"]).exits(0);
    let events = outcome.json_lines();
    assert!(events.iter().any(|event| event["event"] == "plan"), "{}", outcome.text());
    let failed = daemon.homestead.run(&["--daemon=daemon.sock", "stop-group", "nonsense"]).exits(1);
    assert!(failed.stderr.contains("nonsense"), "{}", failed.text());
    let refused = daemon.homestead.run(&["--daemon=daemon.sock", "--limit", "nobody", "install-all"]).exits(1);
    assert!(refused.stderr.starts_with("error: the daemon knows no host `nobody`\n"), "{}", refused.text());
    daemon.stop();
}

/// Looking and going back through a daemon that rolls out by itself what the inventory wants.
fn it_goes_back_and_stays_there(installed: &Installed) {
    let brand = |brand: &str| installed.sandbox.script(&format!("grep -q '{brand}' {LABELS}"));
    let daemon = Daemon::start(installed, "report", "");
    daemon.sees("a first look", |host| host["reachable"] == true);
    let ask = |words: &[&str]| installed.homestead().run(&[&["--daemon=daemon.sock"], words].concat());
    installed.inventory.set("matrix_client_element_brand", "A mistake");
    let (before, files) = (daemon.runs(), installed.files());
    let planned = ask(&["plan"]).exits(0);
    assert!(planned.stdout.contains(&format!("update file {LABELS}")) && planned.stdout.contains("A mistake"), "{}", planned.text());
    let status = ask(&["status"]).exits(0);
    assert!(status.stdout.contains(&format!("inventory changed  file {LABELS}")), "{}", status.text());
    assert_eq!((installed.files(), daemon.runs()), (files, before));
    ask(&["install-all"]).exits(0);
    brand("A mistake");
    let listed = ask(&["generations"]).exits(0);
    assert!(listed.stdout.contains("homestead install-all"), "{}", listed.text());
    let refused = ask(&["rollback"]).exits(1);
    assert!(
        refused.stderr.starts_with("error: there is no terminal to ask for a confirmation; nothing was touched\n"),
        "{}",
        refused.text()
    );
    daemon.stop();

    let daemon = Daemon::start(installed, "apply", "");
    daemon.sees("a first look", |host| host["decision"]["do"] == "nothing");
    ask(&["rollback", "--yes"]).exits(0);
    brand("Our Element");
    let runs = daemon.runs();
    assert_eq!(runs.last(), Some(&("rollback".to_owned(), "done".to_owned())));
    daemon.sees("what was rolled back", |host| host["decision"] == json!({"do": "report", "because": "rolled_back"}));
    // Two more turns.
    std::thread::sleep(Duration::from_secs(25));
    assert_eq!(daemon.runs(), runs);
    brand("Our Element");
    installed.inventory.set("matrix_client_element_brand", "Mended");
    wait_for(90, "the roll-out of what was mended", || {
        installed.sandbox.exec(&format!("grep -s Mended {LABELS}"), b"").status.success().then_some(())
    });
    daemon.sees("the roll-out's end", |host| host["decision"]["do"] == "nothing" && host["drift_since"].is_null());
    daemon.stop();
}

/// `kill -9` at times that only look random: five, or as many as `HOMESTEAD_DAEMON_KILLS` says.
fn it_may_be_killed(installed: &Installed) {
    let count = std::env::var("HOMESTEAD_DAEMON_KILLS").map_or(5, |text| text.parse::<u64>().unwrap());
    let mut random = 20_261_122_u64;
    for turn in 0..count {
        installed.inventory.set("matrix_client_element_brand", &format!("Element {turn}"));
        installed.inventory.set("matrix_synapse_max_upload_size_mb", &format!("{}", 70 + turn));
        let daemon = Daemon::start(installed, "apply", "");
        wait_for(90, "a run", || daemon.runs().iter().any(|(_, state)| state == "running").then_some(()));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis((random >> 33) % 9000));
        daemon.running.signal("KILL");
        assert_eq!(daemon.running.wait().code, 137);
    }
    let daemon = Daemon::start(installed, "apply", "");
    daemon.sees("the host as declared", |host| {
        host["decision"]["do"] == "nothing" && host["drift_since"].is_null() && host["problem"].is_null()
    });
    // Each run has an end, and none was done twice at the same time.
    wait_for(60, "the ends of all runs", || daemon.runs().iter().all(|(_, state)| state != "running").then_some(()));
    let audit = daemon.get("/api/v1/audit");
    let picked_up = audit["audit"].as_array().unwrap().iter().filter(|line| line["what"] == "run.picked-up").count();
    assert!(picked_up > 0, "{audit}");
    daemon.stop();
    assert_eq!(installed.homestead().run(&["lock", "status"]).exits(0).stdout, "matrix.example.com: free\n");
    installed.homestead().run(&["status", "--exit-code"]).exits(0);
    installed.sandbox.script(&format!("grep -q 'Element {}' {LABELS}", count - 1));
}

/// On the server itself, where its names and its authority are known. Nobody listens at first: who does so later hears all the same.
fn it_looks_at_certificates(installed: &Installed) {
    let sandbox = &installed.sandbox;
    let program = std::fs::read(env!("CARGO_BIN_EXE_homestead")).unwrap();
    let copied =
        sandbox.exec("cat >/usr/local/bin/homestead && chmod 755 /usr/local/bin/homestead && mkdir -p /srv/own/host_vars", &program);
    assert!(copied.status.success());
    let vars = installed.inventory.read("inventory/host_vars/matrix.example.com/vars.yml");
    sandbox.exec("umask 077; cat >/srv/own/host_vars/matrix.example.com.yml", vars.as_bytes());
    sandbox.script("echo 'matrix.example.com ansible_connection=local' >/srv/own/hosts");
    let (port, gateway) = (closed_port(), sandbox.script("ip route show default | cut -d ' ' -f 3"));
    let settings = format!(
        "[store]\npath = \"/srv/daemon.sqlite\"\n[api]\nsocket = \"/srv/daemon.sock\"\n\
         [notify]\nwebhook = \"http://{}:{port}/\"\ncertificate_before = \"36500d\"\n",
        gateway.trim()
    );
    sandbox.exec("cat >/srv/daemon.toml", settings.as_bytes());
    sandbox.script("systemd-run --quiet --unit=own-daemon homestead -i /srv/own daemon --config /srv/daemon.toml");
    let metrics = "curl --silent --unix-socket /srv/daemon.sock http://daemon/metrics | grep '^homestead_certificate_days_left{' || true";
    let days = wait_for(120, "the certificates", || Some(sandbox.script(metrics)).filter(|text| !text.is_empty()));
    for name in ["element.example.com", "example.com", "matrix.example.com"] {
        let line = days.lines().find(|line| line.contains(&format!("name=\"{name}"))).unwrap_or_else(|| panic!("{days}"));
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() > 1.0, "{line}");
    }

    let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut heard = String::new();
    wait_for(90, "three notices", || {
        let (mut stream, _) = listener.accept().ok()?;
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut request = [0; 4096];
        let mut length = 0;
        while !request[..length].ends_with(b"}}") {
            length += stream.read(&mut request[length..]).ok().filter(|read| *read > 0)?;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        heard.push_str(&String::from_utf8_lossy(&request[..length]));
        (heard.matches(" ends in ").count() == 3).then_some(())
    });
    assert_eq!(heard.matches("\"kind\":\"certificate\",\"host\":\"matrix.example.com\"").count(), 3, "{heard}");
    sandbox.script("systemctl stop own-daemon.service; rm -rf /srv/own /srv/daemon.*");
}
