//! A run of the program whose events are read as they come, and which can be made to stand still at one.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Proxy, TestInventory};
use crate::point::Point;

/// Where to wait for it, and whether it is to stand still there.
pub struct Trap {
    pub point: Point,
    pub stand_still: bool,
}

/// Events with the times at which they came.
pub type Events = Arc<Mutex<Vec<(Instant, Value)>>>;

/// A run that goes on.
pub struct Run {
    child: Child,
    pub started: Instant,
    pub events: Events,
    sprung: Receiver<Instant>,
    readers: Vec<JoinHandle<String>>,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    pub events: Vec<(Instant, Value)>,
    pub hung: bool,
}

impl Run {
    /// Starts the program; `trap` springs in the thread that reads its events, within a millisecond.
    pub fn start(inventory: &TestInventory, arguments: &[&str], proxy: Option<&Arc<Proxy>>, trap: Option<Trap>) -> Self {
        std::fs::create_dir_all(inventory.path("home")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_homestead"))
            .args(arguments)
            .current_dir(inventory.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", inventory.path("home"))
            .env("USER", "tester")
            .env("HOSTNAME", "laptop")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id();
        let events = Events::default();
        let (spring, sprung) = channel();
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (kept, proxy) = (Arc::clone(&events), proxy.map(Arc::clone));
        let mut trap = trap;
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            let mut stdout = BufReader::new(stdout);
            while stdout.read_line(&mut text).unwrap_or(0) > 0 {
                let line = text.lines().last().unwrap_or_default();
                let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
                let now = Instant::now();
                if let Some(Trap { stand_still, .. }) = trap.take_if(|trap| trap.point.is(&event)) {
                    if stand_still {
                        // What the program says after this event is in the proxy still: it holds it back.
                        if let Some(proxy) = &proxy {
                            proxy.hold();
                        }
                        signal(id, "STOP");
                    }
                    let _ = spring.send(now);
                }
                kept.lock().unwrap().push((now, event));
            }
            text
        });
        let errors = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, started: Instant::now(), events, sprung, readers: vec![reader, errors] }
    }

    /// Waits until the trap has sprung; gives when. Nothing where the run ended without coming there.
    pub fn sprung(&self, patience: Duration) -> Option<Instant> {
        self.sprung.recv_timeout(patience).ok()
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    pub fn goes_on(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end; one that does not end in its time is killed.
    pub fn wait(mut self, patience: Duration) -> Ended {
        let mut hung = false;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if !hung && self.started.elapsed() > patience => {
                    hung = true;
                    self.child.kill().unwrap();
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let took = self.started.elapsed();
        let mut texts = self.readers.into_iter().map(|reader| reader.join().unwrap());
        let (stdout, stderr) = (texts.next().unwrap(), texts.next().unwrap());
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Ended { code, stdout, stderr, took, events, hung }
    }
}

impl Ended {
    /// The run for people who look for what went wrong.
    pub fn story(&self, title: &str, zero: Instant) -> String {
        let mut text = format!(
            "-- {title}: exit code {} after {:.1} s{}\n",
            self.code,
            self.took.as_secs_f64(),
            if self.hung { ", HUNG" } else { "" }
        );
        for (at, event) in &self.events {
            let mut event = event.clone();
            if event["event"] == "plan" {
                event = serde_json::json!({"event": "plan", "actions": event["plan"]["actions"].as_array().map(Vec::len), "restarts": event["plan"]["restarts"].as_array().map(Vec::len), "notes": event["plan"]["notes"]});
            }
            for name in ["version", "host"] {
                event.as_object_mut().unwrap().remove(name);
            }
            text.push_str(&format!(
                "   {:7.3} {event}\n",
                at.saturating_duration_since(zero).as_secs_f64() - zero.saturating_duration_since(*at).as_secs_f64()
            ));
        }
        if self.events.is_empty() && !self.stdout.is_empty() {
            text.push_str(&format!("   stdout: {}\n", self.stdout.trim_end().replace('\n', "\n           ")));
        }
        if !self.stderr.is_empty() {
            text.push_str(&format!("   stderr: {}\n", self.stderr.trim_end().replace('\n', "\n           ")));
        }
        text
    }
}

/// Sends a signal, named as `kill` names it. A process that has just ended gets none.
fn signal(id: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).stderr(Stdio::null()).status().unwrap();
}
