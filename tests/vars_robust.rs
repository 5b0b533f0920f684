//! No text makes the evaluation panic, overflow the stack, or never end.

use homestead::diagnostic::Span;
use homestead::inventory::layers::{Layer, LayerKind, Variable};
use homestead::inventory::node::{Node, Value as Written};
use homestead::vars::{Context, Evaluated, Variables};
use proptest::prelude::*;
use serde_json::json;

fn variables(entries: &[(String, String)]) -> Variables {
    let span = Span::new("vars.yml", 1, 1);
    let variables = entries
        .iter()
        .map(|(name, text)| Variable {
            name: name.clone(),
            name_span: span.clone(),
            value: Node::new(Written::Text(text.clone()), span.clone()),
        })
        .collect();
    let mut context = Context::new("matrix.example.com");
    context.allow_commands = false;
    // Nothing can be written there.
    context.base_directory = "/dev/null/nowhere".into();
    Variables::new(vec![Layer { kind: LayerKind::HostVars, name: "vars.yml".to_owned(), variables }], context)
}

fn evaluate(text: &str) -> Result<Evaluated, homestead::diagnostic::Diagnostic> {
    variables(&[
        ("x".to_owned(), text.to_owned()),
        ("list".to_owned(), "{{ [3, 1, 2] }}".to_owned()),
        ("map".to_owned(), "{{ {'a': 1} }}".to_owned()),
    ])
    .get("x")
}

/// Pieces of expressions, so that random ones get further than the first character.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{{-",
    "-%}",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "|",
    "~",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "==",
    "!=",
    "<",
    ">=",
    "=",
    "'a'",
    "\"b\"",
    "'%s'",
    "'é☃'",
    "1",
    "0",
    "-1",
    "99999999999999999999999999999999",
    "1e300",
    "1.5",
    "x",
    "list",
    "map",
    "nope",
    "true",
    "none",
    " if ",
    " else ",
    " for ",
    " in ",
    " is ",
    " not ",
    " and ",
    " or ",
    " set ",
    "endif",
    "endfor",
    "endset",
    " macro m(a) ",
    "endmacro",
    " raw ",
    "endraw",
    "default",
    "int",
    "float",
    "round",
    "join",
    "map('upper')",
    "select",
    "regex_replace('(.)', '\\1')",
    "to_json",
    "from_json",
    "from_yaml",
    "to_nice_yaml",
    "indent(2)",
    "truncate(3)",
    "wordwrap(2)",
    "batch(2)",
    "slice(2)",
    "combine(map)",
    "dict2items",
    "split",
    "length",
    "first",
    "sort",
    "unique",
    "flatten",
    "hash('md5')",
    "b64decode",
    "urlsplit",
    "strftime",
    "to_datetime",
    "human_readable",
    "random(seed=1)",
    "version('1', '>')",
    "string",
    "defined",
    "range(5)",
    "lookup('items', 1)",
    "dict(a=1)",
    "loop.index",
    ".format(1)",
    ".split()",
    ".append(1)",
    "[1:]",
    "[::-1]",
    "[::0]",
    "\n",
    " ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        drop(evaluate(&text));
        drop(evaluate(&format!("{{{{ {text} }}}}")));
        drop(evaluate(&format!("{{% {text} %}}")));
    }

    #[test]
    fn any_pieces_are_evaluated_or_refused(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..14), wrap in any::<bool>()) {
        let text = pieces.concat();
        drop(evaluate(&if wrap { format!("{{{{ {text} }}}}") } else { text }));
    }

    #[test]
    fn any_filter_takes_any_value(
        value in prop::sample::select(&["''", "'a b'", "5", "-1.5", "1e308", "none", "true", "[]", "[1, 'a', none]", "{}", "{'a': [1]}", "nope", "range(3)", "(1, 2)", "omit"][..]),
        filter in prop::sample::select(FILTERS),
        arguments in prop::sample::select(&["", "('a')", "(-1)", "(99999999999)", "(none)", "([])", "({})", "('(', 'x')", "(1, 2, 3)", "(x=1)", "('%Y-%m')"][..]),
    ) {
        drop(evaluate(&format!("{{{{ {value} | {filter}{arguments} }}}}")));
        drop(evaluate(&format!("{{{{ {value} is {filter}{arguments} }}}}")));
        drop(evaluate(&format!("{{{{ {value}.{filter}{arguments} }}}}")));
        drop(evaluate(&format!("{{{{ lookup('{filter}', {value}) }}}}")));
    }
}

const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "b64decode",
    "b64encode",
    "batch",
    "bool",
    "capitalize",
    "center",
    "checksum",
    "combinations",
    "combine",
    "comment",
    "commonpath",
    "count",
    "default",
    "dict2items",
    "dictsort",
    "difference",
    "dirname",
    "escape",
    "expandtabs",
    "expanduser",
    "expandvars",
    "extract",
    "fileglob",
    "filesizeformat",
    "first",
    "flatten",
    "float",
    "format",
    "from_json",
    "from_yaml",
    "from_yaml_all",
    "groupby",
    "hash",
    "human_readable",
    "human_to_bytes",
    "indent",
    "int",
    "intersect",
    "ipaddr",
    "items2dict",
    "join",
    "last",
    "length",
    "list",
    "ljust",
    "log",
    "lower",
    "mandatory",
    "map",
    "max",
    "min",
    "normpath",
    "path_join",
    "permutations",
    "pow",
    "product",
    "quote",
    "random",
    "reject",
    "rejectattr",
    "rekey_on_member",
    "relpath",
    "replace",
    "reverse",
    "root",
    "round",
    "rsplit",
    "select",
    "selectattr",
    "sequence",
    "shuffle",
    "slice",
    "sort",
    "split",
    "splitext",
    "splitlines",
    "startswith",
    "strftime",
    "string",
    "strip",
    "subelements",
    "sum",
    "symmetric_difference",
    "ternary",
    "title",
    "to_datetime",
    "to_json",
    "to_nice_json",
    "to_nice_yaml",
    "to_uuid",
    "to_yaml",
    "trim",
    "truncate",
    "type_debug",
    "union",
    "unique",
    "upper",
    "urlencode",
    "urlsplit",
    "version",
    "wordcount",
    "wordwrap",
    "zfill",
    "zip",
    "zip_longest",
    "csvfile",
    "dict",
    "env",
    "file",
    "first_found",
    "ini",
    "items",
    "nested",
    "password",
    "random_string",
    "template",
    "together",
    "varnames",
    "vars",
    "match",
    "search",
    "subset",
    "divisibleby",
    "even",
    "in",
    "contains",
    "url",
    "get",
    "keys",
    "pop",
    "update",
    "append",
    "index",
    "sort",
    "find",
    "count",
];

#[test]
fn a_long_chain_of_variables_is_no_problem() {
    let mut entries: Vec<(String, String)> = (0..300).map(|at| (format!("v{at}"), format!("{{{{ v{} ~ '' }}}}", at + 1))).collect();
    entries.push(("v300".to_owned(), "end".to_owned()));
    assert_eq!(variables(&entries).get("v0").unwrap().value, json!("end"));
}

#[test]
fn a_chain_without_end_is_refused() {
    let mut entries: Vec<(String, String)> = (0..2000).map(|at| (format!("v{at}"), format!("{{{{ [v{}] }}}}", at + 1))).collect();
    entries.push(("v2000".to_owned(), "end".to_owned()));
    assert!(variables(&entries).get("v0").is_err());
}

#[test]
fn a_sum_of_a_thousand_lists_is_read() {
    let text = format!("{{{{ [0] {} }}}}", "+ ([1] if x is undefined else []) ".repeat(1000));
    assert_eq!(evaluate(&text).unwrap_err().code, "H0204");
    let text = format!("{{{{ [0] {} }}}}", "+ ([1] if nope is undefined else []) ".repeat(1000));
    assert_eq!(evaluate(&text).unwrap().value.as_array().unwrap().len(), 1001);
}

#[test]
fn deep_brackets_are_refused_and_not_followed() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{'a': ", "}"), ("not ", ""), ("-", ""), ("1 if ", ""), ("nope.a(", ")"), ("x|default(", ")")]
    {
        let text = format!("{{{{ {}1{} }}}}", open.repeat(5000), close.repeat(5000));
        assert!(evaluate(&text).is_err(), "{open}");
    }
    assert!(evaluate(&format!("{}x{}", "{% if true %}".repeat(5000), "{% endif %}".repeat(5000))).is_err());
    assert!(evaluate(&format!("{{{{ x{} }}}}", ".a".repeat(5000))).is_err());
    assert!(evaluate(&format!("{{{{ 1{} }}}}", "|abs".repeat(5000))).is_err());
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    for text in [
        "{{ 'a' * 99999999999 }}",
        "{{ [1] * 99999999999 }}",
        "{{ range(99999999999) | list }}",
        "{{ 9 ** 99999 }}",
        "{{ '%99999999d' % 1 }}",
        "{{ '{:99999999}'.format(1) }}",
        "{{ range(2000) | product(range(2000)) | list }}",
        "{{ range(30) | permutations | list }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l | to_json }}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l | to_yaml }}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l | flatten }}",
        "{% set l = [] %}{% set k = [] %}{% set _ = l.append(l) %}{% set _ = k.append(k) %}{{ l == k }}",
        "{% set l = {} %}{% set _ = l.update({'a': l}) %}{{ l | combine({'b': 1}) }}",
        "{{ 'x'.center(999999999) }}",
        "{% macro f(x) %}{{ f(1) }}{{ f(2) }}{% endmacro %}{{ f(1) }}",
        "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
        "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | to_json }}",
        "{% for i in range(1000) %}{{ 'a' * 9999999 }}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' | password_hash('sha512', 'salt', rounds=999999999) }}",
        "{{ 'x' | password_hash('blowfish', 'abcdefghijklmnopqrstuu', rounds=31) }}",
        "{{ lookup('sequence', 'end=99999999999') }}",
        "{{ lookup('pipe', 'true') }}",
    ] {
        assert!(evaluate(text).is_err(), "{text}");
    }
}

#[test]
fn threads_share_variables() {
    let variables = variables(&[
        ("a".to_owned(), "{{ b ~ c }}".to_owned()),
        ("b".to_owned(), "{{ c }}".to_owned()),
        ("c".to_owned(), "{{ 'x' }}".to_owned()),
    ]);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let variables = variables.clone();
            std::thread::spawn(move || variables.get("a").unwrap().value)
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), json!("xx"));
    }
    assert_eq!(variables.get("a").unwrap().depends_on, ["b", "c"]);
}
