use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::inventory::tests::findings;

fn read_all(texts: &[&str]) -> (Hosts, Vec<Diagnostic>) {
    let (mut hosts, mut findings) = (Hosts::default(), Vec::new());
    for text in texts {
        read(text, "hosts", &mut hosts, &mut findings);
    }
    hosts.complete(&mut findings);
    (hosts, findings)
}

fn told(text: &str) -> String {
    findings(&read_all(&[text]).1)
}

#[test]
fn sections_hosts_and_variables_know_their_places() {
    let (hosts, wrong) = read_all(&["[g]  # group\n  web:22   a=1 b='x y'\n[g:vars]\n c =  2\n"]);
    assert_eq!(findings(&wrong), "");
    let web = &hosts.hosts["web"];
    let shown: Vec<_> = web
        .variables
        .iter()
        .chain(&hosts.groups["g"].variables)
        .map(|v| format!("{} {} {} {:?}", v.name, v.name_span, v.value.span, v.value.value))
        .collect();
    assert_snapshot!(format!("{}\n{}", web.span, shown.join("\n")), @r#"
    hosts:2:3
    ansible_port hosts:2:3 hosts:2:3 Int(22)
    a hosts:2:12 hosts:2:14 Int(1)
    b hosts:2:16 hosts:2:18 Text("x y")
    c hosts:4:2 hosts:4:7 Int(2)
    "#);
}

#[test]
fn wrong_lines_are_all_told() {
    assert_snapshot!(told("[a b]\nskipped\n[a:hostz]\nskipped\n[g]\nweb a= b\nweb [x\nweb b='x\n---\nweb:\nx[3:1]\n[g:vars]\nnothing\n[h:vars]\na=1\n[g:children]\nx y\nnone\ng2 # fine\n[gg]\n[g2]\nansible_group_priority\n[g2:vars]\nansible_group_priority=high\n"), @r#"
    error[H0114] hosts:1:1: `[a b]` is no section
      help: a section is `[group]`, `[group:children]` or `[group:vars]`, without spaces
    error[H0114] hosts:3:1: the section `[a:hostz]` has the unknown kind `hostz`
      help: did you mean `hosts`?
    error[H0115] hosts:6:8: `b` is no variable of the host
      help: after the host's name come `name=value` pairs, without spaces around `=`
    error[H0115] hosts:7:5: `[x` is no variable of the host
      help: after the host's name come `name=value` pairs, without spaces around `=`
    error[H0115] hosts:8:7: a quote or backslash opens here and nothing closes it
      help: close it; a value that holds one kind of quote stands in the other: `name="it's"`
    error[H0115] hosts:9:1: `---` is no host; this looks like YAML
      help: name a YAML hosts file `hosts.yml`
    error[H0119] hosts:10:1: `web:` ends with `:` but names no port
    error[H0119] hosts:11:1: the range `[3:1]` begins after its end
    error[H0116] hosts:13:1: `nothing` is no variable
      help: `[g:vars]` holds one `name=value` a line
    error[H0114] hosts:17:1: `x y` is no group name
      help: `[g:children]` holds one group a line and nothing else
    error[H0116] hosts:24:24: `ansible_group_priority` must be a whole number
    error[H0117] hosts:14:1: `[h:vars]` is for a group that nothing declares
      help: declare it with a section `[h]`
    error[H0117] hosts:18:1: `[g:children]` names the group `none`, which nothing declares
      help: declare it with a section `[none]`
    "#);
}

#[test]
fn a_variable_without_a_host_is_told() {
    assert_snapshot!(told("[g]\nansible_user=root\n"), @r"
    warning[H0124] hosts:2:1: `ansible_user=root` is taken for the name of a host
      help: variables stand behind a host's name, or below `[group:vars]`
    ");
}

#[test]
fn a_group_inside_itself_is_an_error() {
    assert_snapshot!(told("[a:children]\nb\n[b:children]\nc\n[c:children]\na\n"), @r"
    error[H0118] hosts:6:1: the group `a` is inside itself: a -> b -> c -> a
      help: remove one of these from the children of another
    ");
    assert_snapshot!(told("[a:children]\na\n"), @r"
    error[H0118] hosts:2:1: the group `a` is inside itself: a -> a
      help: remove one of these from the children of another
    ");
    assert_snapshot!(told("[a:children]\nall\n"), @r"
    error[H0118] hosts:1:1: the group `a` is inside itself: a -> all -> a
      help: remove one of these from the children of another
    ");
}

#[test]
fn groups_of_an_earlier_file_are_known() {
    let (hosts, wrong) = read_all(&["[web]\na\n", "[web:vars]\nx=1\n[top:children]\nweb\n"]);
    assert_eq!(findings(&wrong), "");
    assert_eq!(hosts.members("top"), ["a"]);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = read_all(&[&text]);
    }

    #[test]
    fn no_ini_like_text_makes_it_panic(parts in prop::collection::vec(prop::sample::select(vec![
        "[a]", "[b:vars]", "[a:children]", "[c:children]", "\n", "a", "b", "c", " ", "=", "'", "\"", "[1:3]", "[01:9]", ":22", "#", ";", "x=1", "é", "\\", "[", "]", "{",
    ]), 0..40)) {
        let _ = read_all(&[&parts.concat()]);
    }
}
