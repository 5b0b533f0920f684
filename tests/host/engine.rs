//! The sandbox's Docker engine, over its socket and over `docker system dial-stdio`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homestead::diagnostic::Kind;
use homestead::host::docker::{Docker, ExecSpec, NetworkSpec, PullEvent, RunSpec};
use homestead::host::health::{Probe, wait_healthy};
use homestead::host::{Channel, ConnectionSettings, Environment, Host, LocalHost, SshHost};
use homestead::secret::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::sandbox::Sandbox;

const SERVER: &str = "joseluisq/static-web-server:2.44.0-alpine";

async fn engine(user: &str) -> (Arc<SshHost>, Docker) {
    let host = Sandbox::shared().connect(user).await;
    let docker = Docker::connect(Arc::clone(&host) as Arc<dyn Host>).await.unwrap();
    (host, docker)
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn the_engine_is_reached_by_every_user() {
    for (user, route) in [("root", "socket"), ("admin", "dial-stdio"), ("deploy", "dial-stdio")] {
        let (host, docker) = engine(user).await;
        assert!(docker.version().await.unwrap().starts_with("20.10."));
        assert_eq!(host.engine_route(), Some(route));
        // Each request is a session of its own with `dial-stdio`.
        let networks = futures_util::future::join_all((0..30).map(|_| docker.networks())).await;
        assert!(networks.into_iter().all(|networks| networks.unwrap().contains_key("bridge")));
    }
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn this_machines_engine_is_reached_without_a_connection() {
    let _ = Sandbox::shared();
    let host = LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap();
    let docker = Docker::connect(Arc::new(host)).await.unwrap();
    assert!(docker.networks().await.unwrap().contains_key("bridge"));
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn networks_come_and_go() {
    Sandbox::shared().script("docker network rm $(docker network ls -q --filter name=probe-net) 2>/dev/null; true");
    let (_, docker) = engine("admin").await;
    let spec = NetworkSpec {
        name: "probe-net".into(),
        driver: String::new(),
        ipv6: false,
        options: BTreeMap::from([("com.docker.network.driver.mtu".into(), "1400".into())]),
        labels: BTreeMap::from([("homestead".into(), "yes".into())]),
    };
    assert_eq!(docker.network_members("probe-net").await.unwrap(), None);
    let id = docker.create_network(&spec).await.unwrap();
    let networks = docker.networks().await.unwrap();
    let network = networks.get("probe-net").unwrap();
    assert_eq!((&network.id, network.driver.as_str(), &network.options, &network.labels), (&id, "bridge", &spec.options, &spec.labels));
    assert_eq!(docker.network_members("probe-net").await.unwrap(), Some(vec![]));
    let error = docker.create_network(&spec).await.unwrap_err();
    assert_eq!(error.to_string(), "`sandbox`: Docker: there is a network `probe-net` already");
    assert!(docker.remove_network("probe-net").await.unwrap());
    assert!(!docker.remove_network("probe-net").await.unwrap());
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn images_are_pulled_with_progress() {
    let sandbox = Sandbox::shared();
    let (_, docker) = engine("root").await;
    // Used by no other test.
    let image = sandbox.image("tecnativa/docker-socket-proxy:v0.5.0");
    sandbox.script(&format!("docker image rm -f {image} 2>/dev/null; true"));
    assert_eq!(docker.image(&image).await.unwrap(), None);
    let mut events = Vec::new();
    let pulled = docker.pull(&image, None, &mut |event: PullEvent| events.push(event)).await.unwrap();
    assert!(pulled.id.starts_with("sha256:") && pulled.tags == [image.clone()]);
    assert!(events.iter().any(|event| event.status == "Downloading" && event.total.is_some_and(|total| total > 0)), "{events:?}");
    assert!(events.iter().any(|event| event.status == "Pull complete" && !event.layer.is_empty()));
    assert_eq!(docker.image(&image).await.unwrap(), Some(pulled));

    let missing = sandbox.image("postgres:0");
    let error = docker.pull(&missing, None, &mut |_| ()).await.unwrap_err();
    assert_eq!(error.kind, Kind::HostFailed);
    assert_eq!(
        error.to_string(),
        format!(
            "`sandbox`: the image `{missing}` cannot be pulled from `127.0.0.1:5000`: manifest for {missing} not found: manifest unknown: manifest unknown"
        )
    );
    assert_eq!(error.hints, ["does this version exist? Check the tag that the inventory asks for"]);
    let error = docker.pull("127.0.0.1:9/x:1", None, &mut |_| ()).await.unwrap_err();
    assert_eq!(error.hints, ["can the host reach it? On the host: `curl -I https://127.0.0.1:9/v2/`"]);
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn programs_run_with_input_output_and_status() {
    let sandbox = Sandbox::shared();
    let image = sandbox.image(SERVER);
    for user in ["root", "admin"] {
        let (_, docker) = engine(user).await;
        docker.pull(&image, None, &mut |_| ()).await.unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut sink = |channel, bytes: &[u8]| match channel {
            Channel::Stdout => out.extend_from_slice(bytes),
            Channel::Stderr => err.extend_from_slice(bytes),
        };
        let input = vec![b'x'; 3_000_000];
        let mut spec = RunSpec {
            image: image.clone(),
            entrypoint: vec!["sh".into(), "-c".into()],
            command: vec!["cat; echo \"$SECRET\" >&2; id -u >&2; touch /x 2>&1 | tail -c 23 >&2; exit 5".into()],
            user: "991:991".into(),
            network: "none".into(),
            environment: vec!["SECRET=hush".into()],
            read_only: true,
            stdin: Some(input.clone()),
            ..RunSpec::default()
        };
        assert_eq!(docker.run_program(&spec, &mut sink).await.unwrap(), 5);
        assert!(out == input, "{} bytes", out.len());
        assert_eq!(String::from_utf8(err).unwrap(), "hush\n991\n Read-only file system\n");
        spec.stdin = None;
        spec.command = vec!["cat; echo done".into()];
        let mut out = Vec::new();
        assert_eq!(docker.run_program(&spec, &mut |_, bytes: &[u8]| out.extend_from_slice(bytes)).await.unwrap(), 0);
        assert_eq!(out, b"done\n");
        spec.image = "absent:1".into();
        let error = docker.run_program(&spec, &mut |_, _: &[u8]| ()).await.unwrap_err();
        assert_eq!(error.to_string(), "`sandbox`: Docker: running `absent:1` failed: No such image: absent:1");
    }
    // Other tests run programs on the same host: theirs go within moments too.
    let mut left = String::new();
    for _ in 0..100 {
        left = sandbox.script(&format!("docker ps -aq --filter ancestor={image} --filter status=exited"));
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(left, "");
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn more_programs_than_sessions_do_not_block_each_other() {
    let image = Sandbox::shared().image(SERVER);
    let (host, docker) = engine("deploy").await;
    docker.pull(&image, None, &mut |_| ()).await.unwrap();
    let spec = RunSpec {
        image,
        entrypoint: vec!["sh".into(), "-c".into(), "cat; sleep 0.2".into()],
        stdin: Some(b"in".to_vec()),
        ..RunSpec::default()
    };
    let runs = (0..14).map(|_| {
        let (host, spec) = (Arc::clone(&host), spec.clone());
        async move {
            let docker = Docker::connect(host as Arc<dyn Host>).await.unwrap();
            let mut out = Vec::new();
            let status = docker.run_program(&spec, &mut |_, bytes: &[u8]| out.extend_from_slice(bytes)).await.unwrap();
            (status, out)
        }
    });
    for outcome in futures_util::future::join_all(runs).await {
        assert_eq!(outcome, (0, b"in".to_vec()));
    }
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn containers_are_watched_until_they_are_well() {
    let sandbox = Sandbox::shared();
    let image = sandbox.image(SERVER);
    let start = |name: &str, arguments: &str| {
        sandbox.script(&format!("docker rm -f {name} >/dev/null 2>&1; docker network inspect probe-health >/dev/null 2>&1 || docker network create probe-health; docker run -d --name {name} --network probe-health {arguments}"));
    };
    for user in ["root", "admin"] {
        let (host, docker) = engine(user).await;
        let host = host.as_ref();
        docker.pull(&image, None, &mut |_| ()).await.unwrap();
        let long = Duration::from_secs(20);
        start("probe-web", &format!("--entrypoint sh {image} -c 'sleep 1; exec static-web-server --port 8080 --root /etc/ssl'"));
        let http = |path: &str| Probe::Http { port: 8080, path: path.into() };
        wait_healthy(host, &docker, "probe-web", &Probe::Tcp { port: 8080 }, long).await.unwrap();
        wait_healthy(host, &docker, "probe-web", &http("/openssl.cnf"), long).await.unwrap();
        wait_healthy(host, &docker, "probe-web", &Probe::Running { seconds: 1 }, long).await.unwrap();
        let error = wait_healthy(host, &docker, "probe-web", &http("/absent"), Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.to_string(), "`sandbox`: `probe-web` is not healthy after 1 s: `GET /absent` on port 8080 gives status 404");
        let error = wait_healthy(host, &docker, "probe-web", &Probe::Tcp { port: 9 }, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.to_string(), "`sandbox`: `probe-web` is not healthy after 1 s: port 9 takes no connection");

        let container = docker.container("probe-web").await.unwrap().unwrap();
        assert!(
            container.running
                && container.image == image
                && container.networks.get("probe-health").is_some_and(|addresses| addresses.len() == 1)
        );
        let mut out = Vec::new();
        let spec = ExecSpec {
            container: "probe-web".into(),
            command: ["sh", "-c", "wc -c; exit 4"].map(str::to_owned).into(),
            stdin: Some(vec![b'x'; 1_000_000]),
            ..ExecSpec::default()
        };
        assert_eq!(docker.exec(&spec, &mut |_, bytes: &[u8]| out.extend_from_slice(bytes)).await.unwrap(), 4);
        assert_eq!(String::from_utf8(out).unwrap().trim(), "1000000");
        assert!(docker.remove_container("probe-web").await.unwrap());
        assert!(!docker.remove_container("probe-web").await.unwrap());
        assert_eq!(docker.container("probe-web").await.unwrap(), None);

        start("probe-bad", &format!("--entrypoint sh {image} -c 'echo out of luck; exit 9'"));
        let error = wait_healthy(host, &docker, "probe-bad", &Probe::Running { seconds: 1 }, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.to_string(), "`sandbox`: `probe-bad` is not healthy after 1 s: it is exited, exit status 9");
        assert_eq!(error.hints, ["probe-bad: out of luck"]);
        docker.remove_container("probe-bad").await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn where_ports_are_not_forwarded_the_host_looks_itself() {
    let sandbox = Sandbox::shared();
    let (_, docker) = engine("root").await;
    let image = sandbox.image(SERVER);
    docker.pull(&image, None, &mut |_| ()).await.unwrap();
    // A container without an address of its own, and a host that forbids forwarding: ours.
    sandbox.script(&format!(
        "docker rm -f probe-own >/dev/null 2>&1; docker run -d --name probe-own --network host --entrypoint sleep {image} 100"
    ));
    let sshd = crate::sshd::Sshd::start("AllowTcpForwarding no");
    let host = sshd.connect().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 5];
            if stream.read_exact(&mut request).await.is_ok() {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        }
    });
    let long = Duration::from_secs(10);
    wait_healthy(&host, &docker, "probe-own", &Probe::Tcp { port }, long).await.unwrap();
    wait_healthy(&host, &docker, "probe-own", &Probe::Http { port, path: "/".into() }, long).await.unwrap();
    let error = wait_healthy(&host, &docker, "probe-own", &Probe::Http { port: 9, path: "/".into() }, Duration::from_millis(500))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("port 9 does not answer: curl: (7) "), "{error}");
    let error = wait_healthy(&host, &docker, "probe-own", &Probe::Tcp { port: 9 }, Duration::from_millis(500)).await.unwrap_err();
    assert!(error.to_string().contains("port 9 does not answer: ") && error.to_string().contains("Connection refused"), "{error}");
    docker.remove_container("probe-own").await.unwrap();
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn an_engine_that_does_not_answer_is_explained() {
    let sandbox = Sandbox::shared();
    // A user for whom there is no engine: what `docker` says when it is stopped.
    sandbox.script("id engineless 2>/dev/null || { useradd -m -s /bin/sh engineless && echo engineless:pass | chpasswd && echo 'engineless ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/engineless; }");
    sandbox.script(
        r#"printf '#!/bin/sh\n[ "$SUDO_USER" = engineless ] || exec /usr/bin/docker "$@"\necho Cannot connect to the Docker daemon >&2\nexit 1\n' >/usr/local/bin/docker.new && chmod 755 /usr/local/bin/docker.new && mv /usr/local/bin/docker.new /usr/local/bin/docker"#,
    );
    let settings =
        ConnectionSettings { private_key_file: None, password: Some(Secret::new("pass".to_owned())), ..sandbox.settings("engineless") };
    let host: Arc<dyn Host> = Arc::new(sandbox.connect_with(&settings).await.unwrap());
    let error = Docker::connect(Arc::clone(&host)).await.err().unwrap();
    assert_eq!(error.to_string(), "`sandbox`: the Docker engine does not answer: Cannot connect to the Docker daemon");
    // A failure is not remembered.
    sandbox.script("rm /usr/local/bin/docker");
    Docker::connect(host).await.unwrap();
}
