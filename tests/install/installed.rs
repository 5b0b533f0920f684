//! A disposable host with the whole server on it, and what its state is.

use std::collections::BTreeMap;

use crate::common::{Homestead, Sandbox, TestInventory, sandbox, wait_for};

/// Service name -> what systemd says about it.
pub type Units = BTreeMap<String, Unit>;

/// A unit's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `active`, `inactive`.
    pub state: String,
    /// `enabled`.
    pub enabled: String,
    /// When it became active last: microseconds since the machine started.
    pub since: u64,
    /// How often systemd restarted it by itself.
    pub restarts: u64,
}

/// A host with the demo's server on it.
pub struct Installed {
    pub sandbox: Sandbox,
    pub inventory: TestInventory,
    pub secrets: Vec<String>,
}

impl Installed {
    /// Starts a host and installs the whole server; nothing where no sandbox can be.
    pub fn start(name: &str) -> Option<Self> {
        let this = Self::bare(name)?;
        let outcome = this.homestead().run(&["install-all"]).exits(0);
        assert!(outcome.stdout.ends_with("Plan: 97 to create, 8 to start.\n"), "{}", outcome.text());
        Some(this)
    }

    /// A host with nothing on it yet.
    pub fn bare(name: &str) -> Option<Self> {
        let sandbox = sandbox(name)?;
        let inventory = TestInventory::of(&sandbox);
        let secrets = secrets_of(&inventory);
        Some(Self { sandbox, inventory, secrets })
    }

    /// The program with the host's own inventory; none of its runs may show a secret.
    pub fn homestead(&self) -> Homestead<'_> {
        self.homestead_on(&self.inventory)
    }

    /// The program with another inventory for the same host, guarded in the same way.
    pub fn homestead_on<'a>(&self, inventory: &'a TestInventory) -> Homestead<'a> {
        Homestead::on(inventory).guarding(&self.secrets)
    }

    /// Another inventory for the same host.
    pub fn another_inventory(&self) -> TestInventory {
        TestInventory::of(&self.sandbox)
    }

    /// A unit of somebody else that requires Synapse, as a bridge of the playbook does: systemd stops it with Synapse.
    pub fn add_bridge(&self) {
        self.sandbox.script(
            "printf '[Unit]\\nRequires=matrix-synapse.service\\nAfter=matrix-synapse.service\\n[Service]\\nExecStart=/bin/sleep infinity\\n' \
             >/etc/systemd/system/somebodys-bridge.service; systemctl daemon-reload; systemctl start somebodys-bridge.service",
        );
    }

    /// It runs, or does so soon, and nothing waits for being started.
    pub fn has_bridge(&self) {
        wait_for(20, "the bridge", || {
            self.sandbox.exec("systemctl is-active somebodys-bridge.service", b"").status.success().then_some(())
        });
        assert_eq!(self.sandbox.script("ls /var/lib/homestead/others 2>/dev/null || true"), "");
    }

    /// Every service of ours.
    pub fn units(&self) -> Units {
        let properties = "Id,ActiveState,UnitFileState,ActiveEnterTimestampMonotonic,NRestarts";
        // A name that no unit has gives a block of its own, without a file.
        let text = self.sandbox.script(&format!("systemctl show --all --property={properties} 'matrix-*.service'"));
        let mut units = Units::new();
        for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
            let properties: BTreeMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
            let get = |name: &str| properties.get(name).copied().unwrap_or_default();
            let unit = Unit {
                state: get("ActiveState").to_owned(),
                enabled: get("UnitFileState").to_owned(),
                since: get("ActiveEnterTimestampMonotonic").parse().unwrap(),
                restarts: get("NRestarts").parse().unwrap(),
            };
            units.insert(get("Id").to_owned(), unit);
        }
        units
    }

    /// What homestead puts on a host: path -> mode, owner, and contents. What services write while they
    /// run is left out.
    pub fn files(&self) -> BTreeMap<String, String> {
        self.listing("%m %U:%G")
    }

    /// The same with the times of the last change of each file and of its attributes.
    pub fn files_with_times(&self) -> BTreeMap<String, String> {
        self.listing("%m %U:%G %T@ %C@")
    }

    fn listing(&self, format: &str) -> BTreeMap<String, String> {
        let script = format!(
            "for path in $(find /matrix /etc/systemd/system /var/lib/homestead/manifest.json \
               \\( -path /matrix/postgres/data -o -path /matrix/postgres/run -o -path /matrix/synapse/storage \
                  -o -path /matrix/exim-relay/spool \\) -prune -o -print 2>/dev/null); do
               sum=; if [ -f \"$path\" ]; then sum=$(sha256sum <\"$path\"); fi
               echo \"$path $(find \"$path\" -maxdepth 0 -printf '{format}') ${{sum%% *}}\"
             done"
        );
        let text = self.sandbox.script(&script);
        text.lines().filter_map(|line| line.split_once(' ')).map(|(path, state)| (path.to_owned(), state.to_owned())).collect()
    }
}

/// The units that did not stay as they were, by name.
pub fn changed_units(before: &Units, after: &Units) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// The secret texts of an inventory that are long enough to be looked for, and the ones derived from them.
pub fn secrets_of(inventory: &TestInventory) -> Vec<String> {
    let values = |arguments: &[&str]| Homestead::on(inventory).run(arguments).exits(0).json()["variables"].clone();
    let (hidden, revealed) = (values(&["vars", "--json"]), values(&["vars", "--json", "--reveal"]));
    let is_secret = |name: &str| hidden[name]["value"] == "[redacted]";
    let all = revealed.as_object().unwrap().iter();
    let texts = all.filter(|(name, _)| is_secret(name)).filter_map(|(_, variable)| variable["value"].as_str());
    let mut secrets: Vec<String> = texts.filter(|text| text.len() >= 8).map(str::to_owned).collect();
    secrets.sort();
    secrets.dedup();
    // What stands in the inventory, and what Synapse's and MAS's own secrets are derived from it.
    assert!(secrets.len() > 6, "{secrets:?}");
    secrets
}
