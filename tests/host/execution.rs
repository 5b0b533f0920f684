//! Scripts over a real sshd.

use std::time::Duration;

use homestead::diagnostic::Kind;
use homestead::host::{Channel, ConnectionSettings, Exec, ForwardingRefused, Host as _, LockHolder, lock, run};
use homestead::secret::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::sandbox::Sandbox;
use crate::sshd::Sshd;

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn input_output_and_status_come_through_whole() {
    let sshd = Sshd::start("");
    let host = sshd.connect().await;
    let input: Vec<u8> = (0..20_000_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let output = host.exec(Exec::new("tee /dev/fd/2").stdin(&input)).await.unwrap();
    assert_eq!(output.status, 0);
    assert!(output.stdout == input && output.stderr == input);
    let output = host.exec(Exec::new("printf '%s|' \"$@\"; exit 3").arguments(&["a b", "it's \\ \"$HOME\"\n", ""])).await.unwrap();
    assert_eq!((output.status, String::from_utf8(output.stdout).unwrap()), (3, "a b|it's \\ \"$HOME\"\n||".to_owned()));
    let output = host.exec(Exec::new("kill -KILL $$").stdin(&input)).await.unwrap();
    assert_eq!(output.status, 137);
    let error = run(&host, "counting", Exec::new("for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 1")).await.unwrap_err();
    assert_eq!(
        (error.kind, error.to_string().as_str()),
        (Kind::HostFailed, "`machine`: counting failed: line 3; line 4; line 5; line 6; line 7")
    );
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn more_scripts_than_sessions_wait_for_each_other() {
    for sessions in [10, 3] {
        many_scripts(&Sshd::start(&format!("MaxSessions {sessions}"))).await;
    }
}

async fn many_scripts(sshd: &Sshd) {
    let host = sshd.connect().await;
    let runs = (0..40).map(|number| {
        let host = &host;
        async move { host.exec(Exec::new("sleep 0.05; echo \"$1\"").arguments(&[&number.to_string()])).await.unwrap().stdout }
    });
    let outputs = futures_util::future::join_all(runs).await;
    for (number, output) in outputs.iter().enumerate() {
        assert_eq!(*output, format!("{number}\n").into_bytes());
    }
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn output_comes_as_it_is_written() {
    let sshd = Sshd::start("");
    let host = sshd.connect().await;
    let started = std::time::Instant::now();
    let mut times = Vec::new();
    let mut sink = |channel, bytes: &[u8]| times.push((channel, bytes.to_vec(), started.elapsed()));
    let status = host.exec_streaming(Exec::new("echo one; sleep 0.5; echo two >&2"), &mut sink).await.unwrap();
    assert_eq!(status, 0);
    let [(Channel::Stdout, one, early), (Channel::Stderr, two, late)] = times.as_slice() else { panic!("{times:?}") };
    assert_eq!((one.as_slice(), two.as_slice()), (b"one\n".as_slice(), b"two\n".as_slice()));
    assert!(*late - *early > Duration::from_millis(300), "{times:?}");
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn a_lost_connection_is_an_error_and_frees_the_lock() {
    let sshd = Sshd::start("");
    let (host, other) = (sshd.connect().await, sshd.connect().await);
    let holder = |run: &str| LockHolder {
        who: "me@laptop".into(),
        run: run.into(),
        command: "homestead apply".into(),
        since: "2026-11-22T03:33:51Z".into(),
    };
    let held = lock(&host, &holder("first"), Duration::ZERO).await.unwrap();
    let error = lock(&other, &holder("second"), Duration::ZERO).await.err().unwrap();
    assert_eq!(error.kind, Kind::Locked);
    assert_eq!(error.to_string(), "`machine` is locked by me@laptop since 2026-11-22T03:33:51Z: `homestead apply`, run `first`");
    drop(held);
    let held = lock(&other, &holder("third"), Duration::from_secs(5)).await.unwrap();

    let waiting = tokio::spawn(async move { other.exec(Exec::new("sleep 60")).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    sshd.drop_connections();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.to_string().starts_with("connection lost to `machine`"), "{error}");
    let again = sshd.connect().await;
    lock(&again, &holder("fourth"), Duration::from_secs(5)).await.unwrap();
    drop(held);
    let error = host.exec(Exec::new("true")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn ports_of_the_host_are_reached_through_it_unless_forbidden() {
    let sshd = Sshd::start("");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(b"pong").await.unwrap();
    });
    let host = sshd.connect().await;
    let mut stream = host.tcp_stream([127, 0, 0, 1].into(), port).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "pong");
    let error = host.tcp_stream([127, 0, 0, 1].into(), 1).await.err().unwrap();
    assert_eq!(error.to_string(), "`machine`: `127.0.0.1` port 1 cannot be reached");

    let strict = Sshd::start("AllowTcpForwarding no");
    let error = strict.connect().await.tcp_stream([127, 0, 0, 1].into(), 22).await.err().unwrap();
    assert!(error.source.unwrap().is::<ForwardingRefused>());
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn a_connection_that_falls_silent_is_noticed() {
    let sshd = Sshd::start("");
    let host = sshd.connect().await;
    let signal = |name: &str| sshd.signal_connections(name);
    let started = std::time::Instant::now();
    let cut = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        signal("-STOP");
    };
    let (outcome, ()) = tokio::join!(host.exec(Exec::new("sleep 300")), cut);
    signal("-KILL");
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.to_string().starts_with("connection lost to `machine`: "), "{error}");
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn the_lock_is_freed_through_sudo_as_well() {
    let sandbox = Sandbox::shared();
    let holder = LockHolder { who: "me".into(), run: "r".into(), command: "homestead apply".into(), since: "2026-11-22T03:33:51Z".into() };
    // A user of this test's own: its connections are killed.
    sandbox.script("id locker 2>/dev/null || { useradd -m -s /bin/sh -G sudo locker && echo locker:pass | chpasswd; }");
    let password = Some(Secret::new("pass".to_owned()));
    let mut settings = ConnectionSettings { private_key_file: None, password: password.clone(), ..sandbox.settings("locker") };
    settings.escalation.password = password;
    let host = sandbox.connect_with(&settings).await.unwrap();
    let other = sandbox.connect("root").await;
    let patience = Duration::from_secs(5);
    let held = lock(&host, &holder, patience).await.unwrap();
    assert_eq!(lock(other.as_ref(), &holder, Duration::ZERO).await.err().unwrap().kind, Kind::Locked);
    drop(held);
    drop(lock(other.as_ref(), &holder, patience).await.unwrap());
    let held = lock(&host, &holder, patience).await.unwrap();
    sandbox.script("kill -KILL $(pgrep -u locker -x sshd)");
    lock(other.as_ref(), &holder, patience).await.unwrap();
    drop(held);
}
