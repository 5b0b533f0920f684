//! Mistakes in expressions, and what users read about them.

use camino::Utf8Path;
use homestead::inventory::layers::{Layer, LayerKind, Variable};
use homestead::inventory::node::Value as Written;
use homestead::inventory::yaml;
use homestead::vars::{Context, Variables};

const TEXT: &str = r#"matrix_domain: example.com
typo: "{{ matrix_domian }}"
typo_within: "https://{{ matrix_domain }}/{{ matrix_domian | upper }}"
typo_in_block: |
  server:
    name: {{ matrix_domain }}
    port: {{ matrix_prot }}
typo_in_folded: >-
  {{ matrix_domain
     + matrix_domian }}
typo_in_mapping:
  inner:
    - name: ok
    - name: "{{ matrix_domian }}"
typo_unquoted: a {{ matrix_domian }}
typo_with_quotes: "{{ 'it''s' ~ \"x\" ~ matrix_domian }}"
through: "{{ typo }}"
attribute: "{{ matrix_domain.nope }}"
key: "{{ {'a': 1}.b }}"
item: "{{ [1][3] }}"
filter_name: "{{ matrix_domain | uper }}"
test_name: "{{ matrix_domain is definde }}"
lookup_name: "{{ lookup('flie', 'x') }}"
json_query: "{{ {} | json_query('a') }}"
argument: "{{ 'a' | default(value='x') }}"
plus: "{{ 'port ' + 8008 }}"
plus_lists: "{{ [1] + none }}"
plus_maps: "{{ {} + {} }}"
zero: "{{ 1 / 0 }}"
unclosed: "{{ matrix_domain"
unclosed_block: "{% if true %}x"
bracket: "{{ (1 + 2 }}"
operator: "{{ 1 + }}"
block: "{% fi true %}"
string: "{{ 'a }}"
colon: "{{ a = 1 }}"
cycle_one: "{{ cycle_two }}"
cycle_two: "{{ cycle_three }}"
cycle_three: "{{ cycle_one }}"
itself: "{{ itself | default('x') }}"
no_else: "{{ 'a' if false }}"
omitted: "{{ omit }}"
a_range: "{{ range(3) }}"
not_called: "{{ matrix_domain.upper }}"
no_file: "{{ lookup('file', 'nosuch') }}"
no_template: "{{ lookup('template', 'nosuch.j2') }}"
bad_regex: "{{ 'a' | regex_replace('(', '') }}"
bad_json: "{{ '{' | from_json }}"
bad_yaml: "{{ 'a: [' | from_yaml }}"
needs_required: "{{ required }} and {{ 1 / 0 }}"
required: "{{ undef(hint='set it') }}"
must: "{{ nope | mandatory('tell me') }}"
vaulted: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  00
"#;

#[test]
fn every_mistake_is_named_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("vars.yml");
    fs_err::write(&path, TEXT).unwrap();
    let (document, _) = yaml::read(TEXT, path.as_str()).unwrap();
    let Written::Map(entries) = document.unwrap().value else { panic!("no mapping") };
    let variables =
        entries.into_iter().map(|(key, value)| Variable { name: key.as_text().unwrap().to_owned(), name_span: key.span, value }).collect();
    let mut context = Context::new("matrix.example.com");
    context.base_directory = path.parent().unwrap().to_owned();
    let variables = Variables::new(vec![Layer { kind: LayerKind::HostVars, name: path.to_string(), variables }], context);
    let lines: Vec<String> = variables
        .names()
        .map(|name| match variables.get(name) {
            Ok(_) => format!("{name}: fine"),
            Err(error) => {
                let place = error.span.as_ref().map_or_else(String::new, |span| format!("{}:{}", span.line, span.column));
                let help = error.help.map_or_else(String::new, |help| format!("\n    help: {help}"));
                format!("{name}: {} {place} {}{help}", error.code, error.message)
            }
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    matrix_domain: fine
    typo: H0201 2:11 `matrix_domian` is undefined
        help: did you mean `matrix_domain`?
    typo_within: H0201 3:46 `matrix_domian` is undefined
        help: did you mean `matrix_domain`?
    typo_in_block: H0201 7:14 `matrix_prot` is undefined
    typo_in_folded: H0201 10:8 `matrix_domian` is undefined
        help: did you mean `matrix_domain`?
    typo_in_mapping: H0201 14:17 `matrix_domian` is undefined
        help: did you mean `matrix_domain`?
    typo_unquoted: H0201 15:21 `matrix_domian` is undefined
        help: did you mean `matrix_domain`?
    typo_with_quotes: H0201 16:41 `matrix_domian` is undefined
        help: did you mean `matrix_domain`?
    through: H0201 2:11 `matrix_domian` is undefined
        help: did you mean `matrix_domain`?
    attribute: H0201 18:29 a value of type `str` has no attribute `nope`
    key: H0201 19:18 the mapping has no key `b`
    item: H0201 20:14 the list has no item 3; it has 1
    filter_name: H0203 21:34 there is no filter `uper`
        help: did you mean `upper`?
    test_name: H0203 22:33 there is no test `definde`
        help: did you mean `defined`?
    lookup_name: H0203 23:24 there is no lookup `flie`
        help: did you mean `file`?
    json_query: H0203 24:22 there is no filter `json_query`
        help: use `map(attribute=...)`, `selectattr(...)` or `dict2items` instead
    argument: H0206 25:21 `default` has no argument `value`
    plus: H0206 26:21 `+` cannot combine values of types `str` and `int`
        help: `~` joins values of any type as text
    plus_lists: H0206 27:23 only a list can be added to a list, not a value of type `NoneType`
    plus_maps: H0206 28:21 `+` cannot combine values of types `dict` and `dict`
        help: `a | combine(b)` joins mappings
    zero: H0206 29:15 division by zero
    unclosed: H0202 30:12 `{{` has no matching `}}`
    unclosed_block: H0202 31:31 `endif` is missing
    bracket: H0202 32:21 expected `)`, found `}`
    operator: H0202 33:19 expected an expression, found `}}`
    block: H0202 34:12 unknown block `{% fi %}`; did you mean `if`?
    string: H0202 35:13 a string has no end
    colon: H0202 36:14 expected `}}` or an operator, found `=`
    cycle_one: H0204 39:18 variables need each other: `cycle_one` -> `cycle_two` -> `cycle_three` -> `cycle_one`
    cycle_two: H0204 39:18 variables need each other: `cycle_one` -> `cycle_two` -> `cycle_three` -> `cycle_one`
    cycle_three: H0204 39:18 variables need each other: `cycle_one` -> `cycle_two` -> `cycle_three` -> `cycle_one`
    itself: H0204 40:13 `itself` needs itself
    no_else: H0205 41:10 the condition does not hold, and there is no `else`
        help: write `... if ... else ...`
    omitted: H0205 42:10 the variable is `omit`, which only stands for the absence of an option
    a_range: H0205 43:10 a variable cannot hold a `range`
        help: add `| list`
    not_called: H0205 44:13 a variable cannot hold the method `upper`, which is not called
        help: call it: `upper()`
    no_file: H0206 45:20 there is no file `nosuch`
        help: relative paths begin at the folder that holds the inventory's, at the inventory's, and at `files` in each
    no_template: H0206 46:24 there is no file `nosuch.j2`
        help: relative paths begin at the folder that holds the inventory's, at the inventory's, and at `files` in each
    bad_regex: H0206 47:22 the regular expression cannot be read
    bad_json: H0206 48:21 the text is no JSON: wrong at its line 1, column 1
    bad_yaml: H0206 49:24 the text is no YAML: wrong at its line 1, column 4
    needs_required: H0201 51:20 set it
    required: H0201 51:20 set it
    must: H0206 52:18 tell me
    vaulted: H0207 53:10 this vault text is damaged: it is incomplete, or holds something else than hexadecimal digits
        help: encrypt it again, or copy it again with all of its lines
    ");
    insta::assert_snapshot!(variables.get("matrix_domian").unwrap_err().help.unwrap(), @"did you mean `matrix_domain`?");
}
