//! What services wrote to the journal, without secrets.

use super::Context;
use super::output::Lines;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Channel, Exec};
use crate::report::Event;

/// `$1`: lines, `$2`: since when or nothing, `$3`: `follow` or nothing; then units.
const JOURNAL: &str = r#"
lines=$1 since=$2 follow=$3
shift 3
for unit; do
    shift
    set -- "$@" "--unit=$unit"
done
[ -z "$since" ] || set -- "$@" "--since=$since"
[ -z "$follow" ] || set -- "$@" --follow
exec journalctl --no-pager --quiet --output=short-iso "--lines=$lines" "$@"
"#;

/// What is wanted of the journal.
#[derive(Clone, Debug)]
pub struct Logs {
    /// Units.
    pub units: Vec<String>,
    /// How many of the last lines; all where none is given.
    pub lines: Option<u32>,
    /// A time as `journalctl` takes it: `1 hour ago`, `2026-11-22 03:33`.
    pub since: Option<String>,
    /// Whether to go on with what comes.
    pub follow: bool,
}

/// Sends each line as an event.
///
/// # Errors
/// journalctl complains, in its words; the connection breaks.
pub async fn logs(context: &Context<'_>, wanted: &Logs) -> Result<()> {
    let redactor = context.prepared.redactor();
    let count = wanted.lines.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let mut arguments = vec![count.as_str(), wanted.since.as_deref().unwrap_or_default(), if wanted.follow { "follow" } else { "" }];
    arguments.extend(wanted.units.iter().map(String::as_str));
    let mut lines = Lines::default();
    let mut complaint = Vec::new();
    let mut take = |channel: Channel, line: String| {
        let line = redactor.redact(&line).into_owned();
        match channel {
            Channel::Stdout => (context.sink)(context.name, Event::Output { line, stderr: false }),
            Channel::Stderr => complaint.push(line),
        }
    };
    let exec = Exec::new(JOURNAL).arguments(&arguments);
    let status = context
        .host
        .exec_streaming(exec, &mut |channel, bytes| lines.add(channel, bytes).into_iter().for_each(|line| take(channel, line)))
        .await?;
    lines.rest().into_iter().for_each(|(channel, line)| take(channel, line));
    if status == 0 {
        return Ok(());
    }
    Err(Error::new(Kind::HostFailed, format!("`{}`: the journal cannot be read: {}", context.name, complaint.join("; "))))
}
