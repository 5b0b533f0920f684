#!/usr/bin/env python3
"""Ask PyYAML for the YAML of some hundred values; write `yaml_text.json`.

Run with the Python that ansible-core 2.19 is installed in: its PyYAML must have its C library, as
Ansible uses that. The values are the same at every run.
"""
import base64, json, math, random, sys

import yaml

WORDS = ['a', 'is', 'the', 'server', "it's", 'key: value', '#1', 'é', 'über', '-', 'x' * 30, 'https://example.com/a?b=c', '{{ x }}', '"q"', 'a,b', '\\']
TEXTS = [
    '', ' ', '  ', '~', 'null', 'Null', 'NULL', 'nULL', 'yes', 'Yes', 'YES', 'yEs', 'no', 'on', 'Off', 'true', 'True', 'TRUE', 'tRUE', 'y', 'n', 'none',
    '0', '00', '08', '0644', '0o17', '0x1F', '0xg', '0b101', '0b', '-1', '+1', '1_000', '_1', '1__', '1:30', '01:30', '1:60', '1:30:00', '1:30.5', '190:20:30.15',
    '1.5', '1.', '.5', '.', '._', '1e3', '1e+3', '1.0e3', '1.0e+3', '1.5E-7', '-.5', '.inf', '-.Inf', '+.INF', '.nan', '.NaN', '-.nan', 'inf', 'nan',
    '2024-01-02', '2024-1-2', '2024-01-02 10:00:00', '2024-1-2t1:02:03', '2024-01-02T10:00:00.5Z', '2024-01-02 10:00:00 +02:00', '2024-01-02 10:00', '10:00',
    '=', '<<', '<', '-', '--', '---', '---a', '- a', '-a', '?', '? a', '?a', ':', ':a', 'a:', 'a: b', 'a:b', 'a :b', '#', '# x', '#x', 'a#', 'a #b', 'a# b',
    '!x', '&x', '*x', '@x', '`x', '%x', '|', '|x', '>', '>x', '"', '"x"', "'", "'x'", "it's", 'say "x"', '[x', 'x]', '[]', '{x', 'x}', '{{ x }}', 'a,b', ', a', 'a, b',
    'a?b', '...', '...a', '.a', '$x', '/a/b', 'C:\\x', 'a\\nb', '192.168.1.1', '::1', '2001:db8::1', '10.0.0.0/8', 'a@b', '1.2.3', 'v1.0', '1.0.0', '12:34:56:78:9a:bc', '5m', '1 2',
    ' leading', 'trailing ', ' both ', 'a  b', 'tab\there', '\t', 'a\nb', 'a\n', '\na', '\n', '\n\n', 'a\n\nb\n\n', 'a\n b', 'a \nb', ' a\nb', 'a\nb ', 'a: b\nc: d\n', '- a\n- b', '# x\ny', 'a\r\nb', '\r',
    'é', 'ü' * 50, '日本語', '😀', 'a 😀 b', '\xa0', '\xad', '\u200b', '\u2028', 'a\u2029b', 'a \u2028b', '\ufeff', '\ufffd', '\ue000', '\x00', '\x07', '\x08', '\x0b', '\x0c', '\x1b[0m', '\x1f', '\x7f', '\x80', '\x85', '\x9f', '"\x01\\',
    'x' * 79, 'x' * 200, 'x' * 78 + ' y', 'x' * 90 + '  y z', 'long word ' * 20, 'a  b ' * 40, "it's: " * 40, 'é ' * 60, 'a\tb ' * 40, '\x07' + '  ' * 90, 'a\n' * 5 + 'long word ' * 15, 'x\ty ' + 'z' * 90 + '   \\ ' + 'w ' * 50,
]
NUMBERS = [None, True, False, 0, -5, 65536, 10**30, 0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 1e20, 1.5e20, 1e-4, 1e-5, -1.5e-7, 1e300, 5e-324, 123456.789, math.inf, -math.inf, math.nan]
STYLES = [{'default_flow_style': None}, {'default_flow_style': False, 'indent': 4}, {'default_flow_style': True}]


def cases(count, seed):
    whole = [
        [], {}, [[]], [{}], {'a': {}}, {'a': []}, [[], [[]], [[[1]]]], {'a': {'b': {'c': [1, [2, [3, {'d': [4], 'e': {'f': {}}}]]]}}}, [[[1, 2], [3]], [[[4]]]],
        [{'a': 1, 'b': [{'c': 1}, {'d': [1]}]}, [{'x': 1, 'y': 2}]], {'a': 1, 'b': ['x', 'y'], 'c': {'d': None}}, {'b': [{'name': 'x', 'when': ['a', 'b'], 'with': {'k': 'v'}}]},
        {'k' * 128: [1, 2], 'l' * 129: 3, 'm' * 200: [1, [2]], 'n' * 200: {'a': {'b': 1}}, 'é' * 64: 1, 'é' * 65: 2}, [{'k' * 130: {'k' * 131: ['x' * 80, 'y']}}],
        {'a\nb': 1, 'a\n c': [2], '': 3, ' ': 4, 'a: b': 5, '\x07': 6, '\r': 7, 'a b ' * 30: 8, '\x07 b ' * 20: 9, "' " * 60: [10]}, {'x ' * 70: 'y ' * 70},
        {(1, 2): 1, (1, (3, 4)): [1], (): {'a': (1, ())}}, [{(1, 2): {'a': 1}}], {3: 'a', 1: 'b', 2.5: 'c', True: 'd'}, {1: 1, 'a': 2, None: [3]}, {None: 1}, {'b': 1, 'B': 2, '_': 3, 'a10': 4, 'a9': 5, 'é': 6},
        {'a' * 76: [1]}, {'a' * 79: {'b': 1}, 'z': []}, ['a' * 76, []], [['a' * 77], 1], ['a' * 78, 1], ['a' * 79, 1], {'a': ['aaaaaaaaaa'] * 12, 'b': {f'key{i}': f'value {i}' for i in range(20)}},
        b'', b'abc', [b'abc' * 40], {'a': {'b': b'\xff' * 57}, 'c': [b'\x00', b'']},
        [[1]] * 2, [{'k': 'v'}] * 2, NUMBERS, {'n': NUMBERS}, TEXTS,
    ]
    for value in whole:
        for style in STYLES:
            yield value, style
    for value in [*TEXTS, *NUMBERS]:
        yield [value, {str(value): value}], {'default_flow_style': False}
    for value in ['', 'a', 'a\nb', 'x ' * 60, None, 1.5, '😀', 'yes', [], [1], {'a': [1]}]:
        yield value, {'default_flow_style': None, 'explicit_start': True, 'explicit_end': True}
        yield value, {'default_flow_style': None}
        yield [value, {1: value}], {'default_flow_style': None, 'default_style': "'"}
        yield {'a': value, True: 'x'}, {'default_flow_style': True, 'default_style': '"'}
    some = whole[7:12] + ['long word ' * 20, ['x ' * 100, {'a': 'y\n' * 3}]]
    for value in some:
        for style in [{'indent': 0}, {'indent': 1}, {'indent': 3}, {'indent': 8}, {'indent': 9}, {'indent': 10}, {'width': 0}, {'width': 4}, {'width': 5}, {'width': 20}, {'width': -1}, {'sort_keys': False}]:
            yield value, {'default_flow_style': False, **style}
    chance = random.Random(seed)
    for _ in range(count):
        style = {'default_flow_style': chance.choice([None, False, True])}
        for name, choices in [('indent', [2, 3, 4, 8]), ('width', [20, 40, 120, -1]), ('sort_keys', [False]), ('default_style', ["'", '"'])]:
            if chance.random() < (0.05 if name == 'default_style' else 0.25):
                style[name] = chance.choice(choices)
        yield any_value(chance, 4), style


def any_text(chance):
    kind = chance.random()
    if kind < 0.4:
        return chance.choice(TEXTS)
    if kind < 0.8:
        return chance.choice([' ', ' ', '  ', '\n', '_']).join(chance.choice(WORDS) for _ in range(chance.choice([1, 2, 3, 12, 40])))
    if kind < 0.9:
        return ''.join(chance.choice(' \n:#-?,[]{}\'"\\\té\u2028\x07😀abc') for _ in range(chance.randrange(1, 40)))
    return ''.join(chance.choice('01789.eE+-_:xbafT Z') for _ in range(chance.randrange(1, 8)))


def any_value(chance, depth):
    kind = chance.random()
    if depth == 0 or kind < 0.25:
        return any_text(chance) if chance.random() < 0.8 else chance.choice(NUMBERS)
    length = chance.choice([0, 1, 2, 3, 5])
    if kind < 0.6:
        return [any_value(chance, depth - 1) for _ in range(length)]
    return {any_text(chance) if chance.random() < 0.3 else chance.choice(WORDS): any_value(chance, depth - 1) for _ in range(length)}


def coded(value):
    """The value as JSON; an object says what JSON has no word for."""
    if isinstance(value, dict):
        return {'map': [[coded(key), coded(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [coded(item) for item in value]
    if isinstance(value, tuple):
        return {'tuple': [coded(item) for item in value]}
    if isinstance(value, bytes):
        return {'bytes': base64.b64encode(value).decode()}
    if isinstance(value, float):
        return {'float': repr(value)}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**62:
        return {'int': str(value)}
    return value


class Dumper(yaml.CSafeDumper):
    """Without `&id001`, which we never write."""

    def ignore_aliases(self, data):
        return True


out = []
count, seed = (int(argument) for argument in (sys.argv[1:] + ['60', '1'][len(sys.argv) - 1:]))
for value, options in cases(count, seed):
    text = yaml.dump(value, Dumper=Dumper, allow_unicode=True, **options)
    out.append({'value': coded(value), 'options': options, 'text': text})
print('[\n' + ',\n'.join(json.dumps(case, ensure_ascii=True) for case in out) + '\n]')
