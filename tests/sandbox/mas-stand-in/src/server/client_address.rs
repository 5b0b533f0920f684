//! Whose request it is: the peer's address, or what a trusted proxy says of it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::connect_info::Connected;
use axum::http::HeaderMap;
use axum::serve::IncomingStream;
use ipnet::IpNet;
use tokio::net::{TcpListener, UnixListener};

/// The other end of a connection; `None` behind a UNIX socket.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub Option<IpAddr>);

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        let address: &SocketAddr = stream.remote_addr();
        Self(Some(address.ip().to_canonical()))
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(_stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(None)
    }
}

/// Walks from the peer back through `X-Forwarded-For`, past every trusted proxy, to the first
/// address that is none. A peer behind a UNIX socket is trusted.
pub fn client_address(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if let Some(address) = peer.0
        && !is_trusted(&address)
    {
        return Some(address);
    }
    let forwarded: Vec<IpAddr> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|text| text.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .collect();
    forwarded.iter().rev().find(|address| !is_trusted(address)).or(forwarded.first()).copied().or(peer.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &str, trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        if !forwarded.is_empty() {
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.split(' ').map(|network| network.parse().unwrap()).collect();
        client_address(Peer(Some(peer.parse().unwrap())), &headers, &trusted).unwrap().to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(address("203.0.113.9", "198.51.100.1", "10.0.0.0/10"), "203.0.113.9");
    }

    #[test]
    fn the_last_stranger_before_the_proxies_counts() {
        assert_eq!(address("10.1.2.3", "198.51.100.1, 203.0.113.7, 10.1.1.1", "10.0.0.0/10"), "203.0.113.7");
    }

    #[test]
    fn the_default_network_leaves_out_10_64_and_above() {
        assert_eq!(address("10.64.0.5", "203.0.113.7", "10.0.0.0/10"), "10.64.0.5");
        assert_eq!(address("10.64.0.5", "203.0.113.7", "10.0.0.0/8"), "203.0.113.7");
    }

    #[test]
    fn a_network_may_have_host_bits() {
        assert_eq!(address("127.0.0.1", "203.0.113.7", "127.0.0.1/8"), "203.0.113.7");
    }
}
