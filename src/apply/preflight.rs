//! What can be known to fail before anything is touched.

use std::collections::BTreeSet;

use super::Run;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Exec, run as run_script};
use crate::plan::RestartKind;

/// Local port and state of every TCP socket; 0A is listening (`proc_net_tcp` of the kernel's documentation).
const LISTENING: &str = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local _ state _; do [ \"$state\" = 0A ] && echo \"${local##*:}\"; done; true";

/// Ports that services are about to take must be free.
///
/// # Errors
/// One is taken by something that is not the service itself.
pub async fn ports(run: &Run<'_>) -> Result<()> {
    let starting = run.plan.restarts.iter().filter(|restart| restart.kind == RestartKind::Start);
    let services: Vec<_> = starting
        .filter_map(|restart| run.desired.services.iter().find(|service| service.unit == restart.unit))
        .filter(|service| !service.ports.is_empty())
        .collect();
    if services.is_empty() {
        return Ok(());
    }
    let output = run_script(&**run.host, "looking for taken ports", Exec::new(LISTENING)).await?;
    let listening = listening(&String::from_utf8_lossy(&output));
    for service in services {
        if let Some(port) = service.ports.iter().find(|port| listening.contains(port)) {
            return Err(Error::new(Kind::HostFailed, format!("port {port}, which {} needs, is already taken", service.unit))
                .hint(format!("`ss -ltnp 'sport = :{port}'` on the host shows by what; stop it, or choose another port")));
        }
    }
    Ok(())
}

fn listening(hex: &str) -> BTreeSet<u16> {
    hex.lines().filter_map(|line| u16::from_str_radix(line.trim(), 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn ports_are_read_as_the_kernel_writes_them() {
        assert_eq!(super::listening("0050\n01BB\nport\n").into_iter().collect::<Vec<_>>(), [80, 443]);
    }
}
