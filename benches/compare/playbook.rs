//! The state that homestead made of a host, as a playbook for Ansible and a deploy for pyinfra: the same users,
//! folders, files, networks, images and units, written as their users would.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;

use crate::common::Sandbox;

/// The file that changes, its unit, and the setting in it.
const CHANGING: &str = "/matrix/synapse/config/homeserver.yaml";
const CHANGING_UNIT: &str = "matrix-synapse.service";
const SETTING: &str = "  global_factor: ";

/// What a host has.
pub struct Wanted {
    folders: Vec<Entry>,
    files: Vec<(Entry, String)>,
    networks: Vec<String>,
    images: Vec<String>,
    units: Vec<String>,
    account: (String, String),
}

struct Entry {
    path: String,
    mode: String,
    owner: String,
    group: String,
}

impl Wanted {
    /// Reads it from a host that homestead has installed; `rendered` is what `homestead render` says of it.
    pub fn of(sandbox: &Sandbox, rendered: &Json) -> Self {
        let entries = rendered["files"].as_array().unwrap().iter();
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for entry in entries {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let (path, mode, owner, group) = (text("path"), text("mode"), text("owner"), text("group"));
            let made = Entry { path, mode, owner, group };
            if entry["type"] == "directory" {
                folders.push(made);
            } else if sandbox.exec(&format!("test -f '{}'", made.path), b"").status.success() {
                let content = sandbox.script(&format!("cat '{}'", made.path));
                files.push((made, content));
            }
        }
        let lines = |script: &str| sandbox.script(script).lines().map(str::to_owned).collect::<Vec<_>>();
        let used: BTreeSet<String> = lines("docker ps --no-trunc --format '{{.Image}}'").into_iter().collect();
        Self {
            folders,
            files,
            networks: lines("docker network ls --format '{{.Name}}' --filter driver=bridge | grep -v '^bridge$'"),
            images: used.into_iter().collect(),
            units: lines("systemctl list-units --plain --no-legend --state=active 'matrix-*.service' | cut -d ' ' -f 1"),
            account: (lines("id -u matrix").concat(), lines("id -g matrix").concat()),
        }
    }

    fn content(&self, entry: &Entry, content: &str, number: usize) -> String {
        if entry.path != CHANGING {
            return content.to_owned();
        }
        let line = |line: &str| if line.starts_with(SETTING) { format!("{SETTING}{number}") } else { line.to_owned() };
        content.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    fn write_files(&self, folder: &Path, number: usize) {
        std::fs::create_dir_all(folder.join("files")).unwrap();
        for (at, (entry, content)) in self.files.iter().enumerate() {
            std::fs::write(folder.join(format!("files/{at}")), self.content(entry, content, number)).unwrap();
        }
    }

    /// `site.yml` and what it copies.
    pub fn write_ansible(&self, folder: &Path, number: usize) {
        self.write_files(folder, number);
        let item = |entry: &Entry, from: Option<usize>| {
            let from = from.map(|at| format!(", from: 'files/{at}'")).unwrap_or_default();
            let notify = if entry.path == CHANGING { ", notify: true" } else { "" };
            format!(
                "        - {{path: '{}', mode: '{}', owner: '{}', group: '{}'{from}{notify}}}\n",
                entry.path, entry.mode, entry.owner, entry.group
            )
        };
        let folders: String = self.folders.iter().map(|entry| item(entry, None)).collect();
        let others = self.files.iter().enumerate().filter(|(_, (entry, _))| entry.path != CHANGING);
        let files: String = others.map(|(at, (entry, _))| item(entry, Some(at))).collect();
        let changing: String = self
            .files
            .iter()
            .enumerate()
            .filter(|(_, (entry, _))| entry.path == CHANGING)
            .map(|(at, (entry, _))| item(entry, Some(at)))
            .collect();
        let list = |names: &[String]| names.iter().map(|name| format!("        - '{name}'\n")).collect::<String>();
        let (networks, images, units) = (list(&self.networks), list(&self.images), list(&self.units));
        let (uid, gid) = &self.account;
        let playbook = format!(
            "- hosts: all
  gather_facts: true
  tasks:
    - group: {{name: matrix, gid: '{gid}', system: true}}
    - user: {{name: matrix, uid: '{uid}', group: matrix, home: /matrix, create_home: false, system: true}}
    - file: {{path: '{{{{ item.path }}}}', state: directory, mode: '{{{{ item.mode }}}}', owner: '{{{{ item.owner }}}}', group: '{{{{ item.group }}}}'}}
      loop:
{folders}    - copy: {{src: '{{{{ item.from }}}}', dest: '{{{{ item.path }}}}', mode: '{{{{ item.mode }}}}', owner: '{{{{ item.owner }}}}', group: '{{{{ item.group }}}}'}}
      loop:
{files}      register: files
    - copy: {{src: '{{{{ item.from }}}}', dest: '{{{{ item.path }}}}', mode: '{{{{ item.mode }}}}', owner: '{{{{ item.owner }}}}', group: '{{{{ item.group }}}}'}}
      loop:
{changing}      notify: restart
    - shell: docker network inspect '{{{{ item }}}}' >/dev/null 2>&1 || {{ docker network create '{{{{ item }}}}' && echo made; }}
      register: network
      changed_when: \"'made' in network.stdout\"
      loop:
{networks}    - shell: docker image inspect '{{{{ item }}}}' >/dev/null 2>&1 || {{ docker pull '{{{{ item }}}}' && echo made; }}
      register: image
      changed_when: \"'made' in image.stdout\"
      loop:
{images}    - systemd: {{daemon_reload: true}}
      when: files is changed
    - systemd: {{name: '{{{{ item }}}}', state: started, enabled: true}}
      loop:
{units}  handlers:
    - name: restart
      systemd: {{name: {CHANGING_UNIT}, state: restarted}}
"
        );
        std::fs::write(folder.join("site.yml"), playbook).unwrap();
    }

    /// `deploy.py` and what it puts.
    pub fn write_pyinfra(&self, folder: &Path, number: usize) {
        self.write_files(folder, number);
        let (uid, gid) = &self.account;
        let mut deploy = format!(
            "from pyinfra.operations import docker, files, server, systemd\n\
             server.group(group='matrix', gid={gid}, system=True)\n\
             server.user(user='matrix', uid={uid}, group='matrix', home='/matrix', ensure_home=False, system=True)\n"
        );
        for Entry { path, mode, owner, group } in &self.folders {
            deploy.push_str(&format!("files.directory(path={path:?}, mode={mode:?}, user={owner:?}, group={group:?})\n"));
        }
        deploy.push_str("written = []\n");
        for (at, (Entry { path, mode, owner, group }, _)) in self.files.iter().enumerate() {
            let name = if path == CHANGING { "changing = " } else { "" };
            let put = format!("files.put(src='files/{at}', dest={path:?}, mode={mode:?}, user={owner:?}, group={group:?})");
            deploy.push_str(&if name.is_empty() { format!("written.append({put})\n") } else { format!("{name}{put}\n") });
        }
        for network in &self.networks {
            deploy.push_str(&format!("docker.network(network={network:?})\n"));
        }
        for image in &self.images {
            deploy.push_str(&format!("docker.image(image={image:?})\n"));
        }
        deploy.push_str("systemd.daemon_reload(_if=lambda: any(put.did_change() for put in written))\n");
        for unit in &self.units {
            deploy.push_str(&format!("systemd.service(service={unit:?}, running=True, enabled=True)\n"));
        }
        deploy.push_str(&format!("systemd.service(service={CHANGING_UNIT:?}, restarted=True, _if=changing.did_change)\n"));
        std::fs::write(folder.join("deploy.py"), deploy).unwrap();
    }
}
