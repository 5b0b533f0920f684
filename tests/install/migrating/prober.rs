//! Somebody who asks all the time: from the host, every tenth of a second, for a login, a session, and the client's API.

use std::fmt;
use std::time::Duration;

use super::inhabitants::{PASSWORD, People};
use crate::common::people;
use crate::installed::Installed;
use crate::requests::login_request;

/// One line for each answer: when it was asked, what, the status, and when that came; milliseconds since 1970.
const SCRIPT: &str = r#"
rm -rf /tmp/prober; cp -r /tmp/prober-configuration /tmp/prober
for kind in versions whoami login; do
    nohup setsid sh -c '
        while [ ! -e /tmp/prober/stop ]; do
            at=$(date +%s%3N)
            status=$(curl --silent --max-time 5 --output /dev/null --write-out "%{http_code}" --config "/tmp/prober/$1.conf")
            echo "$at $1 $status $(date +%s%3N)" >>"/tmp/prober/$1.log"
            sleep 0.1
        done
        echo end >>"/tmp/prober/$1.log"
    ' sh "$kind" >/dev/null 2>&1 </dev/null &
done
"#;

pub struct Prober<'a> {
    installed: &'a Installed,
}

/// What it saw: each kind of request with its answers, in order.
#[derive(Debug)]
pub struct Seen {
    kinds: Vec<(&'static str, Vec<Answer>)>,
}

/// One answer; milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Answer {
    asked: u64,
    came: u64,
    status: u16,
}

/// The window that a run told: when it began to close the door, and when everything answered again.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub closes: u64,
    pub open: u64,
    /// The downtime that it says.
    pub downtime: Duration,
}

/// How long Traefik may take to close the door after it was told to, which is a part of what is told and not of what people
/// see: it gathers changes of its configuration for two seconds (`providersThrottleDuration`).
const CLOSING: Duration = Duration::from_millis(2500);
/// How much later a prober may see the door open than the run that asks every half second: its pause, and an answer on a
/// busy machine.
const SEEN_LATE: Duration = Duration::from_millis(1000);

const KINDS: [&str; 3] = ["versions", "whoami", "login"];

impl<'a> Prober<'a> {
    pub fn start(installed: &'a Installed, _people: &People) -> Self {
        let mut body = login_request("user042", PASSWORD);
        body["device_id"] = "PROBER".into();
        let quoted = body.to_string().replace('"', "\\\"");
        let base = "https://matrix.example.com/_matrix/client";
        let configurations = format!(
            "mkdir -p /tmp/prober-configuration\ncd /tmp/prober-configuration\n\
             echo 'url = \"{base}/versions\"' >versions.conf\n\
             printf '%s\\n' 'url = \"{base}/v3/account/whoami\"' 'header = \"Authorization: Bearer {token}\"' >whoami.conf\n\
             printf '%s\\n' 'url = \"{base}/v3/login\"' 'header = \"Content-Type: application/json\"' 'data = \"{quoted}\"' >login.conf\n",
            token = people::token(42),
        );
        installed.sandbox.script(&configurations);
        installed.sandbox.script(SCRIPT);
        Self { installed }
    }

    /// Ends it, and says what it saw.
    pub fn stop(self) -> Seen {
        let text = self.installed.sandbox.script(
            "touch /tmp/prober/stop; for kind in versions whoami login; do until grep -q end /tmp/prober/$kind.log; do sleep 0.1; done; done; \
             cat /tmp/prober/*.log",
        );
        let answers = |kind: &str| -> Vec<Answer> {
            let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let own = words.filter(|words| words.len() == 4 && words[1] == kind);
            own.map(|words| Answer { asked: words[0].parse().unwrap(), status: words[2].parse().unwrap(), came: words[3].parse().unwrap() })
                .collect()
        };
        Seen { kinds: KINDS.map(|kind| (kind, answers(kind))).into() }
    }
}

impl Answer {
    const fn is_good(self) -> bool {
        self.status == 200
    }
}

impl Seen {
    /// Nothing failed outside of the window that was told; inside of it each kind of request went away once and came back
    /// once; and what was told is what people saw.
    #[track_caller]
    pub fn is_as_told(&self, told: &Told, limit: Duration) {
        let (mut first, mut last) = (u64::MAX, 0);
        for (kind, answers) in &self.kinds {
            let bad: Vec<&Answer> = answers.iter().filter(|answer| !answer.is_good()).collect();
            let outside: Vec<_> =
                bad.iter().filter(|answer| answer.came < told.closes || answer.asked > told.open + millis(SEEN_LATE)).collect();
            assert!(outside.is_empty(), "{kind} failed outside of {told:?}: {outside:?}");
            let before = answers.iter().filter(|answer| answer.came < told.closes).count();
            let after = answers.iter().filter(|answer| answer.asked > told.open).count();
            assert!(before > 30 && after > 3, "{kind} was asked {before} times before {told:?} and {after} times after");
            // Once closed it stays closed until it is open again.
            let turns = answers.windows(2).filter(|pair| pair[0].is_good() != pair[1].is_good()).count();
            assert_eq!(turns, 2, "{kind} flaps: {:?}", around(answers, told));
            first = first.min(bad[0].asked);
            last = last.max(bad[bad.len() - 1].came);
        }
        let measured = Duration::from_millis(last - first);
        assert!(measured <= told.downtime + SEEN_LATE, "measured {measured:?}, and told {told:?}");
        assert!(told.downtime <= measured + CLOSING + SEEN_LATE, "measured {measured:?}, and told {told:?}");
        assert!(measured < limit, "{measured:?} is too long: {told:?}");
        eprintln!("\nmeasured: {measured:?}; {self}");
    }
}

/// The answers near a window, for messages: time since it began to close, and status.
fn around(answers: &[Answer], told: &Told) -> Vec<(f64, u16)> {
    let near = answers.iter().filter(|answer| answer.came + 2000 > told.closes && answer.asked < told.open + 10_000);
    let mut shown: Vec<(f64, u16)> = near.map(|answer| ((answer.asked as f64 - told.closes as f64) / 1000.0, answer.status)).collect();
    shown.dedup_by_key(|(_, status)| *status);
    shown
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, answers) in &self.kinds {
            let bad: Vec<&Answer> = answers.iter().filter(|answer| !answer.is_good()).collect();
            let away = bad.last().map_or(0, |last| last.came - bad[0].asked);
            write!(f, "{kind}: {} answers, not good for {away} ms; ", answers.len())?;
        }
        Ok(())
    }
}
