//! HTTP from the machine that homestead runs on. Takes nothing but a time limit; gives a client that knows
//! the system's certificate authorities and proxies. Must not know what is asked for.

use std::sync::Once;
use std::time::Duration;

/// A client whose requests, each as a whole, may take so long.
///
/// # Errors
/// The system's certificate authorities cannot be read.
pub fn client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    // Only the first caller of a process can choose; a second choice would be the same one.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder().timeout(timeout).user_agent(concat!("homestead/", env!("CARGO_PKG_VERSION"))).build()
}
