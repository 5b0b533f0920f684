//! What Synapse gets from elsewhere: a module that is downloaded, an image that is built on the host, and a
//! command that a timer runs.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::installed::Installed;

/// Synapse does not start with a configuration that this refuses.
const MODULE: &str = "\
class SharedSecretAuthProvider:
    def __init__(self, config, api):
        open('/tmp/module-loaded', 'w').close()

    @staticmethod
    def parse_config(config):
        if config['shared_secret'] != 'test-only-shared':
            raise RuntimeError('another secret')
        return config
";

/// The storage provider and its tool, which writes down what it is called with. Synapse's packages are
/// elsewhere in the sandbox's image than in the published one.
const VARS: &str = r#"
matrix_authentication_service_enabled: false
matrix_client_element_enabled: false
matrix_synapse_in_container_python_packages_path: /usr/local/lib/python3.11/dist-packages
matrix_synapse_ext_password_provider_shared_secret_auth_enabled: true
matrix_synapse_ext_password_provider_shared_secret_auth_shared_secret: test-only-shared
matrix_synapse_ext_synapse_s3_storage_provider_enabled: true
matrix_synapse_ext_synapse_s3_storage_provider_config_bucket: media
matrix_synapse_ext_synapse_s3_storage_provider_config_region_name: eu-central-1
matrix_synapse_ext_synapse_s3_storage_provider_config_endpoint_url: https://s3.example.com
matrix_synapse_ext_synapse_s3_storage_provider_config_access_key_id: id
matrix_synapse_ext_synapse_s3_storage_provider_config_secret_access_key: test-only-s3
matrix_synapse_container_image_customizations_dockerfile: |
  FROM {{ matrix_synapse_container_image }}
  RUN echo 'import synapse.media.storage_provider as base\nclass S3StorageProviderBackend(base.StorageProvider):\n    def __init__(self, hs, config): pass\n    async def fetch(self, path, info): pass\n    async def store_file(self, path, info): pass\n    @staticmethod\n    def parse_config(config): return config' > /usr/local/lib/python3.11/dist-packages/s3_storage_provider.py
  RUN echo '#!/bin/sh\necho "$AWS_DEFAULT_REGION $*" >> /data/called' > /usr/local/bin/s3_media_upload && chmod 0755 /usr/local/bin/s3_media_upload
  {{ matrix_synapse_container_image_customizations_dockerfile_body_custom }}
"#;

/// A web server on this machine that serves the module and counts.
fn serve() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/2.0.3/shared_secret_authenticator.py", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{MODULE}", MODULE.len()).unwrap();
        }
    });
    (address, asked)
}

#[test]
fn synapse_gets_modules_an_image_of_its_own_and_a_timer() {
    let Some(installed) = Installed::bare("extensions") else { return };
    let (address, asked) = serve();
    installed.inventory.unset("matrix_authentication_service_enabled").append(VARS);
    installed.inventory.set("matrix_synapse_ext_password_provider_shared_secret_auth_download_url", &address);
    let homestead = installed.homestead();

    let plan = homestead.run(&["plan"]).exits(0);
    let image = "localhost/matrixdotorg/synapse:v1.159.0-customized";
    for line in [
        format!("create image {image} (built on the host: it is not there)"),
        "create file /matrix/synapse/ext/shared_secret_authenticator.py".to_owned(),
        "create file /etc/systemd/system/matrix-synapse-s3-storage-provider-migrate.timer".to_owned(),
    ] {
        assert!(plan.stdout.contains(&line), "{line}: {}", plan.text());
    }
    homestead.run(&["install-all"]).exits(0);
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "what was downloaded is kept");

    let sandbox = &installed.sandbox;
    assert_eq!(sandbox.script("docker inspect -f '{{.Config.Image}}' matrix-synapse").trim(), image);
    sandbox.script("docker exec matrix-synapse test -e /tmp/module-loaded");
    let unit = "matrix-synapse-s3-storage-provider-migrate";
    assert_eq!(sandbox.script(&format!("systemctl is-active {unit}.timer; systemctl is-enabled {unit}.timer")), "active\nenabled\n");
    sandbox.script(&format!("systemctl start {unit}.service"));
    let called = sandbox.script("cat /matrix/synapse/ext/s3-storage-provider/data/called");
    insta::assert_snapshot!(called, @"
    eu-central-1 update-db 0d
    eu-central-1 --no-progress check-deleted /matrix-media-store-parent/media-store
    eu-central-1 --no-progress upload /matrix-media-store-parent/media-store media --delete --storage-class STANDARD --endpoint-url https://s3.example.com
    ");

    another_recipe(&installed);
    without_them(&installed);
}

fn another_recipe(installed: &Installed) {
    let id = || installed.sandbox.script("docker inspect -f '{{.Image}}' matrix-synapse");
    let before = id();
    installed.inventory.set("matrix_synapse_container_image_customizations_dockerfile_body_custom", "RUN touch /added");
    let outcome = installed.homestead().run(&["install-all"]).exits(0);
    assert!(outcome.stdout.contains("(built on the host: its Dockerfile changes)"), "{}", outcome.text());
    installed.sandbox.script("docker exec matrix-synapse test -e /added");
    assert_ne!(id(), before);
    // A build that fails touches nothing.
    let running = id();
    installed.inventory.set("matrix_synapse_container_image_customizations_dockerfile_body_custom", "RUN echo a reason; false");
    let outcome = installed.homestead().run(&["install-all"]).exits(2);
    assert!(outcome.stderr.contains("cannot be built") && outcome.stderr.contains("a reason"), "{}", outcome.text());
    assert!(outcome.stderr.contains("nothing that runs was touched"), "{}", outcome.text());
    assert_eq!(id(), running);
}

fn without_them(installed: &Installed) {
    for name in
        ["matrix_synapse_ext_password_provider_shared_secret_auth_enabled", "matrix_synapse_ext_synapse_s3_storage_provider_enabled"]
    {
        installed.inventory.set(name, "false");
    }
    installed.homestead().run(&["setup-all"]).exits(0);
    let left = installed.sandbox.script(
        "ls /matrix/synapse/ext/*.py /etc/systemd/system/*migrate* 2>/dev/null; systemctl list-units --no-legend '*migrate*'; true",
    );
    assert_eq!(left, "");
    // What the provider wrote is not homestead's to remove.
    let note =
        "     note the folder `/matrix/synapse/ext/s3-storage-provider/data` stays: it holds `called`, which homestead did not write\n";
    assert_eq!(installed.homestead().run(&["install-all"]).exits(0).stdout, format!("{note}No changes.\n"));
}
