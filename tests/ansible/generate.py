#!/usr/bin/env python3
"""Write an inventory of random expressions: `generate.py SEED COUNT`. The same seed, the same inventory.

Left out is what cannot be equal: the order of sets of texts, which changes with each run of Python, and
paths from the current folder.
"""
import json, random, sys

R = random.Random(int(sys.argv[1]))
COUNT = int(sys.argv[2])
C = R.choice

VARIABLES = {
    'domain': 'example.com', 'text': 'The quick  brown fox', 'numbers': [3, 1, 2, 3, -1], 'words': ['pear', 'Apple', 'fig', 'apple'],
    'services': {'web': {'port': 80, 'tls': False}, 'api': {'port': 8080, 'tls': True}},
    'users': [{'name': 'alice', 'admin': True, 'groups': ['a', 'b'], 'age': 30}, {'name': 'bob', 'admin': False, 'groups': [], 'age': 25}, {'name': 'Carol', 'groups': ['b'], 'age': 30}],
}
VALUES = """'abc' | '' | 'Hello World foo' | 'a,b,,c' | '1.5' | '42' | 'yes' | ' pad ' | domain | '/a/b.tar.gz' | 'x=1;y=2' | 'é☃' | "it's" | text | 0 | 1 | 7 | -3 | 1000 | 1.5 | -0.5 | 2.0 | 1e20 |
true | false | none | [] | [1, 2, 3] | ['b', 'a', 'C'] | [3, 1, 2, 1] | [1, 'a', none, true] | [[1, 2], [3]] | words | numbers | {} | {'a': 1, 'b': 2} | {'b': {'c': [1]}, 'a': 'x'} | services | users |
[{'a': 1}, {'a': 2, 'b': 3}] | nope""".replace('\n', ' ').split(' | ')
FILTERS = """string lower upper title capitalize trim trim(' a') replace('a','b') split(',') split truncate(5) truncate(8,true) indent(2) center(9) wordwrap(6) wordcount reverse list length first last join(',')
int float bool abs round round(1) sum min max sort sort(true) unique flatten dict2items dictsort to_json to_nice_json to_yaml to_nice_yaml from_json from_yaml b64encode hash('sha256') to_uuid urlencode quote escape
basename dirname splitext regex_replace('[aeiou]','<\\g<0>>') regex_search('[a-z]+') regex_findall('\\w+') regex_escape default('d') default('d',true) ternary('y','n') ternary('y','n','z') combine({'a':9})
combine({'b':{'d':1}},recursive=true) zip(['p','q']) product([1,2]) batch(2) slice(2) map('string') map('upper') map('length') map(attribute='a') map(attribute='name',default='-') select reject select('string')
select('defined') reject('none') selectattr('a') selectattr('a','equalto',1) rejectattr('admin','defined') groupby('age') map('first') type_debug filesizeformat human_readable comment normpath random(seed='s') shuffle(seed='s')
mandatory count d('e') checksum""".split()
TESTS = "defined undefined none string number integer float boolean mapping sequence iterable true false even odd lower upper truthy falsy eq(1) gt(0) match('a') search('b') divisibleby(2) contains(1) any all sameas(none) version('1.0','>') url".split()
OPERATORS = '+ - * / // ~ == != < > <= in and or'.split() + ['not in']
METHODS = ['upper()', 'strip()', "split(',')", "startswith('a')", "replace('a','z')", 'title()', 'zfill(5)', "find('b')", 'keys() | list', 'items() | list', "get('a')", "get('zz', 'def')", 'splitlines()', "partition('b')"]
FORMATS = ['%s', '%5s|', '%-5s|', '%05d', '%+d', '%x', '%e', '%.2f', '%8.3f|', '%g', '%r', '%d%%']
LAYOUTS = ['{}', '{:5}|', '{:<5}|', '{:^7}|', '{:*^7}', '{:05}', '{:+}', '{:x}', '{:#x}', '{:e}', '{:.2f}', '{:g}', '{:,}', '{!r}', '{:.1%}', '{:d}', '{:s}']
PATTERNS = ['a', 'a+', '(a)(b)?', '[a-c]+', '\\d+', '\\w+', '^a', 'b$', 'a|b', '(?P<n>\\w)', 'x*', '[^a]', 'a.c', '(?i)A', '\\bfoo\\b', '(?:ab)+', '(.*)', '[.]', '(?=b)', '(?<!a)b', '([a-z]+)@([a-z.]+)', '[]a]', '(a)\\1']
TEXTS = ["'abc'", "'aab abb'", "''", "'foo bar foo'", "'a.b-c_d'", "'A1b2'", "'user@host.example'", "'x,y,x'", "'ééa'"]
VERSIONS = ['1', '1.0', '1.2.3', 'v1.2', '1.10', '2.0.0', '1.2.3-rc1', '2024.01.02', '8.0.36']


def expression(depth=0):
    kind = R.random()
    if depth > 2 or kind < .3:
        return C(VALUES)
    if kind < .65:
        return f'{expression(depth + 1)} | {C(FILTERS)}'
    if kind < .75:
        return f'({expression(depth + 1)}).{C(METHODS)}'
    if kind < .87:
        return f'({expression(depth + 1)} {C(OPERATORS)} {expression(depth + 1)})'
    if kind < .92:
        return f'({expression(depth + 1)} if {expression(depth + 1)} else {expression(depth + 1)})'
    return f'({expression(depth + 1)} is {C(TESTS)})'


def block(depth=0):
    space = lambda: C(['', ' ', '\n', '  ', '\n\n', ' \n ', '\n  ', 'x', 'x\n', '\nx'])
    left, right = C(['', '-', '', '+']), C(['', '-', '', '+'])
    kind = R.random()
    if depth > 2 or kind < .3:
        return '{{' + C(['', '-']) + C([' 1 ', ' "a" ']) + C(['', '-']) + '}}'
    if kind < .4:
        return '{#' + C(['', '-']) + ' c ' + C(['', '-', '+']) + '#}'
    inner = space() + block(depth + 1) + space()
    if kind < .65:
        return '{%' + left + ' if ' + C(['true', 'false', '1 > 0']) + ' ' + right + '%}' + inner + '{%' + C(['', '-']) + ' endif ' + C(['', '-']) + '%}'
    if kind < .9:
        return '{%' + left + ' for i in [1, 2] ' + right + '%}{{ i }}' + inner + '{%' + C(['', '-']) + ' endfor ' + C(['', '-']) + '%}'
    return '{%' + C(['', '-']) + ' raw ' + C(['', '-']) + '%}' + space() + '{{ z }}' + space() + '{%' + C(['', '-']) + ' endraw ' + C(['', '-']) + '%}'


def template():
    kind = R.random()
    if kind < .35:
        return '{{ ' + expression() + ' }}'
    if kind < .5:
        return 'x{{ ' + expression() + ' }}y'
    if kind < .56:
        return '{% for i in ' + expression(1) + ' %}{{ loop.index }}{{ i }},{% endfor %}'
    if kind < .6:
        return '{% set q = ' + expression(1) + ' %}{{ q }}|{{ q | default("n") }}'
    if kind < .75:
        return ''.join(block() + C(['', ' ', '\n', 'x']) for _ in range(R.randint(1, 3)))
    if kind < .82:
        return "{{ '" + C(FORMATS) + "' % " + C(['0', '1', '-1', '255', '1.5', '3.14159', '1e10', "'a'", '123456.789']) + ' }}'
    if kind < .89:
        return "{{ '" + C(LAYOUTS) + "'.format(" + C(['0', '-1', '255', '1000000', '1.5', '1e10', "'a'", '123456.789']) + ') }}'
    if kind < .97:
        call = C(["regex_replace('%s', '_')", "regex_replace('%s', '[\\g<0>]')", "regex_search('%s')", "regex_findall('%s')", "regex_search('%s', multiline=true)"]) % C(PATTERNS)
        return '{{ ' + C(TEXTS) + ' | ' + call + ' }}'
    return "{{ '" + C(VERSIONS) + "' is version('" + C(VERSIONS) + "', '" + C(['<', '>', '==', '>=']) + "') }}"


variables = VARIABLES | {f'g{number}': template() for number in range(COUNT)}
print(json.dumps(variables, indent=1, ensure_ascii=False))
