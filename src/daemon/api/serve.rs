//! The two doors.

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use camino::Utf8Path;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::access::Peer;

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| peer.uid()))
    }
}

/// Makes a Unix socket that its owner and its group may open. One that a daemon which was killed left behind is
/// replaced.
///
/// # Errors
/// Another daemon listens there, or the folder is missing.
pub async fn bind_socket(path: &Utf8Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    if tokio::net::UnixStream::connect(path).await.is_ok() {
        return Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, "another daemon listens there"));
    }
    if let Err(error) = fs_err::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(path)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers on a Unix socket, until `stop`, and removes it then.
///
/// # Errors
/// The listener fails.
pub async fn serve_socket(listener: UnixListener, path: &Utf8Path, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
    // Ours: nobody else could have bound it meanwhile.
    fs_err::remove_file(path)?;
    served
}

/// Answers on a loopback port, until `stop`.
///
/// # Errors
/// The listener fails.
pub async fn serve_tcp(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}
