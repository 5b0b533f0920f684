#!/usr/bin/env python3
"""Ask Ansible what it makes of `expressions.yml`; write `expected.json`.

Run with the Python that ansible-core 2.19 is installed in. A value is `{"value": ...}`, a refusal
`{"error": ...}`. Types that JSON does not have are written as text.
"""
import json, os, sys

os.environ['ANSIBLE_DEPRECATION_WARNINGS'] = '0'
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecretsContext
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.utils.display import Display

Display().warning = Display().deprecated = lambda *a, **k: None
init_plugin_loader()
folder = os.path.dirname(os.path.abspath(__file__))
VaultSecretsContext.initialize(VaultSecretsContext(secrets=[]))
loader = DataLoader()
variables = loader.load_from_file(os.path.join(folder, sys.argv[1] if len(sys.argv) > 1 else 'expressions.yml'), trusted_as_template=True)
names = list(variables)
loader.set_basedir(folder)
variables['inventory_hostname'] = 'matrix.example.com'
variables['hostvars'] = {}
variables['vars'] = variables
templar = Templar(loader, variables=variables)
out = {}
for name in names:
    try:
        out[name] = {'value': json.loads(json.dumps(templar.template(variables[name]), default=str))}
    except Exception as error:
        out[name] = {'error': f'{type(error).__name__}: {error}'.splitlines()[0][:160]}
json.dump(out, sys.stdout, indent=1, ensure_ascii=False)
print()
