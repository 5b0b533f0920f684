//! HTTP/1.1 over a stream of the host's, one connection a request.

use std::pin::Pin;
use std::sync::Arc;

use bollard::BollardRequest;
use bollard::errors::Error as ApiError;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use tokio_util::task::TaskTracker;

use crate::diagnostic::Error;
use crate::host::Host;

type Answer = Pin<Box<dyn Future<Output = Result<Response<Incoming>, ApiError>> + Send>>;

/// Answers requests of `bollard`.
pub(super) fn over(host: Arc<dyn Host>) -> impl Fn(BollardRequest) -> Answer + Send + Sync + 'static {
    let connections = TaskTracker::new();
    move |request| Box::pin(send(Arc::clone(&host), connections.clone(), request))
}

async fn send(host: Arc<dyn Host>, connections: TaskTracker, mut request: BollardRequest) -> Result<Response<Incoming>, ApiError> {
    let stream = host.docker_stream().await.map_err(wrap)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Upgrades: exec and attach go on as a raw stream. The task ends with the answer's body, or when
    // whoever reads that lets go of it.
    connections.spawn(connection.with_upgrades());
    // Docker answers 400 without a host, and to a request line with one.
    request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = path.parse()?;
    *request.uri_mut() = uri;
    Ok(sender.send_request(request).await?)
}

/// Carries an error of ours through `bollard`.
fn wrap(error: Error) -> ApiError {
    ApiError::IOError { err: std::io::Error::other(error) }
}
