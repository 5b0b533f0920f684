//! What Synapse itself says of the configurations that `render` makes: its own program reads them, in the
//! image that the disposable hosts use. Modules that are no part of Synapse are stood in for by empty ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::process::Command;

use common::{HOST, Homestead, TestInventory, skipped};

const IMAGE: &str = "homestead-sandbox-synapse:latest";

/// Reads the configuration as `synapse.app.homeserver` does before it does anything else.
const READ: &str = "
from synapse.config._base import ConfigError, format_config_error
from synapse.config.homeserver import HomeServerConfig
import logging.config, yaml
try:
    config = HomeServerConfig.load_config('test', ['-c', '/data/homeserver.yaml'])
except ConfigError as error:
    raise SystemExit(''.join(format_config_error(error)))
logging.config.dictConfig(yaml.safe_load(open(config.logging.log_config)))
print('accepted', config.server.server_name)
";

/// Module -> the class that Synapse asks for.
const MODULES: &[(&str, &str)] = &[
    ("ldap_auth_provider", "LdapAuthProvider"),
    ("matrix_e2ee_filter", "EncryptedRoomFilter"),
    ("mjolnir", "Module"),
    ("rest_auth_provider", "RestAuthProvider"),
    ("s3_storage_provider", "S3StorageProviderBackend"),
    ("shared_secret_authenticator", "SharedSecretAuthProvider"),
    ("synapse_http_antispam", "HTTPAntispam"),
    ("synapse_simple_antispam", "AntiSpamInvites"),
];

const SMALLEST: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
";

/// What an inventory adds to the smallest one, by name.
const VARIANTS: &[(&str, &str)] = &[
    ("nothing more", ""),
    (
        "MAS",
        "\
matrix_authentication_service_enabled: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
",
    ),
    (
        "MAS while accounts move",
        "\
matrix_authentication_service_enabled: true
matrix_authentication_service_migration_in_progress: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
",
    ),
    (
        "modules",
        "\
matrix_synapse_ext_password_provider_rest_auth_enabled: true
matrix_synapse_ext_password_provider_rest_auth_endpoint: http://rest:8080
matrix_synapse_ext_password_provider_ldap_enabled: true
matrix_synapse_ext_password_provider_ldap_bind_dn: cn=reader,dc=example,dc=com
matrix_synapse_ext_password_provider_ldap_bind_password: test-only-ldap
matrix_synapse_ext_password_provider_shared_secret_auth_enabled: true
matrix_synapse_ext_password_provider_shared_secret_auth_shared_secret: test-only-shared
matrix_synapse_ext_encryption_disabler_enabled: true
matrix_synapse_ext_spam_checker_mjolnir_antispam_enabled: true
matrix_synapse_ext_spam_checker_synapse_simple_antispam_enabled: true
matrix_synapse_ext_spam_checker_synapse_simple_antispam_config_blocked_homeservers: [bad.example.org]
matrix_synapse_ext_synapse_http_antispam_enabled: true
matrix_synapse_ext_synapse_http_antispam_config_base_url: http://decide:8080
matrix_synapse_ext_synapse_http_antispam_config_authorization: test-only-antispam
",
    ),
    (
        "S3",
        "\
matrix_synapse_ext_synapse_s3_storage_provider_enabled: true
matrix_synapse_ext_synapse_s3_storage_provider_config_bucket: media
matrix_synapse_ext_synapse_s3_storage_provider_config_region_name: eu-central-1
matrix_synapse_ext_synapse_s3_storage_provider_config_endpoint_url: https://s3.example.com
matrix_synapse_ext_synapse_s3_storage_provider_config_access_key_id: id
matrix_synapse_ext_synapse_s3_storage_provider_config_secret_access_key: test-only-s3
matrix_synapse_ext_synapse_s3_storage_provider_config_prefix: matrix/
",
    ),
    (
        "OIDC and CAS",
        "\
matrix_synapse_oidc_enabled: true
matrix_synapse_oidc_providers:
  - idp_id: keycloak
    idp_name: Keycloak
    issuer: https://id.example.com/realms/x
    client_id: synapse
    client_secret: test-only-oidc
    scopes: [openid, profile]
    user_mapping_provider:
      config:
        localpart_template: '{% raw %}{{ user.preferred_username }}{% endraw %}'
matrix_synapse_configuration_extension_yaml: |
  cas_config:
    enabled: true
    server_url: https://cas.example.com
",
    ),
    (
        "registration, with everything around it",
        "\
matrix_synapse_enable_registration: true
matrix_synapse_registration_requires_token: true
matrix_synapse_registrations_require_3pid: [email]
matrix_synapse_allowed_local_3pids: [{medium: email, pattern: '^[^@]+@example[.]com$'}]
matrix_synapse_registration_shared_secret: test-only-registration
matrix_synapse_enable_registration_captcha: true
matrix_synapse_recaptcha_public_key: public
matrix_synapse_recaptcha_private_key: test-only-captcha
matrix_synapse_auto_join_rooms: ['#hall:example.com']
matrix_synapse_auto_join_mxid_localpart: porter
matrix_synapse_allow_guest_access: true
matrix_synapse_auto_accept_invites_enabled: true
matrix_synapse_password_config_pepper: test-only-pepper
",
    ),
    (
        "no federation",
        "\
matrix_homeserver_federation_enabled: false
matrix_synapse_federation_domain_whitelist: [example.org]
",
    ),
    (
        "OpenID without federation",
        "\
matrix_homeserver_federation_enabled: false
matrix_synapse_federation_port_openid_resource_required: true
",
    ),
    (
        "retention, notices, limits",
        "\
matrix_synapse_retention_enabled: true
matrix_synapse_retention_period: 1y
matrix_synapse_retention_purge_jobs: [{longest_max_lifetime: 3d, interval: 12h}, {shortest_max_lifetime: 3d, interval: 1d}]
matrix_synapse_media_retention_local_media_lifetime: 90d
matrix_synapse_media_retention_remote_media_lifetime: 14d
matrix_synapse_redaction_retention_period: 5m
matrix_synapse_server_notices_enabled: true
matrix_synapse_server_notices_room_topic: News
matrix_synapse_server_notices_auto_join: true
matrix_synapse_limit_remote_rooms_enabled: true
matrix_synapse_limit_remote_rooms_complexity: 1.5
matrix_synapse_rc_login: {address: {per_second: 0.15, burst_count: 5}}
matrix_synapse_rc_message: {per_second: 5, burst_count: 50}
matrix_synapse_delayed_events_enabled: true
",
    ),
    (
        "metrics, manhole, Sentry, logs",
        "\
matrix_synapse_metrics_enabled: true
matrix_synapse_manhole_enabled: true
matrix_synapse_log_level: DEBUG
matrix_synapse_additional_loggers_custom: [{name: synapse.http, level: INFO}]
matrix_synapse_report_stats: true
",
    ),
    (
        "an external database, Redis, mail, TURN",
        "\
postgres_enabled: false
matrix_synapse_database_host: db.example.com
matrix_synapse_database_password: test-only-database
matrix_synapse_redis_enabled: true
matrix_synapse_redis_host: redis
matrix_synapse_redis_password: test-only-redis
matrix_synapse_email_enabled: true
matrix_synapse_email_smtp_host: mail.example.com
matrix_synapse_email_smtp_port: 587
matrix_synapse_email_smtp_user: user
matrix_synapse_email_smtp_pass: test-only-mail
matrix_synapse_email_smtp_require_transport_security: true
matrix_synapse_turn_uris: ['turns:turn.example.com?transport=udp']
matrix_synapse_turn_shared_secret: test-only-turn
matrix_synapse_turn_allow_guests: true
",
    ),
    (
        "what users look up, caches, previews, an application service",
        "\
matrix_synapse_user_directory_search_all_users: true
matrix_synapse_user_directory_exclude_remote_users: true
matrix_synapse_limit_profile_requests_to_users_who_share_rooms: true
matrix_synapse_require_auth_for_profile_requests: true
matrix_synapse_caches_global_factor: 0.5
matrix_synapse_cache_autotuning_max_cache_memory_usage: ''
matrix_synapse_cache_autotuning_target_cache_memory_usage: ''
matrix_synapse_cache_autotuning_min_cache_ttl: ''
matrix_synapse_url_preview_url_blacklist: [{username: '*'}, {netloc: example.org}]
matrix_synapse_oembed_additional_providers: []
matrix_synapse_encryption_enabled_by_default_for_room_type: all
matrix_synapse_experimental_features: {msc3266_enabled: true}
matrix_synapse_configuration_extension_yaml: |
  max_image_pixels: 64M
  rc_3pid_validation: {per_second: 0.003, burst_count: 5}
",
    ),
];

fn has_image() -> bool {
    Command::new("docker").args(["image", "inspect", IMAGE]).output().is_ok_and(|output| output.status.success())
}

#[test]
#[ignore = "needs Docker and the images of the disposable hosts"]
fn synapse_accepts_what_is_rendered() {
    if !has_image() {
        skipped("there is no image of Synapse; `tests/sandbox/sandbox prepare` makes it");
        return;
    }
    let mut refused = Vec::new();
    for (name, variables) in VARIANTS {
        if let Err(why) = read(variables) {
            refused.push(format!("{name}: {why}"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    // The same program refuses what it cannot use.
    let wrong = read("matrix_synapse_configuration_extension_yaml: '{media_retention: {local_media_lifetime: soon}}'\n");
    assert!(wrong.is_err_and(|why| why.contains("media_retention") || why.contains("soon")));
}

/// Renders a server and has Synapse read its configuration.
fn read(variables: &str) -> Result<(), String> {
    let inventory = TestInventory::new();
    inventory.vars(&format!("{SMALLEST}{variables}"));
    Homestead::on(&inventory).run(&["render", "--out", "out"]).exits(0);
    let config = inventory.path(&format!("out/{HOST}/matrix/synapse/config"));
    // Made on a host; the bytes do not matter here.
    std::fs::write(config.join(format!("{HOST}.signing.key")), format!("ed25519 a_test {}\n", "A".repeat(43))).unwrap();
    for (module, class) in MODULES {
        let text = format!("class {class}:\n    @staticmethod\n    def parse_config(config):\n        return config\n");
        inventory.write(&format!("modules/{module}.py"), &text);
    }
    let mount = |from: &std::path::Path, to: &str| format!("--volume={}:{to}:ro", from.display());
    let output = Command::new("docker")
        .args(["run", "--rm", "--network=none", "--user=0:0", "--env=PYTHONPATH=/modules", "--entrypoint=python3"])
        .arg(mount(&config, "/data"))
        .arg(mount(&inventory.path("modules"), "/modules"))
        .args([IMAGE, "-c", READ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if said.trim() == "accepted example.com" { Ok(()) } else { Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr))) }
}
