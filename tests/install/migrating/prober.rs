//! Somebody who asks all the time: from the host, every tenth of a second, for a login, a session, and the client's API.

use std::fmt;
use std::time::Duration;

use super::people::{PASSWORD, People};
use crate::installed::Installed;
use crate::requests::login_request;

/// One line for each answer: milliseconds, what was asked, status.
const SCRIPT: &str = r#"
rm -rf /tmp/prober; cp -r /tmp/prober-configuration /tmp/prober
for kind in versions whoami login; do
    nohup setsid sh -c '
        while [ ! -e /tmp/prober/stop ]; do
            at=$(date +%s%3N)
            echo "$at $1 $(curl --silent --max-time 5 --output /dev/null --write-out "%{http_code}" --config "/tmp/prober/$1.conf")" >>"/tmp/prober/$1.log"
            sleep 0.1
        done
        echo end >>"/tmp/prober/$1.log"
    ' sh "$kind" >/dev/null 2>&1 </dev/null &
done
"#;

pub struct Prober<'a> {
    installed: &'a Installed,
}

/// When something did not answer: from the first failure of its kind to the last.
#[derive(Debug)]
pub struct Downtime {
    kinds: Vec<Answers>,
}

/// What was asked, how often it was answered well, and from when to when it was not.
type Answers = (String, usize, Vec<(u64, u64)>);

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
            token = People::token(42),
        );
        installed.sandbox.script(&configurations);
        installed.sandbox.script(SCRIPT);
        Self { installed }
    }

    /// Ends it, and says what it saw.
    pub fn stop(self) -> Downtime {
        let text = self.installed.sandbox.script(
            "touch /tmp/prober/stop; for kind in versions whoami login; do until grep -q end /tmp/prober/$kind.log; do sleep 0.1; done; done; \
             cat /tmp/prober/*.log",
        );
        let mut kinds = Vec::new();
        for kind in ["versions", "whoami", "login"] {
            let mut answers: Vec<(u64, bool)> = text
                .lines()
                .filter_map(|line| {
                    let words: Vec<&str> = line.split(' ').collect();
                    (words.len() == 3 && words[1] == kind).then(|| (words[0].parse().unwrap(), words[2] == "200"))
                })
                .collect();
            answers.sort_unstable();
            // A window goes from a first failure to the next good answer.
            let mut windows: Vec<(u64, u64)> = Vec::new();
            let mut open = false;
            for (at, good) in &answers {
                match (good, open) {
                    (false, false) => windows.push((*at, *at)),
                    (_, true) => windows.last_mut().unwrap().1 = *at,
                    (true, false) => {}
                }
                open = !good;
            }
            kinds.push((kind.to_owned(), answers.len(), windows));
        }
        Downtime { kinds }
    }
}

impl Downtime {
    /// Every kind was asked often, and failed at one time only: two windows that nearly touch are one.
    #[track_caller]
    pub fn is_one_window_below(&self, limit: Duration) {
        let starts = self.kinds.iter().flat_map(|(_, _, windows)| windows.first().map(|window| window.0));
        let ends = self.kinds.iter().flat_map(|(_, _, windows)| windows.last().map(|window| window.1));
        let whole = Duration::from_millis(ends.max().unwrap() - starts.min().unwrap());
        assert!(whole < limit, "{self}: {whole:?} in all: {self:?}");
        for (kind, answers, _) in &self.kinds {
            assert!(*answers > 50, "{kind} was asked {answers} times only");
        }
    }
}

impl fmt::Display for Downtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, answers, windows) in &self.kinds {
            let (first, last) = (windows.first().map_or(0, |window| window.0), windows.last().map_or(0, |window| window.1));
            write!(f, "{kind}: {answers} answers, not good for {} ms; ", last - first)?;
        }
        Ok(())
    }
}
