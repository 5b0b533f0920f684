//! How settings are read, and what is said about mistakes.

use super::*;

fn parse(text: &str) -> Result<Settings> {
    Settings::parse(Utf8Path::new("daemon.toml"), text)
}

#[test]
fn a_host_overrides_the_defaults() {
    let settings = parse(
        "[defaults]\npolicy = \"heal\"\nwindows = [\"daily 02:00-04:00\"]\n[hosts.\"a.example.com\"]\npolicy = \"apply\"\ninterval = \"1h\"\n",
    )
    .unwrap();
    assert_eq!((settings.policy("a.example.com"), settings.policy("b")), (Policy::Apply, Policy::Heal));
    assert_eq!((settings.interval("a.example.com").as_secs(), settings.interval("b").as_secs()), (3600, 900));
    assert_eq!(settings.windows("a.example.com").len(), 1);
}

#[test]
fn without_a_word_it_only_reports() {
    let settings = parse("").unwrap();
    assert_eq!((settings.policy("a"), settings.windows("a")), (Policy::Report, Vec::new()));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let mistake = |text: &str| {
        let error = parse(text).unwrap_err();
        error.diagnostics.iter().map(|finding| format!("{} {finding}\n", finding.code)).collect::<String>()
    };
    insta::assert_snapshot!(mistake("[defaults]\npolcy = \"heal\"\n"), @"H0900 daemon.toml:2:1: unknown field `polcy`, expected one of `policy`, `interval`, `windows`");
    insta::assert_snapshot!(mistake("[defaults]\npolicy = \"destroy\"\n"), @"H0900 daemon.toml:2:10: unknown variant `destroy`, expected one of `report`, `heal`, `apply`");
    insta::assert_snapshot!(mistake("[defaults]\ninterval = \"1s\"\n"), @"H0900 daemon.toml:2:12: `1s` is shorter than 10 s");
    insta::assert_snapshot!(mistake("[defaults]\nwindows = [\"at night\"]\n"), @"H0900 daemon.toml:2:11: `at night` is no maintenance window; write `daily 02:00-04:00`, or days before the hours: `sat,sun 22:00-06:00`");
    insta::assert_snapshot!(mistake("time_zone = \"Mars/Olympus\"\n[api]\nlisten = \"0.0.0.0:80\"\n"), @r"
    H0901 daemon.toml:1:1: `Mars/Olympus` is no time zone that this machine knows
    H0901 daemon.toml:3:1: `0.0.0.0:80` is no loopback address
    H0901 daemon.toml:3:1: `listen` needs a `token_file`
    ");
}
