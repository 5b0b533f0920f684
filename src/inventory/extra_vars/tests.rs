use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::inventory::tests::findings;

fn told(argument: &str) -> String {
    let mut wrong = Vec::new();
    let layers = read(&[argument.to_owned()], &VaultPasswords::none(), &mut wrong);
    let variables: String = layers
        .iter()
        .flat_map(|layer| &layer.variables)
        .map(|v| format!("  {} {} {:?} {}\n", v.name, v.name_span, v.value.value, v.value.span))
        .collect();
    format!("{argument}\n{variables}{}", findings(&wrong))
}

#[test]
fn arguments_are_read_as_ansible_reads_them() {
    let arguments = [
        "a=1",
        "a=1 b=2",
        "a='x y' b=\"z\"",
        "a=x\\ny",
        "a={{ b | default('x y') }} c=3",
        "a=b=c",
        "a=",
        "a = 1",
        "{a: 1, b: [yes, 'no']}",
        "{\"a\": 1e3}",
        "a='it",
        "{{ x }}",
        "{a: ",
        "[a, b]",
        "/etc/x.yml",
        "a-b=1",
        "a=x\"y z\" b=1",
        "a=1\nb=2",
        "a={{ x",
        "a='{{ x }}'",
        "=1",
        "@/no/such.yml",
    ];
    assert_snapshot!(arguments.map(told).concat(), @r#"
    a=1
      a -e:1:1 Text("1") -e:1:1
    a=1 b=2
      a -e:1:1 Text("1") -e:1:1
      b -e:1:5 Text("2") -e:1:5
    a='x y' b="z"
      a -e:1:1 Text("x y") -e:1:1
      b -e:1:9 Text("z") -e:1:9
    a=x\ny
      a -e:1:1 Text("x\ny") -e:1:1
    a={{ b | default('x y') }} c=3
      a -e:1:1 Text("{{ b | default('x y') }}") -e:1:1
      c -e:1:28 Text("3") -e:1:28
    a=b=c
      a -e:1:1 Text("b=c") -e:1:1
    a=
      a -e:1:1 Text("") -e:1:1
    a = 1
    error[H0135] -e:1:1: `a` is no `name=value`
      help: quote a value with spaces for the shell and for `-e`: `-e "name='two words'"`
    error[H0135] -e:1:3: `=` is no `name=value`
      help: quote a value with spaces for the shell and for `-e`: `-e "name='two words'"`
    error[H0135] -e:1:5: `1` is no `name=value`
      help: quote a value with spaces for the shell and for `-e`: `-e "name='two words'"`
    {a: 1, b: [yes, 'no']}
      a -e:1:2 Int(1) -e:1:5
      b -e:1:8 List([Node { value: Bool(true), span: Span { file: "-e", line: 1, column: 12 } }, Node { value: Text("no"), span: Span { file: "-e", line: 1, column: 17 } }]) -e:1:11
    {"a": 1e3}
      a -e:1:2 Float(1000.0) -e:1:7
    a='it
    error[H0135] -e:1:1: a quote or a `{{` opens here and nothing closes it
      help: give text with quotes in it as YAML: `-e '{name: "..."}'`
    {{ x }}
    error[H0108] -e:1:2: a key must be text, not a mapping
      help: a value that begins with `{{` must be quoted: `name: "{{ ... }}"`
    {a: 
    error[H0101] -e:1:1: this is not YAML: unclosed bracket '{'
      help: a bracket that opens must close; text that begins with a bracket must be quoted
    [a, b]
    error[H0126] -e:1:1: variables must be a mapping, not a list
      help: write one variable a line: `name: value`
    /etc/x.yml
    error[H0135] -e:1:1: `/etc/x.yml` looks like a file
      help: put an `@` before it: `-e @/etc/x.yml`
    a-b=1
      a-b -e:1:1 Text("1") -e:1:1
    warning[H0127] -e:1:1: `a-b` is no valid variable name
      help: names hold letters, digits and `_`: did you mean `a_b`?
    a=x"y z" b=1
      a -e:1:1 Text("x\"y z\"") -e:1:1
      b -e:1:10 Text("1") -e:1:10
    a=1
    b=2
      a -e:1:1 Text("1") -e:1:1
      b -e:1:5 Text("2") -e:1:5
    a={{ x
    error[H0135] -e:1:1: a quote or a `{{` opens here and nothing closes it
      help: give text with quotes in it as YAML: `-e '{name: "..."}'`
    a='{{ x }}'
      a -e:1:1 Text("{{ x }}") -e:1:1
    =1
    error[H0135] -e:1:1: `=1` is no `name=value`
      help: quote a value with spaces for the shell and for `-e`: `-e "name='two words'"`
    @/no/such.yml
    error[H0111] /no/such.yml: the file cannot be read: it does not exist
    "#);
}

#[test]
fn the_last_one_wins() {
    let layers = read(&["a=1 a=2".to_owned(), String::new(), "{a: 3}".to_owned()], &VaultPasswords::none(), &mut Vec::new());
    let values: Vec<_> = layers.iter().flat_map(|layer| &layer.variables).map(|v| v.value.value.clone()).collect();
    assert_eq!(values, [Value::Text("2".to_owned()), Value::Int(3)]);
}

proptest! {
    #[test]
    fn no_argument_makes_it_panic(argument in "[^@]\\PC{0,30}") {
        let _ = told(&argument);
    }

    #[test]
    fn no_pair_like_argument_makes_it_panic(argument in "[ab= '\"\\\\{}%#x0-9uNn\né]{0,24}") {
        let _ = told(&argument);
    }
}
