//! What homestead does not do, it refuses before anything is touched.

mod common;

use common::{Homestead, TestInventory};
use insta::assert_snapshot;

#[test]
fn a_component_that_we_do_not_have_is_not_passed_over() {
    let inventory = TestInventory::new();
    inventory.append("matrix_mautrix_signal_enabled: true\nmatrix_hookshot_enabled: false\n");
    let output = Homestead::on(&inventory).run(&["plan"]);
    let text = output.text();
    assert!(text.contains("error[H0334]: `matrix_mautrix_signal_enabled` switches on something that homestead does not have"), "{text}");
    assert!(text.contains("vars.yml:") && !text.contains("hookshot"), "{text}");
    assert!(text.contains("-- exit code 3"), "{text}");
}

#[test]
fn check_mode_does_nothing_that_it_cannot_only_show() {
    let inventory = TestInventory::new();
    assert_snapshot!(Homestead::on(&inventory).run(&["run-tags", "-C", "install-all,stop-all"]).text(), @"
    $ homestead run-tags -C install-all,stop-all
    -- stderr
    error: `stop-all` has no `--check`: it would be done
    hint: leave it out, or leave out `--check`
    -- exit code 1
    ");
}

#[test]
fn a_limit_outside_of_the_group_selects_nothing() {
    let inventory = TestInventory::new();
    let text = Homestead::on(&inventory).run(&["check", "--limit", "!matrix_servers:!all"]).text();
    assert!(text.contains("selects no host") && text.contains("-- exit code 1"), "{text}");
}
