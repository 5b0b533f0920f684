use super::{Job, Outcome, judge, options, touches};
use crate::desired::{Check, Trial, TrialMount};
use crate::host::{PushFile, Trials, Verdict};

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

fn trial() -> Trial {
    let mount = |source: &str, target: &str, read_only| TrialMount { source: source.into(), target: target.into(), read_only };
    Trial {
        image: "synapse:1".into(),
        options: words(&[
            "--rm",
            "--log-driver=none",
            "--user=991:991",
            "--cap-drop=ALL",
            "--network=matrix",
            "--publish=8008:8008",
            "--env-file=/matrix/synapse/env",
            "--mount=type=bind,src=/matrix/synapse/config,dst=/data,ro",
            "--mount=type=bind,src=/matrix/synapse/storage,dst=/media,bind-propagation=slave",
            "--mount=type=bind,src=/opt/module.py,dst=/module.py",
            "--add-host",
            "example.com:host-gateway",
            "-e",
            "NAME=it's",
            "--init",
            "-v",
            "/opt/more:/more:rw",
        ]),
        command: words(&["run", "-c", "/data/homeserver.yaml"]),
        networks: words(&["matrix", "postgres"]),
        mounts: vec![mount("/matrix/synapse/config", "/data", true), mount("/matrix/synapse/storage", "/media", false)],
        checks: Vec::new(),
    }
}

fn check(network: bool) -> Check {
    Check {
        image: "synapse:1".into(),
        program: Some("python3".into()),
        command: words(&["-c", "print('it')"]),
        network,
        about: "homeserver.yaml".into(),
        hint: Some("look there".into()),
    }
}

#[test]
fn a_container_is_made_of_all_of_its_options() {
    insta::assert_snapshot!(options::create(&trial(), &["matrix", "host"]).replace(" -", "\n-").replace(" synapse:1", "\nsynapse:1"), @r#"
    joins matrix
    create
    --rm '--log-driver=none' '--user=991:991' '--cap-drop=ALL' '--network=matrix' '--publish=8008:8008'
    --env-file="$(at /matrix/synapse/env)"
    --mount='type=bind',src="$(at /matrix/synapse/config)",'dst=/data',ro
    --mount='type=bind',src="$(at /matrix/synapse/storage)",'dst=/media','bind-propagation=slave'
    --mount='type=bind',src="$(at /opt/module.py)",'dst=/module.py'
    --add-host example.com:host-gateway
    -e 'NAME=it'\''s'
    --init
    -v /opt/more:/more:rw
    synapse:1 run
    -c /data/homeserver.yaml
    "#);
}

/// It sees no data, writes nothing that stays, and reaches nobody.
#[test]
fn a_check_can_harm_nothing() {
    insta::assert_snapshot!(options::check(&trial(), &check(false)).replace(" -", "\n-"), @r#"
    check
    --user 991:991
    --env-file="$(at /matrix/synapse/env)"
    --mount=type=bind,src="$(at /matrix/synapse/config)",dst=/data,readonly
    --mount=type=bind,src="$(data /matrix/synapse/storage)",dst=/media
    --mount=type=bind,src="$(at /opt/module.py)",dst=/module.py,readonly
    -e 'NAME=it'\''s'
    --mount=type=bind,src="$(at /opt/more)",dst=/more,readonly
    --tmpfs=/tmp
    --network=none
    --entrypoint=python3 synapse:1
    -c 'print('\''it'\'')'
    "#);
    let reaching = options::check(&trial(), &check(true));
    assert!(reaching.starts_with("check_in postgres "), "{reaching}");
    assert!(reaching.contains("--network=\"$(network matrix)\"") && reaching.contains("--add-host="), "{reaching}");
    // A socket of a database lies in a folder that a service may write to.
    assert!(reaching.contains("src=\"$(at /matrix/synapse/storage)\",dst=/media,readonly"), "{reaching}");
}

#[test]
fn what_changes_below_a_mount_is_read_there() {
    let file = |path: &str| PushFile {
        path: path.into(),
        bytes: Vec::new(),
        mode: "0640".into(),
        owner: "0".into(),
        group: "0".into(),
        keep_existing: false,
    };
    let trials = Trials { files: vec![file("/matrix/synapse/config/a.yaml")], removed: vec!["/etc/b".into()], ..Trials::default() };
    assert!(touches(&trials, "/matrix/synapse/config") && touches(&trials, "/matrix/synapse/config/a.yaml") && touches(&trials, "/etc"));
    assert!(!touches(&trials, "/matrix/synapse/conf") && !touches(&trials, "/matrix/synapse/storage"));
}

fn outcome(job: &Job, status: u32, output: &str) -> String {
    let redact = |text: &str| text.replace("hunter2", "[redacted]");
    match judge("host", job, &Verdict { status, output: output.into() }, &redact) {
        Outcome::Good => "good".to_owned(),
        Outcome::Unknown(_, why) => format!("unknown: {why}"),
        Outcome::Bad(error) => format!("{}\n{}", error.message, error.hints.join("\n")),
    }
}

#[test]
fn a_verdict_says_what_was_wrong_and_tells_no_secret() {
    let asked = Job::Check("synapse.service".into(), check(false));
    assert_eq!(outcome(&asked, 0, ""), "good");
    insta::assert_snapshot!(outcome(&asked, 1, "Traceback\nValueError: 'hunter2'\n"), @"
    `host`: homeserver.yaml: synapse.service would not work with it: ValueError: '[redacted]'
    look there
    its last lines:
        Traceback
        ValueError: '[redacted]'
    ");
    // Neither says anything about the configuration.
    insta::assert_snapshot!(outcome(&asked, 124, ""), @"unknown: synapse.service: homeserver.yaml could not be checked before it is used: exit status 124");
    insta::assert_snapshot!(
        outcome(&asked, 127, "docker: Error response from daemon: exec: \"python3\": not found.\n"),
        @r#"unknown: synapse.service: homeserver.yaml could not be checked before it is used: exec: "python3": not found."#
    );
    let made = Job::Container("synapse.service".into());
    let first = |output: &str| outcome(&made, 125, output).lines().next().unwrap().to_owned();
    insta::assert_snapshot!(
        first("WARNING: no swap\nunknown flag: --nonsense\nSee 'docker create --help'.\n"),
        @"`host`: Docker refuses the container of synapse.service: unknown flag: --nonsense"
    );
    insta::assert_snapshot!(
        first("Error response from daemon: invalid mount config\n"),
        @"`host`: Docker refuses the container of synapse.service: invalid mount config"
    );
}
