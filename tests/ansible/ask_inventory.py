#!/usr/bin/env python3
"""Ask Ansible for the variables of an inventory that `make_inventory.py` wrote: `ask_inventory.py FOLDER`.

One run of `ansible-playbook`. Prints host -> variable -> `{"value": ...}` or `{"error": ...}`.
"""
import json, os, subprocess, sys, tempfile

folder = os.path.realpath(sys.argv[1])
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, 'options.json')) as file:
    options = json.load(file)
with tempfile.TemporaryDirectory() as out:
    play = os.path.join(folder, 'play.yml')
    with open(play, 'w') as file:
        json.dump([{'hosts': 'matrix_servers', 'gather_facts': False, 'tasks': [{'dump': {'names': options['names'], 'folder': out}}]}], file)
    command = [os.path.join(os.path.dirname(sys.executable), 'ansible-playbook')]
    for path in options['inventory']:
        command += ['-i', path]
    for extra in options['extra']:
        command += ['-e', extra]
    for vault_id, path in options['vault'].items():
        command += ['--vault-id', f'{vault_id}@{path}']
    environment = os.environ | {
        'ANSIBLE_ACTION_PLUGINS': os.path.join(here, 'action_plugins'),
        'ANSIBLE_LOCAL_TEMP': out,
        'ANSIBLE_HOME': out,
        'ANSIBLE_DEPRECATION_WARNINGS': '0',
        'ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED': '1',
        'PYTHONDONTWRITEBYTECODE': '1',
        'LC_ALL': 'C.UTF-8',
    }
    run = subprocess.run(command + [play], cwd=folder, env=environment, capture_output=True, text=True)
    os.remove(play)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    answers = {}
    for name in sorted(os.listdir(out)):
        if name.endswith('.json'):
            with open(os.path.join(out, name)) as file:
                answers[name.removesuffix('.json')] = json.load(file)
json.dump(answers, sys.stdout, indent=1, ensure_ascii=False)
print()
