"""An action of Ansible that evaluates variables and writes what it got: see `ask_inventory.py`."""
import json
import os

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        from ansible.template import trust_as_template

        out = {}
        for name in self._task.args['names']:
            try:
                value = self._templar.template(trust_as_template('{{ ' + name + ' }}'))
                out[name] = {'value': json.loads(json.dumps(value, default=str))}
            except Exception as error:
                out[name] = {'error': f'{type(error).__name__}: {error}'.splitlines()[0][:160]}
        with open(os.path.join(self._task.args['folder'], task_vars['inventory_hostname'] + '.json'), 'w') as file:
            json.dump(out, file)
        return {'changed': False}
