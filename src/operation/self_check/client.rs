//! Connections to where a name leads, and the pages there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::certificate;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Host, Stream};

const PATIENCE: Duration = Duration::from_secs(10);
/// No page that is asked for here is longer.
const LARGEST_PAGE: usize = 1 << 20;
const REDIRECTS: usize = 3;

/// `NAME:PORT:ADDRESS[:PORT]`: where a name leads, in place of what DNS says. `*` is every name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    name: String,
    port: u16,
    target: SocketAddr,
}

impl std::str::FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected NAME:PORT:ADDRESS or NAME:PORT:ADDRESS:PORT, such as `*:443:127.0.0.1:8443`".to_owned();
        let (name, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (port, target) = rest.split_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let address = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let target = address(target).map(|address| SocketAddr::new(address, port)).or_else(|| target.parse().ok());
        Ok(Self { name: name.to_owned(), port, target: target.ok_or_else(wrong)? })
    }
}

/// A page, or why there is none.
#[derive(Clone, Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// `Access-Control-Allow-Origin`.
    pub allow_origin: Option<String>,
    /// `Server`: what program it is, where that says so.
    pub server: Option<String>,
    /// As text.
    pub body: String,
}

impl Page {
    /// Its text as JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }
}

/// What asks.
pub struct Client {
    resolve: Vec<Resolve>,
    strict: Arc<ClientConfig>,
    /// Takes any certificate, to look at it.
    lax: Arc<ClientConfig>,
    through: Option<Through>,
    agent: String,
}

/// Connections are a host's own.
#[derive(Clone)]
struct Through {
    host: Arc<dyn Host>,
    /// Where it finds a port, whatever the name.
    ports: Vec<(u16, SocketAddr)>,
}

impl Client {
    /// Trusts what this machine trusts, and the authorities in the files.
    ///
    /// # Errors
    /// A file holds no certificate; there are no authorities at all.
    pub fn new(resolve: Vec<Resolve>, authorities: &[impl AsRef<Utf8Path>]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for file in authorities {
            let file = file.as_ref();
            let failed = |why: String| Error::new(Kind::Usage, format!("`{file}` holds no certificate of an authority")).caused_by(why);
            let certificates = CertificateDer::pem_file_iter(file.as_std_path()).map_err(|error| failed(error.to_string()))?;
            let before = roots.len();
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots.add(certificate).map_err(|error| failed(error.to_string()))?;
            }
            if roots.len() == before {
                return Err(failed("it is empty".to_owned()));
            }
        }
        if roots.is_empty() {
            return Err(Error::new(Kind::Usage, "this machine trusts no certificate authority")
                .hint("install `ca-certificates`, or give `--ca FILE`"));
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let failed = |error| Error::new(Kind::Usage, "TLS cannot be set up").caused_by(error);
        let builder = || ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(failed);
        let strict = builder()?.with_root_certificates(roots).with_no_client_auth();
        let lax =
            builder()?.dangerous().with_custom_certificate_verifier(Arc::new(certificate::TakeAny(provider.clone()))).with_no_client_auth();
        let agent = concat!("homestead/", env!("CARGO_PKG_VERSION")).to_owned();
        Ok(Self { resolve, strict: Arc::new(strict), lax: Arc::new(lax), through: None, agent })
    }

    /// The same, asking from a host; a port leads where `ports` says, whatever the name, and no other port leads anywhere.
    #[must_use]
    pub fn through(&self, host: Arc<dyn Host>, ports: Vec<(u16, SocketAddr)>) -> Self {
        let (strict, lax) = (self.strict.clone(), self.lax.clone());
        Self { resolve: Vec::new(), strict, lax, through: Some(Through { host, ports }), agent: self.agent.clone() }
    }

    /// The same under another name.
    #[must_use]
    pub fn called(&self, agent: &str) -> Self {
        let (strict, lax) = (self.strict.clone(), self.lax.clone());
        Self { resolve: self.resolve.clone(), strict, lax, through: self.through.clone(), agent: agent.to_owned() }
    }

    /// What speaks TLS with servers that must be who they say.
    pub(in crate::operation) fn tls(&self) -> Arc<ClientConfig> {
        self.strict.clone()
    }

    /// Where the user says that a name leads.
    pub fn told(&self, name: &str, port: u16) -> Option<SocketAddr> {
        self.resolve.iter().find(|entry| (entry.name == name || entry.name == "*") && entry.port == port).map(|entry| entry.target)
    }

    /// Whether the user says where a name leads, on any port.
    pub fn is_told(&self, name: &str) -> bool {
        self.resolve.iter().any(|entry| entry.name == name || entry.name == "*")
    }

    /// What DNS says.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        match timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await {
            Ok(Ok(found)) => {
                let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
                addresses.sort();
                addresses.dedup();
                Ok(addresses)
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
        }
    }

    /// A TCP connection.
    pub async fn connect(&self, name: &str, port: u16) -> Result<Box<dyn Stream>, String> {
        let connecting = async {
            if let Some(through) = &self.through {
                let target = through.ports.iter().find(|(known, _)| *known == port).map(|(_, target)| *target);
                let target = target.ok_or_else(|| format!("nothing is known to listen on port {port}"))?;
                let stream = through.host.tcp_stream(target.ip(), target.port()).await;
                return stream.map_err(|error| crate::diagnostic::with_causes(&error));
            }
            let stream = match self.told(name, port) {
                Some(target) => TcpStream::connect(target).await,
                None => TcpStream::connect((name, port)).await,
            };
            Ok(Box::new(stream.map_err(|error| error.to_string())?) as Box<dyn Stream>)
        };
        timeout(PATIENCE, connecting).await.unwrap_or_else(|_| Err(format!("no answer in {} s", PATIENCE.as_secs())))
    }

    /// The first certificate of a server, and what is wrong with the chain, if anything.
    pub async fn certificate(&self, name: &str, port: u16) -> Result<(Vec<u8>, Option<tokio_rustls::rustls::Error>), String> {
        let strict = self.handshake(name, port, self.strict.clone()).await;
        let (stream, problem) = match strict {
            Ok(stream) => (stream, None),
            Err(error) => {
                let problem = error.get_ref().and_then(|error| error.downcast_ref::<tokio_rustls::rustls::Error>()).cloned();
                let Some(problem) = problem else { return Err(error.to_string()) };
                (self.handshake(name, port, self.lax.clone()).await.map_err(|error| error.to_string())?, Some(problem))
            }
        };
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|first| first.to_vec());
        Ok((certificate.ok_or("the server shows no certificate")?, problem))
    }

    async fn handshake(
        &self,
        name: &str,
        port: u16,
        config: Arc<ClientConfig>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<Box<dyn Stream>>> {
        let stream = self.connect(name, port).await.map_err(std::io::Error::other)?;
        let server = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
        let handshake = timeout(PATIENCE, TlsConnector::from(config).connect(server, stream)).await;
        handshake.unwrap_or_else(|_| Err(std::io::Error::other("no answer")))
    }

    /// A page, after its redirections. Certificates have a check of their own: here any will do.
    pub async fn get(&self, url: &str) -> Result<Page, String> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS {
            match timeout(PATIENCE, self.get_once(&url)).await.map_err(|_| format!("no answer in {} s", PATIENCE.as_secs()))?? {
                Answer::Page(page) => return Ok(page),
                Answer::Elsewhere(next) => url = next,
            }
        }
        Err("it redirects in circles".to_owned())
    }

    async fn get_once(&self, url: &str) -> Result<Answer, String> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("`{url}` is no address of a page"))?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let default = if scheme == "http" { 80 } else { 443 };
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| format!("`{url}` is no address of a page"))?),
            None => (authority, default),
        };
        let text = |error: std::io::Error| error.to_string();
        let answer = if scheme == "http" {
            ask(self.connect(name, port).await?, &self.agent, authority, path).await
        } else {
            ask(self.handshake(name, port, self.lax.clone()).await.map_err(text)?, &self.agent, authority, path).await
        };
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(match answer {
            Answer::Elsewhere(next) if next.starts_with('/') => Answer::Elsewhere(format!("{scheme}://{authority}{next}")),
            answer => answer,
        })
    }
}

enum Answer {
    Page(Page),
    Elsewhere(String),
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    agent: &str,
    authority: &str,
    path: &str,
) -> Result<Answer, Failure> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header("Host", authority)
        .header("Origin", "https://homestead.invalid")
        .header("User-Agent", agent)
        .header("Connection", "close")
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, location) = (response.status(), header("location"));
        let (allow_origin, server) = (header("access-control-allow-origin"), header("server"));
        if let (true, Some(location)) = (status.is_redirection(), location) {
            return Ok(Answer::Elsewhere(location));
        }
        let body = Limited::new(response.into_body(), LARGEST_PAGE).collect().await?.to_bytes();
        Ok(Answer::Page(Page { status: status.as_u16(), allow_origin, server, body: String::from_utf8_lossy(&body).into_owned() }))
    };
    tokio::pin!(answer);
    // The connection must be driven as long as the answer is awaited, and no longer.
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => {
            ended?;
            answer.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_told_where_it_leads() {
        let entry: Resolve = "*:443:127.0.0.1:8443".parse().unwrap();
        assert_eq!(entry, Resolve { name: "*".into(), port: 443, target: "127.0.0.1:8443".parse().unwrap() });
        assert_eq!("a.b:80:[::1]".parse::<Resolve>().unwrap().target, "[::1]:80".parse().unwrap());
        assert_eq!("a.b:80:[::1]:81".parse::<Resolve>().unwrap().target, "[::1]:81".parse().unwrap());
        for wrong in ["a", "a:b:c", "a:443:nowhere", "a:443:"] {
            assert!(wrong.parse::<Resolve>().is_err(), "{wrong}");
        }
    }
}
