//! Files on the sandbox: written all or none, looked at, read; keys made.

use std::collections::BTreeMap;
use std::sync::Arc;

use homestead::diagnostic::Kind;
use homestead::host::{
    ConnectionSettings, FileKind, KeyRequest, ObserveRequest, Push, PushDirectory, PushFile, SshHost, fetch, make_keys, observe,
    observe_facts, push,
};
use homestead::secret::Secret;

use crate::sandbox::Sandbox;

fn file(path: &str, content: &str) -> PushFile {
    PushFile {
        path: path.into(),
        bytes: content.into(),
        mode: "0640".into(),
        owner: "root".into(),
        group: "daemon".into(),
        keep_existing: false,
    }
}

fn directory(path: &str, mode: &str) -> PushDirectory {
    PushDirectory { path: path.into(), mode: mode.into(), owner: "daemon".into(), group: "991".into() }
}

/// Type, mode, owners and content of everything below a folder, hidden files too.
fn listing(folder: &str) -> String {
    Sandbox::shared().script(&format!(
        "cd {folder} && find . -mindepth 1 | sort | while IFS= read -r p; do stat -c '%A %U:%G %n' -- \"$p\"; [ ! -f \"$p\" ] || [ \"$(stat -c %s -- \"$p\")\" -gt 100 ] || sed 's/^/  /' -- \"$p\"; done"
    ))
}

fn staging_left() -> String {
    Sandbox::shared().script("ls -d /var/lib/homestead/staging /*/.homestead-staging /*/*/.homestead-staging 2>/dev/null; true")
}

async fn fresh(user: &str, folder: &str) -> Arc<SshHost> {
    let sandbox = Sandbox::shared();
    sandbox.script(&format!(
        "for m in $(awk '$2 ~ \"^{folder}\" {{ print $2 }}' /proc/mounts | sort -r); do umount $m; done; rm -rf {folder} /usr/local/bin/mv"
    ));
    sandbox.connect(user).await
}

/// The staging folder is one a machine, as the lock allows one run a machine.
static ONE_PUSH: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn files_arrive_with_their_modes_and_owners() {
    let _guard = ONE_PUSH.lock().await;
    for user in ["root", "admin"] {
        let host = fresh(user, "/push").await;
        let big: String = "0123456789abcdef".repeat(1_300_000);
        let mut request = Push {
            directories: vec![directory("/push", "0755"), directory("/push/with space", "2750")],
            files: vec![
                file("/push/a", "one\n"),
                PushFile { mode: "4755".into(), owner: "991".into(), group: "992".into(), ..file("/push/with space/.hidden b", "two\n") },
                PushFile { keep_existing: true, ..file("/push/kept", "first\n") },
                file("/push/it's \"quoted\" \\ -n", "three\n"),
                file("/push/-rf", "four\n"),
                file("/push/big", &big),
            ],
            remove: vec![],
        };
        push(host.as_ref(), &request).await.unwrap();
        insta::allow_duplicates! { insta::assert_snapshot!(listing("/push"), @r#"
        -rw-r----- root:daemon ./-rf
          four
        -rw-r----- root:daemon ./a
          one
        -rw-r----- root:daemon ./big
        -rw-r----- root:daemon ./it's "quoted" \ -n
          three
        -rw-r----- root:daemon ./kept
          first
        drwxr-s--- daemon:UNKNOWN ./with space
        -rwsr-xr-x UNKNOWN:UNKNOWN ./with space/.hidden b
          two
        "#); }
        for entry in &mut request.files {
            entry.bytes = b"new\n".to_vec();
        }
        request.remove = vec!["/push/-rf".into(), "/push/absent".into()];
        request.files.retain(|entry| entry.path != "/push/-rf");
        push(host.as_ref(), &request).await.unwrap();
        let second = listing("/push");
        assert_eq!(second.matches("  new").count(), 4, "{second}");
        assert!(second.contains("./kept\n  first") && !second.contains("-rf"), "{second}");
        assert_eq!(staging_left(), "");
    }
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn a_full_disk_changes_nothing() {
    let _guard = ONE_PUSH.lock().await;
    let sandbox = Sandbox::shared();
    let host = fresh("admin", "/full").await;
    sandbox.script("mkdir -p /full/small /full/large && mount -t tmpfs -o size=1m tmpfs /full/small && echo old >/full/small/x && echo old >/full/large/y && chmod 600 /full/small/x");
    let before = listing("/full");
    let request = |size| Push {
        files: vec![file("/full/large/y", "new\n"), file("/full/large/z", "new\n"), file("/full/small/x", &"x".repeat(size))],
        ..Push::default()
    };
    let error = push(host.as_ref(), &request(2_000_000)).await.unwrap_err();
    assert_eq!((error.kind, error.to_string().as_str()), (Kind::HostFailed, "`sandbox`: no space left on device on `/full/small`"));
    assert_eq!(listing("/full"), before);
    assert_eq!(staging_left(), "");
    push(host.as_ref(), &request(200_000)).await.unwrap();
    let after = listing("/full");
    assert!(after.contains("./large/z\n  new") && after.contains("-rw-r----- root:daemon ./small/x"), "{after}");
    assert_eq!(staging_left(), "");
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn a_failure_in_the_middle_is_undone() {
    let _guard = ONE_PUSH.lock().await;
    let sandbox = Sandbox::shared();
    let host = fresh("root", "/middle").await;
    sandbox.script(
        "mkdir -p /middle/a /middle/b /middle/c/dir && echo old >/middle/a/x && ln -s x /middle/a/link && echo old >/middle/b/stuck",
    );
    // The first folder's files have been moved when the second's cannot be.
    sandbox.script(r#"printf '#!/bin/sh\ncase "$*" in "-f -t /middle/b -- "*new*) echo "mv: injected" >&2; exit 1 ;; esac\nexec /usr/bin/mv "$@"\n' >/usr/local/bin/mv && chmod 755 /usr/local/bin/mv"#);
    let before = listing("/middle");
    let failing = Push {
        files: vec![
            file("/middle/a/x", "new\n"),
            file("/middle/a/fresh", "new\n"),
            file("/middle/a/link", "new\n"),
            file("/middle/b/stuck", "new\n"),
        ],
        ..Push::default()
    };
    let error = push(host.as_ref(), &failing).await.unwrap_err();
    assert_eq!(error.to_string(), "`sandbox`: writing files failed: mv: injected");
    assert_eq!(error.hints, ["no file was changed"]);
    assert_eq!(listing("/middle"), before);

    let blocked = Push { files: vec![file("/middle/a/x", "new\n"), file("/middle/c/dir", "new\n")], ..Push::default() };
    let error = push(host.as_ref(), &blocked).await.unwrap_err();
    assert_eq!(error.to_string(), "`sandbox`: writing files failed: /middle/c/dir is in the way: it is no file");
    let stranger = Push { files: vec![PushFile { owner: "nobody-such".into(), ..file("/middle/a/x", "new\n") }], ..Push::default() };
    let error = push(host.as_ref(), &stranger).await.unwrap_err();
    assert_eq!(error.hints, ["no file was changed", "is the user or group missing on the host?"]);
    let nowhere = Push { files: vec![file("/middle/a/x", "new\n"), file("/middle/absent/y", "new\n")], ..Push::default() };
    let error = push(host.as_ref(), &nowhere).await.unwrap_err();
    assert_eq!(error.to_string(), "`sandbox`: writing files failed: the directory /middle/absent does not exist");
    assert_eq!(listing("/middle"), before);
    assert_eq!(staging_left(), "");
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn a_push_whose_connection_is_lost_changes_nothing() {
    let _guard = ONE_PUSH.lock().await;
    let sandbox = Sandbox::shared();
    sandbox.script("id cutoff 2>/dev/null || { useradd -m -s /bin/sh cutoff && echo cutoff:pass | chpasswd && echo 'cutoff ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/cutoff; }");
    let settings =
        ConnectionSettings { private_key_file: None, password: Some(Secret::new("pass".to_owned())), ..sandbox.settings("cutoff") };
    let host = sandbox.connect_with(&settings).await.unwrap();
    sandbox.script("rm -rf /lost; mkdir /lost; echo old >/lost/x");
    let before = listing("/lost");
    let request = Push { files: vec![file("/lost/x", "new\n"), file("/lost/big", &"x".repeat(400_000_000))], ..Push::default() };
    let cut = async {
        while sandbox.script("ls /var/lib/homestead/staging/0/new/big 2>/dev/null; true").is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        sandbox.script("kill $(pgrep -u cutoff -x sshd)");
    };
    let (outcome, ()) = tokio::join!(push(&host, &request), cut);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable, "{error}");
    while !staging_left().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(listing("/lost"), before);
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn what_an_interrupted_push_left_behind_is_swept() {
    let _guard = ONE_PUSH.lock().await;
    let sandbox = Sandbox::shared();
    let host = fresh("root", "/stale").await;
    sandbox.script(
        "mkdir -p /stale/mount && mount -t tmpfs tmpfs /stale/mount && mkdir -p /stale/mount/.homestead-staging/0/new /var/lib/homestead/staging && echo secret >/stale/mount/.homestead-staging/0/new/old && ln -s /stale/mount/.homestead-staging/0 /var/lib/homestead/staging/0",
    );
    push(host.as_ref(), &Push { files: vec![file("/stale/mount/x", "new\n")], ..Push::default() }).await.unwrap();
    assert_eq!(listing("/stale"), "drwxrwxrwt root:root ./mount\n-rw-r----- root:daemon ./mount/x\n  new\n");
    assert_eq!(staging_left(), "");
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn what_was_written_is_seen_and_read() {
    let _guard = ONE_PUSH.lock().await;
    let host = fresh("deploy", "/seen").await;
    let request = Push {
        directories: vec![directory("/seen", "0750")],
        files: vec![file("/seen/a b", "hello"), file("/seen/c", "")],
        ..Push::default()
    };
    push(host.as_ref(), &request).await.unwrap();
    let paths: Vec<String> = ["/seen", "/seen/a b", "/seen/c", "/seen/d"].map(str::to_owned).into();
    let units = vec!["ssh.service".to_owned(), "docker.service".to_owned(), "absent.service".to_owned()];
    let observed = observe(host.as_ref(), &ObserveRequest { paths: paths.clone(), units, ..ObserveRequest::default() }).await.unwrap();
    let summary: Vec<_> = observed
        .files
        .iter()
        .map(|(path, file)| (path.as_str(), file.kind, file.mode.as_str(), file.owner.as_str(), file.group.as_str(), file.size))
        .collect();
    assert_eq!(
        summary,
        [
            ("/seen", FileKind::Directory, "0750", "daemon", "991", 4096),
            ("/seen/a b", FileKind::File, "0640", "root", "daemon", 5),
            ("/seen/c", FileKind::File, "0640", "root", "daemon", 0),
        ]
    );
    assert_eq!(
        observed.files.get("/seen/a b").unwrap().sha256.as_deref(),
        Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    );
    let units: Vec<_> =
        observed.units.iter().map(|(name, unit)| (name.as_str(), unit.load.as_str(), unit.active.as_str(), unit.main_pid > 0)).collect();
    assert_eq!(
        units,
        [
            ("absent.service", "not-found", "inactive", false),
            ("docker.service", "loaded", "active", true),
            ("ssh.service", "loaded", "active", true)
        ]
    );
    let fetched = fetch(host.as_ref(), &paths).await.unwrap();
    assert_eq!(fetched, BTreeMap::from([("/seen/a b".to_owned(), b"hello".to_vec()), ("/seen/c".to_owned(), vec![])]));
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn keys_are_made_once() {
    let host = fresh("admin", "/keys").await;
    Sandbox::shared().script("mkdir -p /keys");
    let request = KeyRequest {
        path: "/keys/signing.pem".into(),
        mode: "0640".into(),
        owner: "root".into(),
        group: "daemon".into(),
        command: "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out '__KEY_FILE_PATH__'".into(),
    };
    assert_eq!(make_keys(host.as_ref(), std::slice::from_ref(&request)).await.unwrap(), ["/keys/signing.pem"]);
    let first = Sandbox::shared().script("sha256sum /keys/signing.pem");
    // What is in it stays; who may read it is corrected.
    Sandbox::shared().script("chown nobody:nogroup /keys/signing.pem && chmod 600 /keys/signing.pem");
    assert_eq!(make_keys(host.as_ref(), &[request]).await.unwrap(), Vec::<String>::new());
    assert_eq!(Sandbox::shared().script("sha256sum /keys/signing.pem"), first);
    assert_eq!(Sandbox::shared().script("stat -c '%a %U:%G' /keys/*; ls -A /keys"), "640 root:daemon\nsigning.pem\n");
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn the_machine_says_what_it_is() {
    let host = Sandbox::shared().connect("admin").await;
    let facts = observe_facts(host.as_ref(), &["/matrix/synapse", "/tmp"]).await.unwrap();
    let steady = facts
        .ansible
        .iter()
        .filter(|(name, _)| !["kernel", "memtotal_mb", "distribution_version"].contains(&name.as_str()) && !name.starts_with("processor_"));
    let steady: Vec<String> = steady.map(|(name, value)| format!("{name}: {value}")).collect();
    insta::assert_snapshot!(steady.join("\n"), @r#"
    architecture: "x86_64"
    distribution: "Debian"
    distribution_major_version: "12"
    distribution_release: "bookworm"
    fqdn: "host-tests"
    hostname: "host-tests"
    nodename: "host-tests"
    os_family: "Debian"
    pkg_mgr: "apt"
    service_mgr: "systemd"
    system: "Linux"
    user_id: "root"
    "#);
    assert!(facts.docker.as_ref().is_some_and(|version| version.starts_with("20.10.")));
    assert!(facts.systemd.as_ref().is_some_and(|version| version.starts_with("systemd 252")));
    assert!(facts.listening_tcp.contains(&22) && facts.listening_tcp.contains(&5000));
    assert!(facts.free_kib.contains_key("/matrix/synapse"));
    let chosen = Sandbox::shared().script("groupadd -r probe && useradd -r -M -g probe probe && id -u probe && id -g probe; userdel probe");
    assert_eq!(format!("{}\n{}\n", facts.next_system_uid().unwrap(), facts.next_system_gid().unwrap()), chosen);
}
