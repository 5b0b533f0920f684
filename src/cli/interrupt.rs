//! Ctrl-C: the first asks the run to stop at the next safe place, the second ends the process.

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
                #[allow(clippy::exit, reason = "the second signal asks for just this")]
                std::process::exit(130);
            }
            terminal.err("stopping after this step; once more to stop at once\n");
            cancel.cancel();
        }
    });
    token
}
