//! Reaching a machine, trusting it, being let in; and each way in which that fails.

use std::sync::Mutex;

use async_trait::async_trait;
use homestead::diagnostic::{Kind, Result};
use homestead::host::{ConnectionSettings, Environment, Exec, Host as _, NoPrompt, Prompt, SshHost};
use homestead::secret::Secret;
use tokio::net::TcpListener;

use crate::sshd::{Sshd, make_key, tool};

struct Answers(Mutex<Vec<&'static str>>, Mutex<Vec<String>>);

#[async_trait]
impl Prompt for Answers {
    async fn ask(&self, question: &str, _echo: bool) -> Result<Option<Secret<String>>> {
        self.1.lock().unwrap().push(question.to_owned());
        Ok(self.0.lock().unwrap().pop().map(|answer| Secret::new(answer.to_owned())))
    }
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn an_unknown_host_is_refused_with_its_fingerprint_and_learned_when_told() {
    let sshd = Sshd::start("");
    let mut settings = sshd.settings();
    settings.known_hosts = vec![sshd.path("new/known_hosts")];
    let fingerprint = tool("ssh-keygen", &["-l", "-f", sshd.path("host_ed25519.pub").to_str().unwrap()]);
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    let (kind, lines) = sshd.refusal(&settings).await;
    assert_eq!(kind, Kind::Unreachable);
    assert_eq!(
        lines,
        [
            format!("the host key of `127.0.0.1` is unknown: ssh-ed25519 {fingerprint}"),
            "compare the fingerprint with the one that the provider's console shows".to_owned(),
            format!("then give `--accept-new-host-key`, or run `ssh-keyscan -p {} 127.0.0.1 >> ~/.ssh/known_hosts`", sshd.port),
        ]
    );
    assert!(!sshd.path("new/known_hosts").exists());
    settings.accept_new_host_key = true;
    sshd.connect_with(&settings).await.unwrap();
    settings.accept_new_host_key = false;
    sshd.connect_with(&settings).await.unwrap();
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn a_changed_host_key_is_refused_also_when_new_ones_are_welcome() {
    let sshd = Sshd::start("");
    let file = sshd.path("known_hosts");
    make_key(&sshd.path("other"), "ed25519", "");
    let other = fs_err::read_to_string(sshd.path("other.pub")).unwrap();
    fs_err::write(&file, format!("# note\n[127.0.0.1]:{} {other}", sshd.port)).unwrap();
    let mut settings = sshd.settings();
    settings.accept_new_host_key = true;
    let (kind, lines) = sshd.refusal(&settings).await;
    assert_eq!(kind, Kind::Unreachable);
    let message = lines.first().unwrap();
    assert!(
        message.starts_with(&format!("the host key of `127.0.0.1` is not the one in `{}` line 2: ssh-ed25519 SHA256:", file.display())),
        "{message}"
    );
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn the_known_type_of_host_key_is_asked_for() {
    let sshd = Sshd::with_host_keys(&["ed25519", "rsa", "ecdsa"], "");
    for kind in ["rsa", "ecdsa", "ed25519"] {
        sshd.know("known_hosts", &[kind]);
        tool("ssh-keygen", &["-q", "-H", "-f", sshd.path("known_hosts").to_str().unwrap()]);
        sshd.connect().await;
    }
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn every_kind_of_key_logs_in() {
    let sshd = Sshd::start("");
    for name in ["client", "client_rsa", "client_ecdsa"] {
        let settings = ConnectionSettings { private_key_file: Some(sshd.path(name)), ..sshd.settings() };
        sshd.connect_with(&settings).await.unwrap();
    }
    let (kind, lines) = sshd.refusal(&ConnectionSettings { private_key_file: Some(sshd.path("host_ed25519")), ..sshd.settings() }).await;
    assert_eq!(kind, Kind::Unreachable);
    assert_eq!(
        lines,
        [
            "`127.0.0.1` does not let `root` in".to_owned(),
            format!("tried: key `{}`", sshd.path("host_ed25519").display()),
            "the server accepts: publickey, keyboard-interactive".to_owned(),
            "does `ssh root@127.0.0.1` work? Set `ansible_user`, `ansible_ssh_private_key_file` or `ansible_password`".to_owned(),
        ]
    );
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn a_locked_key_asks_for_its_passphrase() {
    let sshd = Sshd::start("");
    let settings = ConnectionSettings { private_key_file: Some(sshd.path("client_locked")), ..sshd.settings() };
    let answers = Answers(Mutex::new(vec!["open sesame", "wrong"]), Mutex::default());
    SshHost::connect(&settings, &sshd.environment(), &answers).await.unwrap();
    let question = format!("Passphrase of the key {}: ", sshd.path("client_locked").display());
    assert_eq!(*answers.1.lock().unwrap(), [question.clone(), question]);
    let (_, lines) = sshd.refusal(&settings).await;
    let file = sshd.path("client_locked").display().to_string();
    assert!(
        lines.contains(&format!(
            "the key `{file}` has a passphrase, and there is no terminal to ask for it: add it to an ssh agent (`ssh-add {file}`)"
        )),
        "{lines:?}"
    );
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn keys_of_the_agent_log_in_and_named_ones_come_first() {
    let sshd = Sshd::start("MaxAuthTries 2");
    let socket = sshd.path("agent");
    let mut agent =
        std::process::Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(std::process::Stdio::null()).spawn().unwrap();
    while !socket.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let add = |name: &str| {
        let added = std::process::Command::new("ssh-add").arg(sshd.path(name)).env("SSH_AUTH_SOCK", &socket).output().unwrap();
        assert!(added.status.success());
    };
    let environment = Environment { agent_socket: Some(socket.clone()), ..sshd.environment() };
    for name in ["wrong_a", "wrong_b", "wrong_c"] {
        make_key(&sshd.path(name), "ed25519", "");
        add(name);
    }
    add("client_rsa");
    // Without its name, the fourth key is one too many for the server.
    let settings = ConnectionSettings { private_key_file: None, ..sshd.settings() };
    let outcome = SshHost::connect(&settings, &environment, &NoPrompt).await;
    let lines: Vec<String> = outcome.err().unwrap().hints;
    assert!(
        lines.contains(
            &"the server closed the connection after too many attempts: name one key with `ansible_ssh_private_key_file`".to_owned()
        ),
        "{lines:?}"
    );
    // The public file says which one is meant.
    fs_err::write(sshd.path("ssh_config"), format!("IdentityFile {}\n", sshd.path("client_rsa.pub").display())).unwrap();
    SshHost::connect(&settings, &environment, &NoPrompt).await.unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn jump_hosts_and_proxy_commands_lead_there() {
    let (bastion, inner) = (Sshd::start(""), Sshd::start("AllowTcpForwarding no"));
    let known = fs_err::read_to_string(bastion.path("known_hosts")).unwrap() + &fs_err::read_to_string(inner.path("known_hosts")).unwrap();
    fs_err::write(bastion.path("known_hosts"), known).unwrap();
    let key = bastion.path("client");
    let mut settings = bastion.settings();
    settings.address = Some("inner".to_owned());
    settings.port = None;
    fs_err::copy(inner.path("client"), bastion.path("inner_client")).unwrap();
    settings.private_key_file = Some(bastion.path("inner_client"));
    let config = |way: &str| {
        format!(
            "Host inner\n HostName 127.0.0.1\n Port {}\n {way}\nHost bastion\n HostName 127.0.0.1\n Port {}\n User root\n IdentityFile {}\n",
            inner.port,
            bastion.port,
            key.display()
        )
    };
    fs_err::write(bastion.path("ssh_config"), config("ProxyJump bastion")).unwrap();
    let host = bastion.connect_with(&settings).await.unwrap();
    let output = host.exec(Exec::new("echo \"$SSH_CONNECTION\"")).await.unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().trim().ends_with(&format!("127.0.0.1 {}", inner.port)));

    fs_err::write(
        bastion.path("ssh_config"),
        config(&format!("ProxyJump root@127.0.0.1:{0},bastion", bastion.port))
            + &format!("Host 127.0.0.1\n IdentityFile {}\n", key.display()),
    )
    .unwrap();
    bastion.connect_with(&settings).await.unwrap();

    fs_err::write(bastion.path("ssh_config"), config("ProxyCommand bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & exec cat >&3'")).unwrap();
    bastion.connect_with(&settings).await.unwrap();

    fs_err::write(bastion.path("ssh_config"), config("ProxyJump inner")).unwrap();
    let (_, lines) = bastion.refusal(&settings).await;
    assert_eq!(lines.first().unwrap(), "`ProxyJump` of `127.0.0.1` goes in circles");
}

#[tokio::test]
#[ignore = "needs root and openssh-server"]
async fn what_is_not_there_is_named() {
    let sshd = Sshd::start("");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (kind, lines) = sshd.refusal(&ConnectionSettings { port: Some(closed), ..sshd.settings() }).await;
    assert_eq!(
        (kind, lines),
        (
            Kind::Unreachable,
            vec![format!("`127.0.0.1` port {closed} refuses the connection"), "is sshd running, and is `ansible_port` right?".to_owned()]
        )
    );

    let (kind, lines) = sshd.refusal(&ConnectionSettings { address: Some("no.such.host.invalid".to_owned()), ..sshd.settings() }).await;
    assert_eq!((kind, lines.first().unwrap().as_str()), (Kind::Unreachable, "the name `no.such.host.invalid` does not resolve"));

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let settings = ConnectionSettings { port: Some(port), connect_timeout: std::time::Duration::from_millis(300), ..sshd.settings() };
    let (kind, lines) = sshd.refusal(&settings).await;
    assert_eq!((kind, lines), (Kind::Unreachable, vec![format!("`127.0.0.1` port {port} does not answer the SSH handshake")]));

    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        loop {
            let (mut stream, _) = silent.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let (kind, lines) = sshd.refusal(&ConnectionSettings { port: Some(port), ..sshd.settings() }).await;
    assert_eq!(kind, Kind::Unreachable);
    assert!(lines.first().unwrap().contains("SSH"), "{lines:?}");
}
