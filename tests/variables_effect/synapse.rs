//! Synapse.

use super::Part;

pub const PART: Part = Part {
    roles: &["matrix-synapse"],
    worlds: &[PLAIN, MAS, MODULES, GOOFYS, SETTINGS],
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
    ],
    exceptions: &[
        ("matrix_synapse_grafana_dashboard_urls", "for Grafana, which is no part of homestead"),
        ("matrix_synapse_self_check_validate_certificates", "read by `self-check`"),
    ],
    unfinished: &[
        "matrix_synapse_federation_pusher_instances",
        "matrix_synapse_federation_sender_instances",
        "matrix_synapse_media_instance_running_background_jobs",
        "matrix_synapse_notify_appservices_from_worker",
        "matrix_synapse_replication_http_port",
        "matrix_synapse_replication_listener_enabled",
        "matrix_synapse_reverse_proxy_companion_access_log_enabled",
        "matrix_synapse_reverse_proxy_companion_access_log_format",
        "matrix_synapse_reverse_proxy_companion_access_log_format_presets",
        "matrix_synapse_reverse_proxy_companion_access_log_syslog_integration_enabled",
        "matrix_synapse_reverse_proxy_companion_access_log_syslog_integration_server_port",
        "matrix_synapse_reverse_proxy_companion_access_log_syslog_integration_tag",
        "matrix_synapse_reverse_proxy_companion_additional_configuration_blocks",
        "matrix_synapse_reverse_proxy_companion_base_path",
        "matrix_synapse_reverse_proxy_companion_client_api_addr",
        "matrix_synapse_reverse_proxy_companion_client_api_client_body_buffer_size_mb",
        "matrix_synapse_reverse_proxy_companion_client_api_client_max_body_size_mb",
        "matrix_synapse_reverse_proxy_companion_client_server_main_override_locations_regex",
        "matrix_synapse_reverse_proxy_companion_client_server_qr_code_login_locations_regex",
        "matrix_synapse_reverse_proxy_companion_client_server_sso_override_locations_regex",
        "matrix_synapse_reverse_proxy_companion_confd_path",
        "matrix_synapse_reverse_proxy_companion_container_additional_networks",
        "matrix_synapse_reverse_proxy_companion_container_additional_networks_auto",
        "matrix_synapse_reverse_proxy_companion_container_additional_networks_custom",
        "matrix_synapse_reverse_proxy_companion_container_arguments",
        "matrix_synapse_reverse_proxy_companion_container_client_api_host_bind_port",
        "matrix_synapse_reverse_proxy_companion_container_extra_arguments",
        "matrix_synapse_reverse_proxy_companion_container_extra_arguments_auto",
        "matrix_synapse_reverse_proxy_companion_container_federation_api_host_bind_port",
        "matrix_synapse_reverse_proxy_companion_container_image",
        "matrix_synapse_reverse_proxy_companion_container_image_registry_prefix",
        "matrix_synapse_reverse_proxy_companion_container_image_registry_prefix_upstream",
        "matrix_synapse_reverse_proxy_companion_container_image_registry_prefix_upstream_default",
        "matrix_synapse_reverse_proxy_companion_container_image_tag",
        "matrix_synapse_reverse_proxy_companion_container_labels_additional_labels",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_api_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_api_traefik_entrypoints",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_api_traefik_path_prefix",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_api_traefik_priority",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_api_traefik_rule",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_synapse_admin_api_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_synapse_admin_api_traefik_entrypoints",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_synapse_admin_api_traefik_path_prefix",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_synapse_admin_api_traefik_priority",
        "matrix_synapse_reverse_proxy_companion_container_labels_internal_client_synapse_admin_api_traefik_rule",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_traefik_entrypoints",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_traefik_hostname",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_traefik_path_prefix",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_traefik_priority",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_traefik_rule",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_traefik_tls",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_api_traefik_tls_certResolver",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_traefik_entrypoints",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_traefik_hostname",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_traefik_path_prefix",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_traefik_priority",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_traefik_rule",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_traefik_tls",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_admin_api_traefik_tls_certResolver",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_traefik_entrypoints",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_traefik_hostname",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_traefik_path_prefix",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_traefik_priority",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_traefik_rule",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_traefik_tls",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_client_synapse_client_api_traefik_tls_certResolver",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_traefik_entrypoints",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_traefik_hostname",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_traefik_path_prefix",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_traefik_priority",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_traefik_rule",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_traefik_tls",
        "matrix_synapse_reverse_proxy_companion_container_labels_public_federation_api_traefik_tls_certResolver",
        "matrix_synapse_reverse_proxy_companion_container_labels_traefik_compression_middleware_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_traefik_compression_middleware_name",
        "matrix_synapse_reverse_proxy_companion_container_labels_traefik_docker_network",
        "matrix_synapse_reverse_proxy_companion_container_labels_traefik_enabled",
        "matrix_synapse_reverse_proxy_companion_container_labels_traefik_entrypoints",
        "matrix_synapse_reverse_proxy_companion_container_labels_traefik_hostname",
        "matrix_synapse_reverse_proxy_companion_container_labels_traefik_tls_certResolver",
        "matrix_synapse_reverse_proxy_companion_container_network",
        "matrix_synapse_reverse_proxy_companion_event_additional_configuration_blocks",
        "matrix_synapse_reverse_proxy_companion_federation_api_addr",
        "matrix_synapse_reverse_proxy_companion_federation_api_client_body_buffer_size_mb",
        "matrix_synapse_reverse_proxy_companion_federation_api_client_max_body_size_mb",
        "matrix_synapse_reverse_proxy_companion_federation_api_client_max_body_size_mb_minimum",
        "matrix_synapse_reverse_proxy_companion_federation_api_enabled",
        "matrix_synapse_reverse_proxy_companion_federation_override_locations_regex",
        "matrix_synapse_reverse_proxy_companion_hostname",
        "matrix_synapse_reverse_proxy_companion_http_additional_server_configuration_blocks",
        "matrix_synapse_reverse_proxy_companion_http_level_resolver",
        "matrix_synapse_reverse_proxy_companion_njs_enabled",
        "matrix_synapse_reverse_proxy_companion_njs_path",
        "matrix_synapse_reverse_proxy_companion_proxy_connect_timeout",
        "matrix_synapse_reverse_proxy_companion_proxy_read_timeout",
        "matrix_synapse_reverse_proxy_companion_proxy_send_timeout",
        "matrix_synapse_reverse_proxy_companion_send_timeout",
        "matrix_synapse_reverse_proxy_companion_synapse_cache_enabled",
        "matrix_synapse_reverse_proxy_companion_synapse_cache_inactive_time",
        "matrix_synapse_reverse_proxy_companion_synapse_cache_keys_zone_name",
        "matrix_synapse_reverse_proxy_companion_synapse_cache_keys_zone_size",
        "matrix_synapse_reverse_proxy_companion_synapse_cache_max_size_mb",
        "matrix_synapse_reverse_proxy_companion_synapse_cache_path",
        "matrix_synapse_reverse_proxy_companion_synapse_cache_proxy_cache_valid_time",
        "matrix_synapse_reverse_proxy_companion_synapse_client_api_additional_server_configuration_blocks",
        "matrix_synapse_reverse_proxy_companion_synapse_client_reader_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_federation_api_additional_server_configuration_blocks",
        "matrix_synapse_reverse_proxy_companion_synapse_federation_reader_federation_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_generic_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_generic_worker_federation_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_media_repository_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_room_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_room_worker_federation_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_account_data_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_device_lists_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_presence_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_push_rules_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_quarantined_media_changes_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_receipts_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_thread_subscriptions_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_to_device_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_stream_writer_typing_stream_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_sync_worker_client_server_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_user_dir_locations",
        "matrix_synapse_reverse_proxy_companion_synapse_workers_enabled",
        "matrix_synapse_reverse_proxy_companion_synapse_workers_list",
        "matrix_synapse_reverse_proxy_companion_systemd_required_services_list",
        "matrix_synapse_reverse_proxy_companion_systemd_required_services_list_auto",
        "matrix_synapse_reverse_proxy_companion_systemd_required_services_list_custom",
        "matrix_synapse_reverse_proxy_companion_systemd_required_services_list_default",
        "matrix_synapse_reverse_proxy_companion_systemd_wanted_services_list",
        "matrix_synapse_reverse_proxy_companion_tmp_cache_directory_size_mb",
        "matrix_synapse_reverse_proxy_companion_tmp_directory_size_mb",
        "matrix_synapse_reverse_proxy_companion_trust_forwarded_proto",
        "matrix_synapse_reverse_proxy_companion_version",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_cache_size_mb",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_cache_ttl_seconds",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_debug_headers_enabled",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_enabled",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_endpoint",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_logging_enabled",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_logging_token_length",
        "matrix_synapse_reverse_proxy_companion_whoami_sync_worker_router_url",
        "matrix_synapse_reverse_proxy_companion_worker_connections",
        "matrix_synapse_reverse_proxy_companion_worker_processes",
        "matrix_synapse_reverse_proxy_companion_x_forwarded_proto_value",
        "matrix_synapse_run_background_tasks_on",
        "matrix_synapse_update_user_directory_from_worker",
        "matrix_synapse_worker_container_labels_additional_labels",
        "matrix_synapse_worker_container_labels_public_metrics_enabled",
        "matrix_synapse_worker_container_labels_public_metrics_middleware_basic_auth_enabled",
        "matrix_synapse_worker_container_labels_public_metrics_middleware_basic_auth_users",
        "matrix_synapse_worker_container_labels_public_metrics_traefik_entrypoints",
        "matrix_synapse_worker_container_labels_public_metrics_traefik_path",
        "matrix_synapse_worker_container_labels_public_metrics_traefik_priority",
        "matrix_synapse_worker_container_labels_public_metrics_traefik_rule",
        "matrix_synapse_worker_container_labels_public_metrics_traefik_tls",
        "matrix_synapse_worker_container_labels_public_metrics_traefik_tls_certResolver",
        "matrix_synapse_worker_container_labels_traefik_docker_network",
        "matrix_synapse_worker_container_labels_traefik_enabled",
        "matrix_synapse_worker_container_labels_traefik_entrypoints",
        "matrix_synapse_worker_container_labels_traefik_hostname",
        "matrix_synapse_worker_container_labels_traefik_tls_certResolver",
        "matrix_synapse_worker_listeners_http_main_x_forwarded",
        "matrix_synapse_workers_appservice_workers_container_arguments",
        "matrix_synapse_workers_appservice_workers_count",
        "matrix_synapse_workers_appservice_workers_metrics_range_start",
        "matrix_synapse_workers_background_workers_container_arguments",
        "matrix_synapse_workers_background_workers_count",
        "matrix_synapse_workers_background_workers_metrics_range_start",
        "matrix_synapse_workers_client_reader_workers_container_arguments",
        "matrix_synapse_workers_client_reader_workers_count",
        "matrix_synapse_workers_client_reader_workers_metrics_range_start",
        "matrix_synapse_workers_client_reader_workers_port_range_start",
        "matrix_synapse_workers_container_host_bind_address",
        "matrix_synapse_workers_enabled_list",
        "matrix_synapse_workers_federation_reader_workers_container_arguments",
        "matrix_synapse_workers_federation_reader_workers_count",
        "matrix_synapse_workers_federation_reader_workers_metrics_range_start",
        "matrix_synapse_workers_federation_reader_workers_port_range_start",
        "matrix_synapse_workers_federation_sender_workers_container_arguments",
        "matrix_synapse_workers_federation_sender_workers_count",
        "matrix_synapse_workers_federation_sender_workers_metrics_range_start",
        "matrix_synapse_workers_generic_workers_container_arguments",
        "matrix_synapse_workers_generic_workers_count",
        "matrix_synapse_workers_generic_workers_metrics_range_start",
        "matrix_synapse_workers_generic_workers_port_range_start",
        "matrix_synapse_workers_media_repository_workers_container_arguments",
        "matrix_synapse_workers_media_repository_workers_count",
        "matrix_synapse_workers_media_repository_workers_metrics_range_start",
        "matrix_synapse_workers_media_repository_workers_port_range_start",
        "matrix_synapse_workers_preset",
        "matrix_synapse_workers_presets",
        "matrix_synapse_workers_pusher_workers_container_arguments",
        "matrix_synapse_workers_pusher_workers_count",
        "matrix_synapse_workers_pusher_workers_metrics_range_start",
        "matrix_synapse_workers_room_workers_container_arguments",
        "matrix_synapse_workers_room_workers_count",
        "matrix_synapse_workers_room_workers_metrics_range_start",
        "matrix_synapse_workers_room_workers_port_range_start",
        "matrix_synapse_workers_stream_writer_account_data_stream_workers_count",
        "matrix_synapse_workers_stream_writer_device_lists_stream_workers_count",
        "matrix_synapse_workers_stream_writer_events_stream_workers_count",
        "matrix_synapse_workers_stream_writer_presence_stream_workers_count",
        "matrix_synapse_workers_stream_writer_push_rules_stream_workers_count",
        "matrix_synapse_workers_stream_writer_quarantined_media_changes_stream_workers_count",
        "matrix_synapse_workers_stream_writer_receipts_stream_workers_count",
        "matrix_synapse_workers_stream_writer_thread_subscriptions_stream_workers_count",
        "matrix_synapse_workers_stream_writer_to_device_stream_workers_count",
        "matrix_synapse_workers_stream_writer_typing_stream_workers_count",
        "matrix_synapse_workers_stream_writer_workers_http_port_range_start",
        "matrix_synapse_workers_stream_writer_workers_metrics_range_start",
        "matrix_synapse_workers_stream_writer_workers_replication_port_range_start",
        "matrix_synapse_workers_stream_writers",
        "matrix_synapse_workers_stream_writers_container_arguments",
        "matrix_synapse_workers_sync_workers_container_arguments",
        "matrix_synapse_workers_sync_workers_count",
        "matrix_synapse_workers_sync_workers_metrics_range_start",
        "matrix_synapse_workers_sync_workers_port_range_start",
        "matrix_synapse_workers_total_count",
        "matrix_synapse_workers_user_dir_workers_container_arguments",
        "matrix_synapse_workers_user_dir_workers_count",
        "matrix_synapse_workers_user_dir_workers_metrics_range_start",
        "matrix_synapse_workers_user_dir_workers_port_range_start",
    ],
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
