//! What a host has left, and who has what: see `scripts/preflight.sh`.

use super::{Host, Output, Script, failed};
use crate::diagnostic::Result;

const PREFLIGHT: &str = include_str!("scripts/preflight.sh");

/// Stands for the folder of Docker's images, wherever that is.
pub const IMAGES: &str = "docker";

/// A port that somebody listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The port.
    pub port: u16,
    /// The container that it belongs to; empty where there is none.
    pub container: String,
    /// The program, for people; empty where the host does not say.
    pub program: String,
}

/// What is left at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// As it was asked for.
    pub path: String,
    /// The file system, by the place where it is mounted.
    pub mount: String,
    /// Kibibytes that are free.
    pub free_kib: u64,
    /// Files that can be made; none where there is no fixed number.
    pub inodes: Option<u64>,
}

/// The script that asks for TCP ports and for room.
pub fn script(ports: &[u16], paths: &[String]) -> Script {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Script::new(PREFLIGHT, std::iter::once(ports.join(" ")).chain(paths.iter().cloned()))
}

/// What came of the script. What the host does not tell is left out.
///
/// # Errors
/// It did not work.
pub fn found(host: &dyn Host, output: &Output) -> Result<(Vec<Taken>, Vec<Space>)> {
    if output.status != 0 {
        return Err(failed(host, "looking for what is free", output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut taken, mut space) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["taken", port, container, program] => {
                if let Ok(port) = port.parse() {
                    taken.push(Taken { port, container: (*container).to_owned(), program: (*program).to_owned() });
                }
            }
            ["space", path, mount, free, inodes] => {
                if let Ok(free_kib) = free.parse() {
                    let (path, mount) = ((*path).to_owned(), (*mount).to_owned());
                    space.push(Space { path, mount, free_kib, inodes: inodes.parse().ok() });
                }
            }
            _ => {}
        }
    }
    Ok((taken, space))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::host::{ConnectionSettings, Environment, FakeHost, LocalHost};

    async fn look(host: &dyn Host, ports: &[u16], paths: &[String]) -> Result<(Vec<Taken>, Vec<Space>)> {
        found(host, &script(ports, paths).run(host).await?)
    }

    #[tokio::test]
    async fn a_real_machine_tells_what_is_free() {
        let host = LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let paths = ["/var/lib/homestead-absent/deep".to_owned(), "/proc".to_owned(), IMAGES.to_owned()];
        let (taken, space) = look(&host, &[port], &paths).await.unwrap();
        assert_eq!(taken.iter().map(|taken| taken.port).collect::<Vec<_>>(), [port]);
        assert_eq!(space.iter().map(|space| space.path.as_str()).collect::<Vec<_>>(), paths);
        assert!(space[0].free_kib > 0 && space[0].mount.starts_with('/'), "{space:?}");
        assert_eq!((space[1].free_kib, space[1].inodes), (0, None));
        drop(listener);
        assert!(look(&host, &[port], &[]).await.unwrap().0.is_empty());
    }

    #[tokio::test]
    async fn what_the_host_does_not_say_is_left_out() {
        let host = FakeHost::new().answer("taken\t443\t\tnginx (process 7)\nspace\t/a b\t/\t12\t-\nspace\t/c\t/\t?\t1\n");
        let (taken, space) = look(&host, &[443], &[]).await.unwrap();
        assert_eq!(taken, [Taken { port: 443, container: String::new(), program: "nginx (process 7)".into() }]);
        assert_eq!(space, [Space { path: "/a b".into(), mount: "/".into(), free_kib: 12, inodes: None }]);
    }
}
