//! Programs in containers: one-off runs, and commands in a container that runs.

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::exec::StartExecResults;
use bollard::models::{ContainerCreateBody, ExecConfig, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use super::{Docker, message};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Channel;

/// A program in a container of its own, which is removed afterwards.
#[derive(Clone, Default)]
pub struct RunSpec {
    /// The container's name; the engine makes one up where empty.
    pub name: String,
    /// The image; it must be on the host.
    pub image: String,
    /// Instead of the image's, where not empty.
    pub entrypoint: Vec<String>,
    /// Arguments.
    pub command: Vec<String>,
    /// `uid:gid`; the image's where empty.
    pub user: String,
    /// `bridge` where empty; `none` and `host` as Docker knows them.
    pub network: String,
    /// `source:target:options`.
    pub mounts: Vec<String>,
    /// Paths that hold a temporary file system, with its options.
    pub tmpfs: Vec<(String, String)>,
    /// `NAME=value`; may be secret.
    pub environment: Vec<String>,
    /// Where it starts; the image's where empty.
    pub working_directory: String,
    /// Whether it may write to its root only where something is mounted.
    pub read_only: bool,
    /// Capabilities that it has; all others are dropped.
    pub capabilities: Vec<String>,
    /// Given whole, then closed; the program has no stdin without.
    pub stdin: Option<Vec<u8>>,
}

/// A command in a container that runs.
#[derive(Clone, Default)]
pub struct ExecSpec {
    /// The container.
    pub container: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// `uid:gid`; the container's where empty.
    pub user: String,
    /// `NAME=value`; may be secret.
    pub environment: Vec<String>,
    /// Given whole, then closed; the command has no stdin without.
    pub stdin: Option<Vec<u8>>,
}

/// Takes output as it comes.
type Sink<'a> = &'a mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send);

fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

impl Docker {
    /// Runs a program to its end, handing on its output; gives its exit status.
    pub async fn run_program(&self, spec: &RunSpec, sink: Sink<'_>) -> Result<i64> {
        let _permit = self.long_running().await?;
        let interactive = spec.stdin.is_some();
        let host_config = HostConfig {
            network_mode: some(spec.network.clone()),
            binds: some(spec.mounts.clone()),
            tmpfs: some(spec.tmpfs.iter().cloned().collect()),
            readonly_rootfs: Some(spec.read_only),
            cap_drop: Some(vec!["ALL".to_owned()]),
            cap_add: some(spec.capabilities.clone()),
            ..HostConfig::default()
        };
        let body = ContainerCreateBody {
            image: Some(spec.image.clone()),
            entrypoint: some(spec.entrypoint.clone()),
            cmd: some(spec.command.clone()),
            user: some(spec.user.clone()),
            env: some(spec.environment.clone()),
            working_dir: some(spec.working_directory.clone()),
            attach_stdin: Some(interactive),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            open_stdin: Some(interactive),
            stdin_once: Some(interactive),
            host_config: Some(host_config),
            ..ContainerCreateBody::default()
        };
        let options = some(spec.name.clone()).map(|name| CreateContainerOptionsBuilder::default().name(&name).build());
        let what = format!("running `{}`", spec.image);
        let created = self.api.create_container(options, body).await.map_err(|error| {
            let missing = message(&error).contains("No such image");
            let error = self.failed(&what, error);
            if missing { error.hint("the image must be pulled first") } else { error }
        })?;
        let status = self.run_created(&created.id, &what, spec.stdin.as_deref(), sink).await;
        let removed = self.remove_container(&created.id).await;
        let status = status?;
        removed?;
        Ok(status)
    }

    async fn run_created(&self, id: &str, what: &str, stdin: Option<&[u8]>, sink: Sink<'_>) -> Result<i64> {
        let failed = |error| self.failed(what, error);
        let options = AttachContainerOptionsBuilder::default().stream(true).stdin(stdin.is_some()).stdout(true).stderr(true).build();
        // Attached before it starts, so that no output is missed.
        let AttachContainerResults { output, input } = self.api.attach_container(id, Some(options)).await.map_err(failed)?;
        self.api.start_container(id, None::<StartContainerOptions>).await.map_err(failed)?;
        pipe(output, input, stdin, sink).await.map_err(failed)?;
        let mut waiting = self.api.wait_container(id, None::<WaitContainerOptions>);
        match waiting.next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            // Not a failure of ours: the program's status is not 0.
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(failed(error)),
            None => Err(Error::new(Kind::HostFailed, format!("`{}`: Docker: {what} ended without a status", self.host.name()))),
        }
    }

    /// Runs a command in a running container to its end, handing on its output; gives its exit status.
    pub async fn exec(&self, spec: &ExecSpec, sink: Sink<'_>) -> Result<i64> {
        let _permit = self.long_running().await?;
        let what = format!("running `{}` in `{}`", spec.command.first().map_or("", String::as_str), spec.container);
        let failed = |error| self.failed(&what, error);
        let config = ExecConfig {
            attach_stdin: Some(spec.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(spec.command.clone()),
            user: some(spec.user.clone()),
            env: some(spec.environment.clone()),
            ..ExecConfig::default()
        };
        let created = self.api.create_exec(&spec.container, config).await.map_err(failed)?;
        if let StartExecResults::Attached { output, input } = self.api.start_exec(&created.id, None).await.map_err(failed)? {
            pipe(output, input, spec.stdin.as_deref(), sink).await.map_err(failed)?;
        }
        let ended = self.api.inspect_exec(&created.id).await.map_err(failed)?;
        ended
            .exit_code
            .ok_or_else(|| Error::new(Kind::HostFailed, format!("`{}`: Docker: {what} ended without a status", self.host.name())))
    }
}

/// Sends input and takes output at once, so that neither waits for the other.
async fn pipe<O, I>(mut output: O, mut input: I, stdin: Option<&[u8]>, sink: Sink<'_>) -> Result<(), bollard::errors::Error>
where
    O: futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin + Send,
    I: tokio::io::AsyncWrite + Unpin + Send,
{
    let send = async {
        if let Some(stdin) = stdin {
            // A program that ends before it read everything breaks this off; its status tells more.
            let _ = input.write_all(stdin).await;
            let _ = input.flush().await;
            let _ = input.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    let receive = async {
        while let Some(part) = output.next().await {
            match part? {
                LogOutput::StdErr { message } => sink(Channel::Stderr, &message),
                LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                    sink(Channel::Stdout, &message);
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        received = receive => received,
        () = send => Ok(()),
    }
}
