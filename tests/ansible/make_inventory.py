#!/usr/bin/env python3
"""Write an inventory: `make_inventory.py FOLDER SEED COUNT`. The same seed, the same inventory, but for the salts of vaults.

It holds two hosts files (INI and YAML), a variable for every pair of places that can set one, typed values, vault
values under several ids, what a host sees of others, magic variables, the expressions of `expressions.yml`, and COUNT
random ones. Run with the Python that ansible-core is installed in: it encrypts.
"""
import itertools, json, os, re, shutil, subprocess, sys

from ansible.parsing.vault import VaultLib, VaultSecret

FOLDER, SEED, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORDS = {'dev': 'test-only-dev', 'prod': 'test-only-prod'}


def write(name, text):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)


def encrypt(text, vault_id=None):
    secrets = [(vault_id or 'dev', VaultSecret(PASSWORDS[vault_id or 'dev'].encode()))]
    return VaultLib(secrets).encrypt(text.encode(), vault_id=vault_id).decode()


def inline(text, vault_id=None):
    return '!vault |\n' + ''.join(f'  {line}\n' for line in encrypt(text, vault_id).splitlines())


# Places that can set a variable, in the order in which Ansible documents them; the order of the ones that are groups of
# one depth is that of their priorities and names. The test asks Ansible for the winner of each pair.
PLACES = [
    'ini_all', 'ini_site', 'ini_frontends', 'ini_matrix_servers', 'ini_edge', 'yaml_all', 'yaml_matrix_servers', 'file_all_a', 'file_all_b',
    'file_site', 'file_frontends', 'file_matrix_servers', 'file_edge', 'file_strong', 'file_ungrouped', 'more_all', 'more_matrix_servers',
    'ini_host', 'yaml_host', 'file_host_a', 'file_host_b', 'file_host_nested', 'more_host', 'extra_pairs', 'extra_json', 'extra_file',
]
settings = {place: {} for place in PLACES}
for first, second in itertools.combinations(PLACES, 2):
    name = f'order_{first}__{second}'
    settings[first][name], settings[second][name] = first, second
# Mappings replace each other; they are not merged.
for place in ('ini_matrix_servers', 'file_site', 'file_host_a'):
    settings[place]['order_mapping'] = {'from': place, place: 1}


def ini(place):
    return '\n'.join(f'{name}={value!r}' for name, value in settings[place].items())


def yaml(place, more=''):
    return '---\n' + ''.join(f'{name}: {json.dumps(value)}\n' for name, value in settings[place].items()) + more


TYPED_INI = """ini_int=80 ini_float=1.5 ini_true=True ini_lower=true ini_none=None ini_list="['a', 1, None]" ini_map="{'a': [1, 2.0]}" ini_quoted="'80'"
ini_octal=0644 ini_hex=0x1f ini_text=plain ini_big=123456789012345678 ini_long=123456789012345678901234567890 ini_tuple='(1, "a")' ini_expression='{{ ini_int + 1 }}'
ini_jinja="{{ {'a': ini_int} }}" ini_equals=a=b ini_hash='a#b' ini_unicode=é""".split('\n')

write('inventory/hosts', f"""# Comment
lonely.example.com order=lonely

[matrix_servers]
matrix.example.com ansible_host=192.0.2.1 ansible_port=2222 {' '.join(TYPED_INI)} {' '.join(ini('ini_host').split())}
web[01:02].example.com ansible_host=192.0.2.10  # a comment
"quoted.example.com" note="two words"

[edge]
matrix.example.com

[strong]
matrix.example.com

[strong:vars]
ansible_group_priority=10

[databases]
db.example.com:5433 db_role=primary

[frontends:children]
matrix_servers
edge
strong

[site:children]
frontends
databases

[all:vars]
{ini('ini_all')}
typed_line = 42
typed_text = "42"
typed_list = [1, 'two']
typed_comment = value # not a comment

[site:vars]
{ini('ini_site')}

[frontends:vars]
{ini('ini_frontends')}

[matrix_servers:vars]
{ini('ini_matrix_servers')}

[edge:vars]
{ini('ini_edge')}
""")


def indented(text, width):
    return ''.join(' ' * width + line + '\n' for line in text.splitlines() if line != '---')


write('more/hosts.yml', f"""---
all:
  vars:
{indented(yaml('yaml_all'), 4)}
  children:
    matrix_servers:
      hosts:
        matrix.example.com:
{indented(yaml('yaml_host'), 10)}
        late.example.com:
          order: late
      vars:
{indented(yaml('yaml_matrix_servers'), 8)}
    other:
      children:
        nested:
          hosts:
            nested[1:3].example.com: {{}}
""")
write('inventory/group_vars/all/a.yml', yaml('file_all_a', """
shared_domain: example.com
seen_by_all: "{{ inventory_hostname }} of {{ shared_domain }}"
everybody: "{{ groups['all'] | sort | map('extract', hostvars, 'own_name') | list }}"
own_name: "{{ inventory_hostname_short | upper }}"
"""))
write('inventory/group_vars/all/b.yaml', yaml('file_all_b'))
write('inventory/group_vars/all/ignored.txt', 'this is: [not yaml\n')
write('inventory/group_vars/all/.hidden.yml', 'hidden: true\n')
write('inventory/group_vars/site.yml', yaml('file_site'))
write('inventory/group_vars/frontends', yaml('file_frontends'))
write('inventory/group_vars/matrix_servers.json', json.dumps(settings['file_matrix_servers']))
write('inventory/group_vars/edge/main.yml', yaml('file_edge'))
write('inventory/group_vars/strong.yml', yaml('file_strong'))
write('inventory/group_vars/ungrouped.yml', yaml('file_ungrouped'))
write('inventory/group_vars/databases.yml', encrypt('db_password: test-only-database\ndb_port: 5433\ndb_flag: true\n'))
write('more/group_vars/all.yml', yaml('more_all'))
write('more/group_vars/matrix_servers.yml', yaml('more_matrix_servers'))
write('more/host_vars/matrix.example.com', yaml('more_host'))
write('inventory/host_vars/db.example.com.yml', """---
db_address: "{{ ansible_host | default(inventory_hostname) }}:{{ db_port }}"
db_list: ["{{ db_role }}", "{{ inventory_hostname_short }}"]
back: "{{ hostvars['matrix.example.com'].order_ini_all__ini_site }}"
circle: "{{ hostvars['matrix.example.com'].h_circle }}"
broken: "{{ nope }}"
""")
write('inventory/host_vars/matrix.example.com/a.yml', yaml('file_host_a'))
write('inventory/host_vars/matrix.example.com/nested/deep.yml', yaml('file_host_nested'))
write('inventory/host_vars/matrix.example.com/b.yml', yaml('file_host_b', f"""
v_plain: {inline('test-only-secret')}
v_dev: {inline('test-only-of-dev', 'dev')}
v_prod: {inline('test-only-of-prod', 'prod')}
v_template: {inline("{{ shared_domain }} test-only")}
v_number: {inline('12345')}
v_list: [1, "{{{{ v_plain }}}}"]
v_length: "{{{{ v_plain | length }}}}"
v_upper: "{{{{ v_plain | upper }}}}"
v_joined: "a {{{{ v_dev }}}} b"
v_hash: "{{{{ v_plain | hash('sha256') }}}}"
v_of_file: "{{{{ hostvars['db.example.com'].db_password }}}}"
v_unsafe: !unsafe "{{{{ nope }}}} {{% raw %}}"
v_unsafe_list: !unsafe ["{{{{ nope }}}}", 5, {{a: "{{{{ x }}}}"}}]
v_unsafe_used: "{{{{ v_unsafe }}}}|{{{{ v_unsafe | length }}}}"
"""))
write('inventory/host_vars/matrix.example.com/vault.yml', encrypt("""---
file_secret: test-only-whole-file
file_number: 7
file_list: [a, "{{ shared_domain }}"]
file_yes: yes
""", 'prod'))
write('inventory/host_vars/matrix.example.com/hosts.yml', """---
h_other: "{{ hostvars['db.example.com'].db_address }}"
h_item: "{{ hostvars['db.example.com']['db_list'] }}"
h_typed: "{{ hostvars['db.example.com'].db_port }}"
h_bool: "{{ hostvars['db.example.com']['db_flag'] }}"
h_own: "{{ hostvars[inventory_hostname].own_name }}"
h_seen: "{{ hostvars['web02.example.com'].seen_by_all }}"
h_missing_host: "{{ hostvars['nobody'].x | default('none') }}"
h_missing_error: "{{ hostvars['nobody'].x }}"
h_missing_variable: "{{ hostvars['db.example.com'].nope | default('n') }}"
h_missing_variable_error: "{{ hostvars['db.example.com'].nope }}"
h_broken: "{{ hostvars['db.example.com'].broken }}"
h_broken_default: "{{ hostvars['db.example.com'].broken | default('d') }}"
h_circle: "{{ hostvars['db.example.com'].circle }}"
h_back: "{{ hostvars['db.example.com'].back }}"
h_in: "{{ 'db.example.com' in hostvars }} {{ 'nobody' in hostvars }} {{ hostvars['db.example.com'] is defined }} {{ hostvars['nobody'] is defined }}"
h_inside: "{{ 'db_role' in hostvars['db.example.com'] }} {{ 'nope' in hostvars['db.example.com'] }}"
h_names: "{{ hostvars.keys() | sort }}"
h_length: "{{ hostvars | length }}"
h_loop: "{% for host in groups['databases'] %}{{ host }}={{ hostvars[host].db_role }};{% endfor %}"
h_loop_all: "{% for host in hostvars | sort %}{{ hostvars[host].inventory_hostname_short }} {% endfor %}"
h_extract: "{{ groups['matrix_servers'] | map('extract', hostvars, 'own_name') | list }}"
h_extract_deep: "{{ ['db.example.com'] | map('extract', hostvars, ['db_list', 0]) | first }}"
h_get: "{{ hostvars['db.example.com'].get('db_role', 'x') }} {{ hostvars['db.example.com'].get('nope', 'x') }}"
h_groups: "{{ hostvars['db.example.com'].group_names }} {{ hostvars['nested1.example.com'].group_names }}"
h_line: "{{ hostvars['lonely.example.com'].order }} {{ hostvars['late.example.com'].order }}"
h_map_of: "{{ dict(groups['databases'] | zip(groups['databases'] | map('extract', hostvars, 'db_port'))) }}"
h_select: "{{ hostvars.values() | selectattr('db_role', 'defined') | map(attribute='inventory_hostname') | list }}"
h_port: "{{ hostvars['db.example.com'].ansible_port }}"
h_vars: "{{ hostvars['db.example.com']['inventory_hostname'] }} {{ hostvars['db.example.com'].inventory_file | basename }}"
# The order of hosts that come from several child groups changes with each run of Python.
m_groups: "{{ groups['matrix_servers'] }} {{ groups.databases }} {{ groups['ungrouped'] }} {{ groups['edge'] }}"
m_groups_sorted: "{% for name in groups | sort %}{{ name }}={{ groups[name] | sort }};{% endfor %}"
m_group_keys: "{{ groups | list | sort }}"
m_group_names: "{{ group_names }}"
m_member: "{{ 'matrix_servers' in group_names }} {{ inventory_hostname in groups['databases'] }} {{ inventory_hostname in groups.matrix_servers }}"
m_short: "{{ inventory_hostname_short }}"
m_host: "{{ inventory_hostname }}"
m_dir: "{{ inventory_dir }}"
m_file: "{{ inventory_file }}"
m_late: "{{ hostvars['late.example.com'].inventory_dir }} {{ hostvars['late.example.com'].inventory_file }}"
m_playbook: "{{ playbook_dir }}"
m_play_hosts: "{{ ansible_play_hosts }} {{ ansible_play_hosts_all }} {{ ansible_play_batch }}"
m_check: "{{ ansible_check_mode }} {{ ansible_diff_mode }} {{ ansible_verbosity }}"
m_tags: "{{ ansible_run_tags }} {{ ansible_skip_tags }}"
m_limit: "{{ ansible_limit | default('no limit') }}"
m_sources: "{{ ansible_inventory_sources }}"
m_version: "{{ ansible_version.major }}.{{ ansible_version.minor }} {{ ansible_version.full is version('2.19', '>=') }} {{ ansible_version.string == ansible_version.full }}"
m_index: "{{ groups['matrix_servers'].index(inventory_hostname) }} {{ groups['matrix_servers'] | first }} {{ ansible_play_hosts | length }}"
m_omit_list: ["a", "{{ omit }}", "b"]
m_omit_map: {a: 1, b: "{{ omit }}"}
m_omit_default: {a: "{{ nope | default(omit) }}", b: "{{ shared_domain | default(omit) }}"}
m_omit: "{{ omit }}"
m_host_port: "{{ ansible_host }}:{{ ansible_port }}"
m_vars: "{{ vars['shared_domain'] }} {{ vars.own_name }} {{ vars['v_list'] }}"
m_lookup: "{{ lookup('vars', 'shared_domain') }} {{ query('inventory_hostnames', 'databases') }} {{ lookup('file', 'note.txt') }} {{ lookup('file', inventory_dir ~ '/../note.txt') }}"
e_types: "{{ [x_int, x_flag, x_float, x_quoted, x_space] }}"
e_json: "{{ [y_int, y_flag, y_list, y_text] }}"
e_file: "{{ [z_int, z_flag, z_text] }}"
e_joined: "{{ x_int ~ y_int }} {{ x_int | int + y_int }} {{ x_expression }} {{ x_escape }}"
n_big: "{{ 12345678901234567890 * 10 ** 9 }} {{ 2 ** 100 }} {{ 2 ** 64 // 3 }} {{ 12345678901234567890123456789 % 97 }}"
n_big_text: "{{ 12345678901234567890123456789 | string }} {{ '12345678901234567890123456789' | int + 1 }}"
n_big_written: 12345678901234567890
n_big_plus: "a{{ n_long + 1 }}"
n_long_text: "{{ n_long }}!"
n_json: "{{ '{\\"a\\": 123456789012345678901234567890}' | from_json | to_json }} {{ n_long | to_json }} {{ [n_long] | to_yaml }}"
n_compare: "{{ n_long > 10 ** 28 }} {{ n_long == 123456789012345678901234567890 }} {{ n_long | type_debug }} {{ 1e29 | int }}"
n_long_line: "{{ ini_long | string }} {{ ini_long + 1 == 123456789012345678901234567891 }}"
n_long_type: "{{ n_long | string | type_debug }}"
""")
write('inventory/host_vars/matrix.example.com/long.yml', 'n_long: 123456789012345678901234567890\n')
write('inventory/note.txt', 'a note beside the hosts\n')
write('note.txt', 'a note beside the playbook\n')
write('extra.yml', yaml('extra_file', 'z_int: 5\nz_flag: yes\nz_text: "{{ shared_domain }}"\n'))
pairs = ' '.join(f'{name}={value}' for name, value in settings['extra_pairs'].items())
extra = [
    pairs + " x_int=5 x_flag=true x_float=1.5 x_quoted='5' x_space='two words' x_expression='{{ shared_domain }}' x_escape=a\\\\tb",
    json.dumps(settings['extra_json'] | {'y_int': 5, 'y_flag': True, 'y_list': [1, '{{ shared_domain }}'], 'y_text': '5'}),
    '@extra.yml',
]
names = ['shared_domain', 'seen_by_all', 'everybody', 'own_name', 'order_mapping', 'typed_line', 'typed_text', 'typed_list', 'typed_comment', 'hidden', 'order', 'note', 'ansible_port']
names += sorted({name for place in settings.values() for name in place if name.startswith('order_')} - {'order_mapping'})
names += re.findall(r'(ini_\w+)=', ' '.join(TYPED_INI))
for path in ('b.yml', 'hosts.yml', 'long.yml'):
    with open(os.path.join(FOLDER, 'inventory/host_vars/matrix.example.com', path)) as file:
        names += [line.split(':')[0] for line in file if line[:1].isalpha() and not line.startswith('order_')]
names += ['file_secret', 'file_number', 'file_list', 'file_yes']
if COUNT:
    # Their own record holds the values of these; here they are met among everything else.
    with open(os.path.join(HERE, 'expressions.yml')) as file:
        text = file.read()
    write('inventory/group_vars/matrix_servers/expressions.yml', text)
    shutil.move(os.path.join(FOLDER, 'inventory/group_vars/matrix_servers.json'), os.path.join(FOLDER, 'inventory/group_vars/matrix_servers/order.json'))
    for name in ('files', 'templates'):
        shutil.copytree(os.path.join(HERE, name), os.path.join(FOLDER, name))
    generated = subprocess.run([sys.executable, os.path.join(HERE, 'generate.py'), SEED, str(COUNT)], check=True, capture_output=True, text=True).stdout
    write('inventory/host_vars/matrix.example.com/generated.yml', generated)
    with open(os.path.join(HERE, 'expected.json')) as file:
        names += [name for name in json.load(file) if name not in json.loads(generated)]
    names += list(json.loads(generated))
for vault_id, password in PASSWORDS.items():
    write(f'vault-{vault_id}', password + '\n')
write('options.json', json.dumps({'inventory': ['inventory/hosts', 'more/hosts.yml'], 'extra': extra, 'vault': {name: f'vault-{name}' for name in PASSWORDS}, 'names': names}, indent=1) + '\n')
