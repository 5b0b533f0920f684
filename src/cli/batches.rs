//! Hosts in batches, in Ansible's words: `serial`, `max_fail_percentage`, `any_errors_fatal`.

use clap::Args;

use crate::diagnostic::{Error, Kind, Result};

/// How many hosts at a time, and when to stop.
#[derive(Clone, Debug, Default, Args)]
pub struct BatchArgs {
    /// Finish so many hosts before the next ones begin: `1`, `25%`, or a size for each batch, as `1,5,25%`
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = size)]
    serial: Vec<Size>,
    /// Begin no further batch when more than so many percent of one failed; without it, when all of it failed
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_fail_percentage: Option<u8>,
    /// Begin with no further host when one has failed
    #[arg(long)]
    any_errors_fatal: bool,
}

/// The size of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Hosts(usize),
    Percent(usize),
}

fn size(text: &str) -> Result<Size, String> {
    let (number, size): (_, fn(usize) -> Size) = match text.strip_suffix('%') {
        Some(number) => (number, Size::Percent),
        None => (text, Size::Hosts),
    };
    let number: usize = number.trim().parse().map_err(|_| "a number of hosts, or a percentage such as `25%`".to_owned())?;
    if number == 0 { Err("a batch has at least one host".to_owned()) } else { Ok(size(number)) }
}

impl BatchArgs {
    /// Whether a failure ends the work on hosts that are not begun yet.
    pub const fn any_errors_fatal(&self) -> bool {
        self.any_errors_fatal
    }

    /// The hosts, batch by batch; the last size counts for all that are left.
    pub fn split(&self, mut hosts: Vec<String>) -> Vec<Vec<String>> {
        let all = hosts.len();
        let mut sizes = self.serial.iter().copied();
        let mut size = sizes.next();
        let mut batches = Vec::new();
        while !hosts.is_empty() {
            let length = match size {
                None => all,
                Some(Size::Hosts(number)) => number,
                // As Ansible: a part of all hosts, and never none.
                Some(Size::Percent(number)) => (all * number / 100).max(1),
            };
            let rest = hosts.split_off(length.min(hosts.len()));
            batches.push(std::mem::replace(&mut hosts, rest));
            size = sizes.next().or(size);
        }
        batches
    }

    /// Whether the batches after one with so many failures must not begin.
    pub fn ends(&self, failed: usize, of: usize) -> bool {
        let limit = self.max_fail_percentage.map(usize::from);
        failed > 0 && (self.any_errors_fatal || failed == of || limit.is_some_and(|limit| failed * 100 > limit * of))
    }

    /// The error for hosts that were not begun.
    pub fn not_begun(failed: &str, left: &[String]) -> Error {
        let error = Error::new(Kind::HostFailed, format!("{failed}; not begun: {}", left.join(", ")));
        error.hint("the same command again goes on with those; what is done already finds nothing to do")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        batches: BatchArgs,
    }

    fn batches(words: &[&str]) -> BatchArgs {
        Line::try_parse_from([&["homestead"], words].concat()).unwrap().batches
    }

    fn lengths(words: &[&str], hosts: usize) -> Vec<usize> {
        let hosts = (0..hosts).map(|number| number.to_string()).collect();
        batches(words).split(hosts).iter().map(Vec::len).collect()
    }

    #[test]
    fn sizes_are_numbers_and_percentages() {
        assert_eq!(lengths(&[], 10), [10]);
        assert_eq!(lengths(&["--serial", "4"], 10), [4, 4, 2]);
        assert_eq!(lengths(&["--serial", "1,3,50%"], 10), [1, 3, 5, 1]);
        assert_eq!(lengths(&["--serial", "1%"], 3), [1, 1, 1]);
        assert_eq!(lengths(&["--serial", "1"], 0), [0; 0]);
        for wrong in ["0", "-1", "x", "%", "1,,2"] {
            assert!(Line::try_parse_from(["homestead", "--serial", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn failures_end_it_as_ansible_does() {
        let ends = |words: &[&str], failed, of| batches(words).ends(failed, of);
        assert!(!ends(&[], 3, 4) && ends(&[], 4, 4) && !ends(&[], 0, 4));
        // More than the percentage, not as much.
        assert!(!ends(&["--max-fail-percentage", "50"], 2, 4) && ends(&["--max-fail-percentage", "49"], 2, 4));
        assert!(ends(&["--max-fail-percentage", "0"], 1, 4) && ends(&["--any-errors-fatal"], 1, 4));
    }
}
