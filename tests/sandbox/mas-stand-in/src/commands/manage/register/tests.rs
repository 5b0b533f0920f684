use super::*;

/// The steps that `draft` offers, one a line.
fn steps(draft: &Draft, passwords_enabled: bool, has_providers: bool) -> String {
    let steps = draft.steps(passwords_enabled, has_providers);
    let names: Vec<String> = steps.iter().map(ToString::to_string).collect();
    names.join("\n")
}

#[test]
fn every_step_is_offered_in_the_order_of_the_real_program() {
    let all = "Create the user\nChange the username\nAdd email\nSet a password\n\
        Add upstream provider mapping\nSet the admin status\nSet a display name";
    assert_eq!(steps(&Draft::default(), true, true), all);
}

#[test]
fn what_is_known_already_is_not_offered() {
    let draft =
        Draft { password: Some((1, "hash".to_owned())), admin: Some(false), display_name: Some("Alice".to_owned()), ..Draft::default() };
    let least = "Create the user\nChange the username\nAdd email";
    assert_eq!(steps(&draft, true, false), least);
}

#[test]
fn no_password_is_offered_where_nobody_can_log_in_with_one() {
    assert!(!steps(&Draft::default(), false, true).contains("password"));
}

#[test]
fn a_username_is_a_local_part_or_a_full_id() {
    for username in ["alice", "@alice", "@alice:example.com", "alice:example.com"] {
        assert_eq!(localpart(username).unwrap(), "alice");
    }
    assert!(localpart("@:example.com").is_err());
}
