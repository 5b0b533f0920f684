//! `logs`: the journal of services.

use clap::Args;

use super::global::GlobalArgs;
use super::procedure::{Connected, on_each};
use super::{Exit, interrupt, service_control};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation::{self, Logs};
use crate::report::{Event, Sink, Terminal};

/// Show what a service wrote to the journal
///
/// Secrets of the inventory are left out.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// A service or a group, such as `synapse`
    service: String,
    /// Go on with what comes, until Ctrl-C
    #[arg(short = 'F', long)]
    follow: bool,
    /// How many of the last lines; 50 without it, or all with `--since`
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<u32>,
    /// From when on, as `journalctl` takes it: `1 hour ago`, `today`, `2026-11-22 03:33`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

impl LogsArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let cancel = interrupt::token(terminal);
        let lines = self.lines.or_else(|| self.since.is_none().then_some(50));
        let (service, since, follow) = (self.service.clone(), self.since.clone(), self.follow);
        // A program reads the host beside the line.
        let many = !terminal.json() && super::converge::load(global, terminal)?.hosts()?.len() > 1;
        on_each(global, terminal, None, move |connected: Connected| {
            let (service, since, cancel) = (service.clone(), since.clone(), cancel.clone());
            async move {
                let context = connected.context();
                let units = service_control::named(context.prepared, &service)?.into_iter().map(|service| service.unit).collect();
                let wanted = Logs { units, lines, since, follow };
                let sink = context.sink.clone();
                let sink = if many { with_host(sink) } else { sink };
                let context = operation::Context { sink: &sink, ..context };
                tokio::select! {
                    done = operation::logs(&context, &wanted) => done,
                    () = cancel.cancelled() => if follow { Ok(()) } else { Err(Error::new(Kind::Interrupted, "stopped as asked")) },
                }
            }
        })
        .await?;
        Ok(0)
    }
}

/// Says before each line which host wrote it.
fn with_host(sink: Sink) -> Sink {
    std::sync::Arc::new(move |host, event| match event {
        Event::Output { line, stderr } => sink(host, Event::Output { line: format!("{host}: {line}"), stderr }),
        other => sink(host, other),
    })
}
