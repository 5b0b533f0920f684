//! Synapse.

use super::Part;

pub const PART: Part = Part {
    roles: &["matrix-synapse"],
    worlds: &[PLAIN, MAS, MODULES, GOOFYS, SETTINGS, WORKERS, SPECIALIZED],
    samples: &[
        ("matrix_synapse_additional_loggers", r#"[{"name": "x", "level": "INFO"}]"#),
        ("matrix_synapse_additional_loggers_auto", r#"[{"name": "x", "level": "INFO"}]"#),
        ("matrix_synapse_additional_loggers_custom", r#"[{"name": "x", "level": "INFO"}]"#),
        ("matrix_synapse_cache_size_calculations_max_cache_memory_usage_cap_bytes", "100000000"),
        ("matrix_synapse_cache_size_calculations_memtotal_bytes", "1000000000"),
        ("matrix_synapse_cache_size_calculations_target_cache_memory_usage_cap_bytes", "100000000"),
        ("matrix_synapse_configuration_yaml", "server_name: example.org"),
        ("matrix_synapse_container_additional_volumes", r#"[{"src": "/x", "dst": "/y"}]"#),
        ("matrix_synapse_ext_encryption_config_yaml", "patch_power_levels: true"),
        ("matrix_synapse_ext_password_provider_ldap_mode", "simple"),
        ("matrix_synapse_ext_password_provider_shared_secret_config_yaml", "shared_secret: test-only-other"),
        ("matrix_synapse_ext_synapse_http_antispam_config_yaml", "base_url: http://other:8080"),
        ("matrix_synapse_ext_synapse_s3_storage_provider_config_endpoint_url", "https://s3.example.org"),
        ("matrix_synapse_reverse_proxy_companion_access_log_format", "main"),
        ("matrix_synapse_reverse_proxy_companion_access_log_format_presets", r#"{"routing_debug":["$uri"]}"#),
        ("matrix_synapse_reverse_proxy_companion_federation_api_client_max_body_size_mb_minimum", "1000"),
        ("matrix_synapse_workers_preset", "little-federation-helper"),
        (
            "matrix_synapse_workers_presets",
            r#"{"one-of-each":{"appservice_workers_count":0,"background_workers_count":0,"client_reader_workers_count":0,"federation_reader_workers_count":0,"federation_sender_workers_count":0,"generic_workers_count":0,"media_repository_workers_count":0,"pusher_workers_count":0,"room_workers_count":0,"stream_writer_account_data_stream_workers_count":0,"stream_writer_device_lists_stream_workers_count":0,"stream_writer_events_stream_workers_count":0,"stream_writer_presence_stream_workers_count":0,"stream_writer_push_rules_stream_workers_count":0,"stream_writer_quarantined_media_changes_stream_workers_count":0,"stream_writer_receipts_stream_workers_count":0,"stream_writer_thread_subscriptions_stream_workers_count":0,"stream_writer_to_device_stream_workers_count":0,"stream_writer_typing_stream_workers_count":0,"sync_workers_count":0,"user_dir_workers_count":0}}"#,
        ),
        ("matrix_synapse_workers_appservice_workers_count", "0"),
        ("matrix_synapse_workers_background_workers_count", "0"),
        ("matrix_synapse_workers_user_dir_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_account_data_stream_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_device_lists_stream_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_presence_stream_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_push_rules_stream_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_quarantined_media_changes_stream_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_receipts_stream_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_to_device_stream_workers_count", "0"),
        ("matrix_synapse_workers_stream_writer_typing_stream_workers_count", "0"),
    ],
    exceptions: &[
        ("matrix_synapse_grafana_dashboard_urls", "for Grafana, which is no part of homestead"),
        ("matrix_synapse_self_check_validate_certificates", "read by `self-check`"),
        ("matrix_synapse_replication_listener_enabled", "workers need it, and nothing else does"),
        ("matrix_synapse_worker_container_labels_traefik_hostname", "workers have no routes but for metrics, and those name their host"),
    ],
    unfinished: &[],
};

/// Synapse alone.
const PLAIN: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
";

/// The smallest server with MAS.
const MAS: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_authentication_service_enabled: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
";

/// Everything that adds modules, and an image with additions.
const MODULES: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_synapse_ext_password_provider_rest_auth_enabled: true
matrix_synapse_ext_password_provider_rest_auth_endpoint: http://rest:8080
matrix_synapse_ext_password_provider_shared_secret_auth_enabled: true
matrix_synapse_ext_password_provider_shared_secret_auth_shared_secret: test-only-shared
matrix_synapse_ext_password_provider_ldap_enabled: true
matrix_synapse_ext_password_provider_ldap_bind_dn: cn=x
matrix_synapse_ext_password_provider_ldap_tls_options_ca_certs_file: /ca.pem
matrix_synapse_ext_spam_checker_synapse_simple_antispam_enabled: true
matrix_synapse_ext_spam_checker_synapse_simple_antispam_config_blocked_homeservers: [bad.example.org]
matrix_synapse_ext_spam_checker_mjolnir_antispam_enabled: true
matrix_synapse_ext_synapse_http_antispam_enabled: true
matrix_synapse_ext_synapse_http_antispam_config_base_url: http://decide:8080
matrix_synapse_ext_synapse_http_antispam_config_authorization: test-only-antispam
matrix_synapse_ext_encryption_disabler_enabled: true
matrix_synapse_ext_synapse_s3_storage_provider_enabled: true
matrix_synapse_ext_synapse_s3_storage_provider_config_bucket: media
matrix_synapse_ext_synapse_s3_storage_provider_config_region_name: eu-central-1
matrix_synapse_ext_synapse_s3_storage_provider_config_endpoint_url: https://s3.example.com
matrix_synapse_ext_synapse_s3_storage_provider_config_access_key_id: id
matrix_synapse_ext_synapse_s3_storage_provider_config_secret_access_key: test-only-s3
matrix_synapse_ext_synapse_s3_storage_provider_config_sse_customer_enabled: true
matrix_synapse_ext_synapse_s3_storage_provider_config_sse_customer_key: test-only-sse
matrix_synapse_container_image_customizations_templates_enabled: true
matrix_synapse_container_image_customizations_templates_git_repository_url: https://example.com/x.git
matrix_synapse_container_image_customizations_templates_git_repository_keyscan_enabled: true
matrix_synapse_container_image_customizations_templates_git_repository_keyscan_hostname: example.com
";

/// The media folder in a bucket, and no federation.
const GOOFYS: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_s3_media_store_enabled: true
matrix_s3_media_store_bucket_name: media
matrix_s3_media_store_custom_endpoint_enabled: true
matrix_homeserver_federation_enabled: false
";

/// What is off on a small server.
const SETTINGS: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_synapse_allowed_local_3pids: [{medium: email, pattern: '^[^@]+@example[.]com$'}]
matrix_synapse_container_federation_api_tls_host_bind_port: '8449'
matrix_synapse_container_labels_internal_client_synapse_admin_api_enabled: true
matrix_synapse_container_labels_public_client_synapse_admin_api_enabled: true
matrix_synapse_container_labels_public_metrics_middleware_basic_auth_enabled: true
matrix_synapse_container_labels_public_metrics_middleware_basic_auth_users: 'user:hash'
matrix_synapse_delayed_events_enabled: true
matrix_synapse_email_smtp_user: user
matrix_synapse_email_smtp_pass: test-only-mail
matrix_synapse_manhole_enabled: true
matrix_synapse_metrics_enabled: true
matrix_synapse_metrics_proxying_enabled: true
matrix_synapse_metrics_proxying_hostname: metrics.example.com
matrix_synapse_oidc_enabled: true
matrix_synapse_redis_enabled: true
matrix_synapse_redis_host: redis
matrix_synapse_redis_password: test-only-redis
matrix_synapse_redis_path_enabled: true
matrix_synapse_redis_path: /run-redis
matrix_synapse_redis_path_host: /matrix/redis/run
matrix_synapse_redis_path_socket: /redis.sock
matrix_synapse_retention_enabled: true
matrix_synapse_server_notices_enabled: true
matrix_synapse_tls_federation_listener_enabled: true
";

/// Several processes, with all that their proxy can do.
const WORKERS: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_synapse_workers_enabled: true
matrix_synapse_workers_stream_writer_thread_subscriptions_stream_workers_count: 1
matrix_synapse_workers_container_host_bind_address: 127.0.0.1
matrix_synapse_metrics_enabled: true
matrix_synapse_metrics_proxying_enabled: true
matrix_synapse_metrics_proxying_hostname: metrics.example.com
matrix_synapse_worker_container_labels_public_metrics_middleware_basic_auth_enabled: true
matrix_synapse_worker_container_labels_public_metrics_middleware_basic_auth_users: 'user:hash'
matrix_synapse_container_labels_internal_client_synapse_admin_api_enabled: true
matrix_synapse_container_labels_public_client_synapse_admin_api_enabled: true
matrix_playbook_internal_matrix_client_api_traefik_entrypoint_enabled: true
matrix_synapse_reverse_proxy_companion_synapse_cache_enabled: true
matrix_synapse_reverse_proxy_companion_access_log_syslog_integration_enabled: true
";

/// Several processes, each for its own requests.
const SPECIALIZED: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_synapse_workers_enabled: true
matrix_synapse_workers_preset: specialized-workers
";
