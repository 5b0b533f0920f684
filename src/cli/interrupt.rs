//! Ctrl-C: the first asks the run to stop at the next safe place, the second ends the process. The end of whoever
//! started it counts as one where that is asked for.

use tokio_util::sync::CancellationToken;

use crate::report::Terminal;

/// A token that is cancelled by the first Ctrl-C or SIGTERM.
pub fn token(terminal: &Terminal) -> CancellationToken {
    let token = CancellationToken::new();
    let (cancel, terminal) = (token.clone(), terminal.clone());
    // Lives as long as the process: nothing waits for it.
    #[allow(clippy::disallowed_methods, reason = "a signal handler belongs to the process, not to a run")]
    tokio::spawn(async move {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
        for hard in [false, true] {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            if hard {
                terminal.err("stopped at once; the next run finishes what was begun\n");
                terminal.end(130);
                #[allow(clippy::exit, reason = "the second signal asks for just this")]
                std::process::exit(130);
            }
            terminal.err("stopping after this step; once more to stop at once\n");
            cancel.cancel();
        }
    });
    token
}

/// Asks this process to stop when its standard input ends, as it does when whoever started it is gone. A command that has
/// no safe places ends at once.
pub fn follow_stdin() {
    std::thread::spawn(|| {
        // Nothing is expected there; an input that cannot be read is one that has ended.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM) {
            tracing::error!(%error, "a run without its daemon cannot be stopped");
        }
    });
}
