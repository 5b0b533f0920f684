//! The machine that homestead itself runs on (`ansible_connection: local`).

use std::io;
use std::net::IpAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;

use super::docker::EngineState;
use super::engine_socket::{self, DIAL, Open, Route, SOCKET};
use super::settings::{ConnectionSettings, Environment};
use super::sudo::{self, Elevation, RunAs};
use super::{Channel, Exec, Held, Host, Output, Stream};
use crate::diagnostic::{Error, Kind, Result};

const BLOCK: usize = 64 * 1024;

/// This machine.
pub struct LocalHost {
    processes: Processes,
    elevation: Elevation,
    route: OnceCell<Route>,
    engine: EngineState,
}

struct Processes {
    name: String,
}

impl LocalHost {
    /// Finds out how to become root here.
    pub async fn connect(settings: &ConnectionSettings, environment: &Environment) -> Result<Self> {
        let processes = Processes { name: settings.name.clone() };
        // `$USER` is a claim; the probe looks at the user id.
        let login = environment.user.as_deref().filter(|user| *user != "root").unwrap_or("you");
        let elevation = sudo::elevate(&processes, &settings.name, login, &settings.escalation).await?;
        Ok(Self { processes, elevation, route: OnceCell::new(), engine: EngineState::default() })
    }
}

impl Processes {
    fn spawn(&self, elevation: &Elevation, exec: &Exec<'_>) -> Result<Child> {
        let words = elevation.words(exec)?;
        let mut words = words.iter();
        let program = words.next().map_or("sh", String::as_str);
        Command::new(program)
            .args(words)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.broken("a script cannot be started").caused_by(error))
    }

    fn broken(&self, what: &str) -> Error {
        Error::new(Kind::HostFailed, format!("`{}`: {what}", self.name))
    }

    async fn run(&self, elevation: &Elevation, exec: Exec<'_>, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> Result<u32> {
        let mut child = self.spawn(elevation, &exec)?;
        let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(self.broken("a script has no input or output"));
        };
        let first = elevation.first_input();
        let send = async move {
            // A script that ends before it read everything breaks this off; its status tells more.
            let _ = stdin.write_all(&first).await;
            let _ = stdin.write_all(exec.stdin).await;
            drop(stdin);
        };
        let receive = async {
            let (mut out, mut err) = (vec![0; BLOCK], vec![0; BLOCK]);
            let (mut out_open, mut err_open) = (true, true);
            while out_open || err_open {
                let (channel, bytes, open) = tokio::select! {
                    read = stdout.read(&mut out), if out_open => (Channel::Stdout, out.get(..read?).unwrap_or_default(), &mut out_open),
                    read = stderr.read(&mut err), if err_open => (Channel::Stderr, err.get(..read?).unwrap_or_default(), &mut err_open),
                };
                *open = !bytes.is_empty();
                sink(channel, bytes);
            }
            io::Result::Ok(())
        };
        let ((), received) = tokio::join!(send, receive);
        received.map_err(|error| self.broken("a script's output cannot be read").caused_by(error))?;
        let status = child.wait().await.map_err(|error| self.broken("a script cannot be waited for").caused_by(error))?;
        Ok(status_number(status))
    }
}

fn status_number(status: ExitStatus) -> u32 {
    use std::os::unix::process::ExitStatusExt as _;
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255);
    u32::try_from(number).unwrap_or(255)
}

#[async_trait]
impl RunAs for Processes {
    async fn run_as(&self, elevation: &Elevation, exec: Exec<'_>) -> Result<Output> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut collect = |channel, bytes: &[u8]| match channel {
            Channel::Stdout => stdout.extend_from_slice(bytes),
            Channel::Stderr => stderr.extend_from_slice(bytes),
        };
        let status = self.run(elevation, exec, &mut collect).await?;
        Ok(Output { status, stdout, stderr })
    }
}

/// A script that goes on: its stdin closes when this is dropped.
struct HeldChild {
    name: String,
    stdin: Mutex<ChildStdin>,
    drain: JoinSet<()>,
    ended: Arc<AtomicBool>,
}

#[async_trait]
impl Held for HeldChild {
    async fn send(&self, bytes: &[u8]) -> Result<()> {
        let sent = self.stdin.lock().await.write_all(bytes).await;
        sent.map_err(|error| Error::new(Kind::HostFailed, format!("`{}`: a script does not take its input", self.name)).caused_by(error))
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    async fn finish(self: Box<Self>) {
        let Self { stdin, mut drain, .. } = *self;
        drop(stdin);
        drain.join_next().await;
    }
}

#[async_trait]
impl Open for LocalHost {
    async fn open(&self, route: Route) -> Result<Box<dyn Stream>> {
        if route == Route::Socket {
            let stream = UnixStream::connect(SOCKET).await;
            return Ok(Box::new(
                stream.map_err(|error| self.processes.broken("the Docker engine's socket cannot be opened").caused_by(error))?,
            ));
        }
        let mut child = self.processes.spawn(&self.elevation, &Exec::new(DIAL))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(self.processes.broken("`docker` has no input or output"));
        };
        let sent = stdin.write_all(&self.elevation.first_input()).await;
        sent.map_err(|error| self.processes.broken("`docker` does not take its input").caused_by(error))?;
        // What it complains is not read: nobody may wait for that.
        drop(child.stderr.take());
        Ok(Box::new(tokio::io::join(stdout, stdin)))
    }
}

#[async_trait]
impl Host for LocalHost {
    fn name(&self) -> &str {
        &self.processes.name
    }

    async fn exec(&self, exec: Exec<'_>) -> Result<Output> {
        self.processes.run_as(&self.elevation, exec).await
    }

    async fn exec_streaming(&self, exec: Exec<'_>, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> Result<u32> {
        self.processes.run(&self.elevation, exec, sink).await
    }

    async fn hold(&self, exec: Exec<'_>) -> Result<std::result::Result<(String, Box<dyn Held>), Output>> {
        let mut child = self.processes.spawn(&self.elevation, &exec)?;
        let (Some(mut stdin), Some(stdout), Some(mut stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(self.processes.broken("a script has no input or output"));
        };
        let broken = |error| self.processes.broken("a script does not take its input").caused_by(error);
        stdin.write_all(&self.elevation.first_input()).await.map_err(broken)?;
        stdin.write_all(exec.stdin).await.map_err(broken)?;
        let (mut line, mut stdout) = (Vec::new(), BufReader::new(stdout));
        stdout.read_until(b'\n', &mut line).await.map_err(broken)?;
        if line.pop_if(|byte| *byte == b'\n').is_some() {
            let ended = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&ended);
            let mut drain = JoinSet::new();
            drain.spawn(async move {
                let mut sinks = (tokio::io::sink(), tokio::io::sink());
                let _ = tokio::join!(tokio::io::copy(&mut stdout, &mut sinks.0), tokio::io::copy(&mut stderr, &mut sinks.1));
                let _ = child.wait().await;
                flag.store(true, Ordering::Release);
            });
            let held = HeldChild { name: self.processes.name.clone(), stdin: Mutex::new(stdin), drain, ended };
            return Ok(Ok((String::from_utf8_lossy(&line).into_owned(), Box::new(held))));
        }
        drop(stdin);
        let mut complaint = Vec::new();
        stderr.read_to_end(&mut complaint).await.map_err(broken)?;
        let status = child.wait().await.map_err(broken)?;
        Ok(Err(Output { status: status_number(status), stdout: line, stderr: complaint }))
    }

    fn engine(&self) -> &EngineState {
        &self.engine
    }

    async fn docker_get(&self, paths: &[&str]) -> Result<Vec<Vec<u8>>> {
        engine_socket::get(self, &self.route, paths).await
    }

    async fn docker_stream(&self) -> Result<Box<dyn Stream>> {
        let route = self.route.get_or_try_init(|| engine_socket::find(self)).await?;
        self.open(*route).await
    }

    async fn tcp_stream(&self, address: IpAddr, port: u16) -> Result<Box<dyn Stream>> {
        let connected = TcpStream::connect((address, port)).await;
        Ok(Box::new(
            connected.map_err(|error| self.processes.broken(&format!("`{address}` port {port} cannot be reached")).caused_by(error))?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn local() -> LocalHost {
        LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap()
    }

    #[tokio::test]
    async fn input_and_output_larger_than_a_pipe_do_not_block() {
        let input = vec![b'x'; 3_000_000];
        let output =
            local().await.exec(Exec::new("cat; cat /dev/null; head -c 1000000 /dev/zero >&2; exit 3").stdin(&input)).await.unwrap();
        assert_eq!((output.status, output.stdout.len(), output.stderr.len()), (3, 3_000_000, 1_000_000));
    }

    #[tokio::test]
    async fn a_script_may_leave_its_input_unread() {
        let input = vec![b'x'; 3_000_000];
        let output =
            local().await.exec(Exec::new("printf '%s|' \"$@\"; kill -TERM $$").arguments(&["a b", "it's"]).stdin(&input)).await.unwrap();
        assert_eq!((output.status, output.stdout.as_slice()), (143, b"a b|it's|".as_slice()));
    }

    #[tokio::test]
    async fn a_held_script_ends_when_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ended");
        let path = file.to_str().unwrap();
        let script = "read -r word; echo \"got $word\"; cat >/dev/null; : >\"$1\"";
        let host = local().await;
        let held = host.hold(Exec::new(script).arguments(&[path]).stdin(b"word\n")).await.unwrap();
        let Ok((line, held)) = held else { panic!("it ended") };
        assert_eq!(line, "got word");
        assert!(!file.exists());
        drop(held);
        while !file.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let Err(output) = host.hold(Exec::new("echo no >&2; exit 75")).await.unwrap() else { panic!("it holds") };
        assert_eq!((output.status, output.stderr.as_slice()), (75, b"no\n".as_slice()));
    }
}
