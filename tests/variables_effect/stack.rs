//! Everything but Synapse.

use super::Part;

pub const PART: Part = Part {
    roles: &[
        "container_socket_proxy",
        "exim_relay",
        "matrix-authentication-service",
        "matrix-base",
        "matrix-client-element",
        "matrix-static-files",
        "matrix-user-creator",
        "postgres",
        "systemd_docker_base",
        "systemd_service_manager",
        "traefik",
    ],
    worlds: &[PLAIN, MAS, FEATURES, OTHERS],
    samples: &[
        ("exim_relay_relay_protocol", "smtps"),
        ("matrix_authentication_service_config_captcha_service", "recaptcha_v2"),
        ("matrix_authentication_service_config_clients", r#"[{"client_id": "01J44Q10GR4AMTFZEEF936DTCM", "client_auth_method": "none"}]"#),
        (
            "matrix_authentication_service_config_clients_auto",
            r#"[{"client_id": "01J44Q10GR4AMTFZEEF936DTCM", "client_auth_method": "none"}]"#,
        ),
        (
            "matrix_authentication_service_config_clients_custom",
            r#"[{"client_id": "01J44Q10GR4AMTFZEEF936DTCM", "client_auth_method": "none"}]"#,
        ),
        ("matrix_authentication_service_config_database_ssl_mode", "require"),
        ("matrix_authentication_service_config_email_mode", "tls"),
        ("matrix_authentication_service_config_email_transport", "blackhole"),
        ("matrix_authentication_service_config_http_listener_web_resources_auto", r#"[{"name": "prometheus"}]"#),
        ("matrix_authentication_service_config_http_listener_web_resources_custom", r#"[{"name": "prometheus"}]"#),
        ("matrix_authentication_service_config_http_public_base", "https://other.example.com/auth/"),
        ("matrix_authentication_service_config_passwords_schemes", r#"[{"version": 1, "algorithm": "argon2id"}]"#),
        ("matrix_authentication_service_config_secrets_encryption", "b2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567"),
        (
            "matrix_authentication_service_config_upstream_oauth2_providers",
            r#"[{"id": "01J44Q10GR4AMTFZEEF936DTCM", "client_id": "x", "token_endpoint_auth_method": "none"}]"#,
        ),
        ("matrix_authentication_service_configuration_extension_yaml", "branding: {service_name: x}"),
        (
            "matrix_authentication_service_configuration_yaml",
            r#"{http: {public_base: "https://x.example.com/"}, matrix: {homeserver: x, secret: x}, secrets: {encryption_file: x}}"#,
        ),
        (
            "matrix_authentication_service_key_management_list",
            r#"[{"key_file": "x.pem", "generation_command": "true", "config": {"kid": "x", "key_file": "/keys/x.pem"}}]"#,
        ),
        (
            "matrix_authentication_service_key_management_list_custom",
            r#"[{"key_file": "x.pem", "generation_command": "true", "config": {"kid": "x", "key_file": "/keys/x.pem"}}]"#,
        ),
        (
            "matrix_authentication_service_key_management_list_default",
            r#"[{"key_file": "x.pem", "generation_command": "true", "config": {"kid": "x", "key_file": "/keys/x.pem"}}]"#,
        ),
        ("matrix_client_element_configuration_extension_json", r#""{\"x\": \"x\"}""#),
        ("matrix_client_element_location_sharing_map_style_content_sources_localsource_tiles", r#"["https://x/{z}"]"#),
        ("matrix_client_element_location_sharing_map_style_extension_json", r#""{\"x\": \"x\"}""#),
        ("matrix_client_element_mobile_guide_app_variant", "element-classic"),
        ("matrix_client_element_scheme", "http"),
        ("matrix_metrics_exposure_http_basic_auth_users", "other:x"),
        ("matrix_static_files_environment_variable_server_log_level", "debug"),
        ("matrix_static_files_scheme", "http"),
        ("traefik_config_log_level", "DEBUG"),
        ("matrix_playbook_internal_matrix_client_api_traefik_entrypoint_definition", r#"{"name": "x", "port": 9999, "config": {}}"#),
        ("matrix_playbook_livekit_turn_traefik_entrypoint_definition", r#"{"name": "x", "port": 9999, "config": {}}"#),
        ("matrix_playbook_public_matrix_federation_api_traefik_entrypoint_definition", r#"{"name": "x", "port": 9999, "config": {}}"#),
        ("matrix_static_files_file_matrix_client_configuration_extension_json", r#""{\"x\": \"x\"}""#),
        ("matrix_static_files_file_matrix_mautrix_configuration_extension_json", r#""{\"x\": \"x\"}""#),
        ("matrix_static_files_file_matrix_server_configuration_extension_json", r#""{\"x\": \"x\"}""#),
        ("matrix_static_files_file_matrix_support_configuration_extension_json", r#""{\"x\": \"x\"}""#),
        ("postgres_allowed_versions", "[17]"),
        ("postgres_allowed_versions_auto", "[17]"),
        ("postgres_allowed_versions_custom", "[17]"),
        ("postgres_container_image_by_major_version", r#"{"18": "x:18"}"#),
        ("postgres_effective_cache_size", "999999999"),
        ("postgres_maintenance_work_mem", "1999999"),
        ("postgres_managed_databases_additional", r#"[{"name": "x", "username": "x", "password": "test-only-x"}]"#),
        ("postgres_max_wal_size", "999999999"),
        ("postgres_memtotal_kb", "99999999"),
        ("postgres_min_wal_size", "99999999"),
        ("postgres_shared_buffers", "999999999"),
        ("postgres_wal_buffers", "99999"),
        ("traefik_additional_entrypoints_custom", r#"[{"name": "x", "port": 999, "host_bind_port": "999", "config": {}}]"#),
        ("traefik_config_entrypoint_web_secure_http3_config_yaml", "advertisedPort: 4443"),
        ("traefik_configuration_extension_yaml", "{log: {level: DEBUG}}"),
        ("traefik_configuration_yaml", "{log: {level: DEBUG}}"),
        ("traefik_container_additional_volumes", r#"[{"src": "/x", "dst": "/y"}]"#),
        ("traefik_container_additional_volumes_auto", r#"[{"src": "/x", "dst": "/y"}]"#),
        ("traefik_container_additional_volumes_custom", r#"[{"src": "/x", "dst": "/y"}]"#),
        ("traefik_provider_configuration_extension_yaml", "{tls: {}}"),
        ("traefik_provider_configuration_yaml", "{http: {}}"),
    ],
    exceptions: &[
        ("devture_systemd_service_manager_services_list", "read by the tags that stop services for Postgres"),
        ("devture_systemd_service_manager_services_list_additional", "read by `start-all`, `stop-all` and their like"),
        ("devture_systemd_service_manager_services_list_auto", "read by the tags that stop services for Postgres"),
        ("matrix_addons_homeserver_client_api_url", "for components that are no part of homestead"),
        ("matrix_addons_homeserver_container_network", "for components that are no part of homestead"),
        ("matrix_addons_homeserver_systemd_services_list", "for components that are no part of homestead"),
        ("matrix_admin", "for components that are no part of homestead"),
        ("matrix_authentication_service_syn2mas_subcommand", "read by `syn2mas`"),
        ("matrix_authentication_service_syn2mas_synapse_database_socket_path_host", "read by `syn2mas`"),
        ("matrix_bridges_encryption_default", "for bridges, which are no part of homestead"),
        ("matrix_bridges_encryption_enabled", "for bridges, which are no part of homestead"),
        ("matrix_bridges_exposure_enabled", "for bridges, which are no part of homestead"),
        ("matrix_bridges_exposure_hostname", "for bridges, which are no part of homestead"),
        ("matrix_bridges_exposure_path_prefix", "for bridges, which are no part of homestead"),
        ("matrix_bridges_msc4190_enabled", "for bridges, which are no part of homestead"),
        ("matrix_bridges_relay_enabled", "for bridges, which are no part of homestead"),
        ("matrix_bridges_self_sign_enabled", "for bridges, which are no part of homestead"),
        ("matrix_client_element_embedded_pages_home_path", "names a file of the user's"),
        ("matrix_client_element_registration_enabled", "for the welcome page, which Element Web builds itself"),
        ("matrix_client_element_self_check_validate_certificates", "read by `self-check`"),
        ("matrix_client_element_themes_repository_url", "for themes out of a Git repository, which are refused"),
        ("matrix_client_element_themes_repository_version", "for themes out of a Git repository, which are refused"),
        ("matrix_debian_arch", "for components that are no part of homestead"),
        ("matrix_homeserver_container_federation_api_endpoint", "for components that are no part of homestead"),
        ("matrix_homeserver_container_federation_url", "for components that are no part of homestead"),
        ("matrix_homeserver_systemd_services_list", "for components that are no part of homestead"),
        ("matrix_monitoring_container_network", "for components that are no part of homestead"),
        ("matrix_playbook_reverse_proxy_hostname", "for components that are no part of homestead"),
        ("matrix_playbook_synapse_auto_compressor_uses_managed_postgres", "for components that are no part of homestead"),
        ("matrix_server_fqn_buscarron", "for components that are no part of homestead"),
        ("matrix_server_fqn_cinny", "for components that are no part of homestead"),
        ("matrix_server_fqn_etherpad", "for components that are no part of homestead"),
        ("matrix_server_fqn_fluffychat", "for components that are no part of homestead"),
        ("matrix_server_fqn_grafana", "for components that are no part of homestead"),
        ("matrix_server_fqn_hydrogen", "for components that are no part of homestead"),
        ("matrix_server_fqn_jitsi", "for components that are no part of homestead"),
        ("matrix_server_fqn_matrixto", "for components that are no part of homestead"),
        ("matrix_server_fqn_mautrix_wsproxy", "for components that are no part of homestead"),
        ("matrix_server_fqn_ntfy", "for components that are no part of homestead"),
        ("matrix_server_fqn_rageshake", "for components that are no part of homestead"),
        ("matrix_server_fqn_sable", "for components that are no part of homestead"),
        ("matrix_server_fqn_schildichat", "for components that are no part of homestead"),
        ("matrix_server_fqn_sygnal", "for components that are no part of homestead"),
        ("matrix_static_files_public_well_known_element_path", "for components that are no part of homestead"),
        ("matrix_static_files_self_check_hostname_identity", "read by `self-check`"),
        ("matrix_static_files_self_check_hostname_matrix", "read by `self-check`"),
        ("matrix_static_files_self_check_validate_certificates", "read by `self-check`"),
        ("matrix_static_files_self_check_well_known_matrix_client_follow_redirects", "read by `self-check`"),
        ("matrix_user_creator_users_additional", "read by `ensure-matrix-users-created`"),
        ("matrix_user_creator_users_auto", "read by `ensure-matrix-users-created`"),
        ("postgres_connection_port", "read by the tags that import, upgrade and vacuum"),
        ("postgres_container_image_v10", "for a server whose data another major version made"),
        ("postgres_container_image_v10_version", "for a server whose data another major version made"),
        ("postgres_container_image_v11", "for a server whose data another major version made"),
        ("postgres_container_image_v11_version", "for a server whose data another major version made"),
        ("postgres_container_image_v12", "for a server whose data another major version made"),
        ("postgres_container_image_v12_version", "for a server whose data another major version made"),
        ("postgres_container_image_v13", "for a server whose data another major version made"),
        ("postgres_container_image_v13_version", "for a server whose data another major version made"),
        ("postgres_container_image_v14", "for a server whose data another major version made"),
        ("postgres_container_image_v14_version", "for a server whose data another major version made"),
        ("postgres_container_image_v15", "for a server whose data another major version made"),
        ("postgres_container_image_v15_version", "for a server whose data another major version made"),
        ("postgres_container_image_v16", "for a server whose data another major version made"),
        ("postgres_container_image_v16_version", "for a server whose data another major version made"),
        ("postgres_container_image_v17", "for a server whose data another major version made"),
        ("postgres_container_image_v17_version", "for a server whose data another major version made"),
        ("postgres_container_image_v9", "for a server whose data another major version made"),
        ("postgres_container_image_v9_version", "for a server whose data another major version made"),
        ("postgres_container_shell_path", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_databases_ignore_regex", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_databases_to_ignore", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_databases_to_ignore_auto", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_databases_to_ignore_custom", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_databases_to_ignore_default", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_roles_ignore_regex", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_roles_to_ignore", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_roles_to_ignore_auto", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_roles_to_ignore_custom", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_roles_to_ignore_default", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_schemas_ignore_regex", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_schemas_to_ignore", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_schemas_to_ignore_auto", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_schemas_to_ignore_custom", "read by the tags that import, upgrade and vacuum"),
        ("postgres_import_schemas_to_ignore_default", "read by the tags that import, upgrade and vacuum"),
        ("postgres_pgloader_container_image", "read by the tags that import, upgrade and vacuum"),
        ("postgres_pgloader_container_image_registry_prefix", "read by the tags that import, upgrade and vacuum"),
        ("postgres_pgloader_container_image_registry_prefix_upstream", "read by the tags that import, upgrade and vacuum"),
        ("postgres_pgloader_container_image_registry_prefix_upstream_default", "read by the tags that import, upgrade and vacuum"),
        ("postgres_pgloader_container_image_tag", "read by the tags that import, upgrade and vacuum"),
        ("postgres_systemd_service_stop_originally_stopped_after_preparation", "read by the tags that import, upgrade and vacuum"),
        ("postgres_systemd_services_to_stop_for_maintenance_list", "read by the tags that import, upgrade and vacuum"),
        ("postgres_systemd_services_to_stop_for_maintenance_list_auto", "read by the tags that import, upgrade and vacuum"),
        ("postgres_systemd_services_to_stop_for_maintenance_list_custom", "read by the tags that import, upgrade and vacuum"),
        ("postgres_vacuum_default_databases_list", "read by the tags that import, upgrade and vacuum"),
        ("postgres_vacuum_presets", "read by the tags that import, upgrade and vacuum"),
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

/// Every feature of these roles that the smallest server leaves out.
const FEATURES: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
postgres_container_unix_socket_enabled: false
matrix_authentication_service_enabled: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
matrix_authentication_service_config_captcha_service: hcaptcha
matrix_authentication_service_config_captcha_site_key: public
matrix_authentication_service_config_captcha_secret_key: test-only-private
matrix_metrics_exposure_enabled: true
matrix_metrics_exposure_http_basic_auth_enabled: true
matrix_metrics_exposure_http_basic_auth_users: 'user:hash'
matrix_synapse_metrics_enabled: true
matrix_client_element_location_sharing_enabled: true
matrix_client_element_location_sharing_map_style_content_sources_localsource_tiles: ['https://tiles.example.com/{z}']
matrix_client_element_location_sharing_map_style_access_control_allow_origin: '*'
matrix_client_element_element_call_enabled: true
matrix_static_files_container_labels_base_domain_enabled: true
matrix_static_files_file_index_html_enabled: true
matrix_static_files_file_matrix_support_enabled: true
matrix_static_files_file_matrix_support_property_m_support_page: https://example.com/help
matrix_static_files_file_matrix_mautrix_property_fi_mau_bridges_custom: ['https://example.com/bridge']
matrix_integration_manager_rest_url: https://example.com/rest
matrix_integration_manager_ui_url: https://example.com/ui
exim_relay_relay_use: true
exim_relay_relay_auth: true
exim_relay_relay_auth_username: relay
exim_relay_relay_auth_password: test-only-relay
traefik_dashboard_enabled: true
traefik_dashboard_hostname: example.org
traefik_dashboard_basicauth_user: admin
traefik_dashboard_basicauth_password: test-only-dashboard
traefik_config_metrics_prometheus_enabled: true
traefik_config_entrypoint_metrics_forwardedHeaders_insecure: true
traefik_config_entrypoint_web_http_encodedCharacters_enabled: true
traefik_config_entrypoint_web_secure_http_encodedCharacters_enabled: true
traefik_plugin_support_enabled: true
traefik_additional_domains_to_obtain_certificates_for_custom: [example.org]
traefik_config_certificatesResolvers_acme_dnsChallenge_enabled: true
traefik_config_certificatesResolvers_acme_dnsChallenge_provider: hetzner
traefik_config_certificatesResolvers_acme_httpChallenge_enabled: false
";

/// The other side of switches.
const OTHERS: &str = "\
matrix_domain: example.com
matrix_playbook_reverse_proxy_type: playbook-managed-traefik
matrix_homeserver_generic_secret_key: 'test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9'
postgres_connection_password: 'test-only-eeT4ohth9naeNg3oojai'
matrix_static_files_container_labels_base_domain_enabled: true
matrix_static_files_file_index_html_enabled: false
exim_relay_dkim_privkey_contents: test-only-key
matrix_authentication_service_enabled: true
matrix_authentication_service_config_secrets_encryption: 'a2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'
matrix_authentication_service_config_database_host: db.example.net
matrix_synapse_database_host: db.example.net
matrix_authentication_service_config_secrets_keys: [{kid: x, key: PEM}]
matrix_authentication_service_config_email_username: mas
matrix_authentication_service_config_email_password: test-only-mail
traefik_dashboard_enabled: true
traefik_dashboard_hostname: example.org
traefik_dashboard_basicauth_htpasswd: 'user:hash'
";
