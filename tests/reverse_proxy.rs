//! Who answers on the public ports: what each kind of reverse proxy makes of labels, ports, networks and
//! certificates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::{Homestead, Rendered, TestInventory};

/// Unit -> published ports, of those that publish any.
fn ports<'a>(rendered: &'a Rendered<'_>) -> BTreeMap<&'a str, Vec<String>> {
    let units = rendered.units().into_iter().map(|unit| (unit, rendered.published(unit)));
    units.filter(|(_, ports)| !ports.is_empty()).collect()
}

/// What Traefik is told to do with a router of MAS.
fn router<'a>(labels: &'a BTreeMap<String, String>, name: &str, setting: &str) -> Option<&'a str> {
    labels.get(&format!("traefik.http.routers.{name}.{setting}")).map(String::as_str)
}

const PUBLIC: &str = "_internalmatrix-authentication-service-public-compatibility-layer";
const INTERNAL: &str = "_internalmatrix-authentication-service-internal-compatibility-layer";
const LABELLED: [&str; 4] = ["matrix-authentication-service/config", "synapse", "client-element", "static-files"];

#[test]
fn traefik_of_our_own_serves_everything() {
    let inventory = TestInventory::new();
    let rendered = Rendered::of(&inventory);
    assert_eq!(
        ports(&rendered),
        BTreeMap::from([(
            "matrix-traefik",
            ["80:8080", "443:8443", "443:8443/udp", "8448:8448", "5350:5350", "8448:8448/udp"].map(str::to_owned).to_vec()
        )])
    );
    for unit in ["matrix-container-socket-proxy", "matrix-traefik", "matrix-traefik-certs-dumper"] {
        assert!(rendered.units().contains(&unit), "{:?}", rendered.units());
    }
    // Traefik reads Docker through the proxy of its socket, and the socket is not mounted.
    assert_eq!(rendered.networks("matrix-traefik"), ["traefik", "matrix-container-socket-proxy"]);
    assert!(!rendered.unit("matrix-traefik").contains("docker.sock"));
    let configuration = rendered.yaml("/matrix/traefik/config/traefik.yml");
    assert_eq!(configuration["providers"]["docker"]["endpoint"], "tcp://matrix-container-socket-proxy:2375");
    assert_eq!(configuration["certificatesResolvers"]["default"]["acme"]["storage"], "/ssl/acme.json");
    let names: Vec<&String> = configuration["entryPoints"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["web", "web-secure", "health", "matrix-federation", "matrix-internal-matrix-client-api", "matrix-livekit-turn"]);

    for folder in LABELLED {
        assert_eq!(rendered.labels(folder)["traefik.enable"], "true", "{folder}");
    }
    let labels = rendered.labels("matrix-authentication-service/config");
    assert_eq!(router(&labels, "matrix-authentication-service", "rule"), Some("Host(`matrix.example.com`) && PathPrefix(`/auth`)"));
    for name in ["matrix-authentication-service", PUBLIC] {
        assert_eq!(router(&labels, name, "entrypoints"), Some("web-secure"), "{name}");
        assert_eq!(router(&labels, name, "tls.certResolver"), Some("default"), "{name}");
    }
    assert_eq!(router(&labels, INTERNAL, "entrypoints"), Some("matrix-internal-matrix-client-api"));
    assert_eq!(router(&labels, INTERNAL, "tls"), None);
}

#[test]
fn a_traefik_of_yours_gets_the_labels_alone() {
    let inventory = TestInventory::new();
    inventory
        .set("matrix_playbook_reverse_proxy_type", "other-traefik-container")
        .set("matrix_playbook_reverse_proxy_container_network", "edge")
        .set("matrix_playbook_reverse_proxy_hostname", "edge-traefik")
        .set("traefik_certResolver_primary", "mine")
        .set("traefik_entrypoint_primary", "https");
    let refused = Homestead::on(&inventory).run(&["check"]).exits(3);
    assert!(refused.stdout.contains("`traefik_certs_dumper_ssl_path` is not set"), "{}", refused.text());
    inventory.set("traefik_certs_dumper_ssl_path", "/srv/traefik");

    let rendered = Rendered::of(&inventory);
    assert_eq!(ports(&rendered), BTreeMap::new());
    for unit in ["matrix-traefik", "matrix-container-socket-proxy"] {
        assert!(!rendered.units().contains(&unit), "{:?}", rendered.units());
    }
    // Certificates are still taken out of the other Traefik's file.
    assert!(rendered.unit("matrix-traefik-certs-dumper").contains("src=/srv/traefik,dst=/in"));
    for unit in ["matrix-synapse", "matrix-authentication-service", "matrix-client-element", "matrix-static-files"] {
        assert!(rendered.networks(unit).contains(&"edge".to_owned()), "{unit}: {:?}", rendered.networks(unit));
    }
    for folder in LABELLED {
        assert_eq!(rendered.labels(folder)["traefik.docker.network"], "edge", "{folder}");
    }
    let labels = rendered.labels("matrix-authentication-service/config");
    for name in ["matrix-authentication-service", PUBLIC] {
        assert_eq!(router(&labels, name, "entrypoints"), Some("https"), "{name}");
        assert_eq!(router(&labels, name, "tls.certResolver"), Some("mine"), "{name}");
    }
    assert_eq!(router(&labels, INTERNAL, "entrypoints"), Some("matrix-internal-matrix-client-api"));
}

#[test]
fn a_web_server_in_front_of_our_traefik_ends_tls() {
    let inventory = TestInventory::new();
    inventory.append(
        "traefik_config_entrypoint_web_secure_enabled: false
traefik_container_web_host_bind_port: '127.0.0.1:81'
traefik_config_entrypoint_web_forwardedHeaders_insecure: true
matrix_playbook_public_matrix_federation_api_traefik_entrypoint_host_bind_port: '127.0.0.1:8449'
matrix_playbook_public_matrix_federation_api_traefik_entrypoint_config_http3_enabled: false
matrix_playbook_public_matrix_federation_api_traefik_entrypoint_config_custom: {forwardedHeaders: {insecure: true}}
matrix_playbook_livekit_turn_traefik_entrypoint_enabled: false
",
    );
    let rendered = Rendered::of(&inventory);
    assert_eq!(
        ports(&rendered),
        BTreeMap::from([("matrix-traefik", ["127.0.0.1:81:8080", "127.0.0.1:8449:8448"].map(str::to_owned).to_vec())])
    );
    assert!(!rendered.units().contains(&"matrix-traefik-certs-dumper"), "{:?}", rendered.units());
    let configuration = rendered.yaml("/matrix/traefik/config/traefik.yml");
    assert!(configuration["certificatesResolvers"].is_null(), "{configuration:#}");
    for name in ["web", "matrix-federation"] {
        assert_eq!(configuration["entryPoints"][name]["forwardedHeaders"]["insecure"], true, "{name}");
    }
    let labels = rendered.labels("matrix-authentication-service/config");
    for name in ["matrix-authentication-service", PUBLIC] {
        assert_eq!(router(&labels, name, "entrypoints"), Some("web"), "{name}");
        assert_eq!(router(&labels, name, "tls"), Some("false"), "{name}");
        assert_eq!(router(&labels, name, "tls.certResolver"), None, "{name}");
    }
    // What clients see is HTTPS all the same.
    assert_eq!(rendered.mas()["http"]["public_base"], "https://matrix.example.com/auth/");
    assert_eq!(rendered.yaml("/matrix/synapse/config/homeserver.yaml")["public_baseurl"], "https://matrix.example.com/");
}

#[test]
fn without_a_proxy_each_service_is_published_where_it_is_told() {
    let inventory = TestInventory::new();
    inventory.set("matrix_playbook_reverse_proxy_type", "none");
    let rendered = Rendered::of(&inventory);
    assert_eq!(ports(&rendered), BTreeMap::new());

    inventory.set("matrix_playbook_service_host_bind_interface_prefix", "'127.0.0.1:'");
    inventory.set("matrix_static_files_container_http_host_bind_port", "'127.0.0.1:8766'");
    let rendered = Rendered::of(&inventory);
    let one = |port: &str| vec![port.to_owned()];
    assert_eq!(
        ports(&rendered),
        BTreeMap::from([
            ("matrix-authentication-service", one("127.0.0.1:8080:8080")),
            ("matrix-client-element", one("127.0.0.1:8765:8080")),
            ("matrix-static-files", one("127.0.0.1:8766:8080")),
            ("matrix-synapse", vec!["127.0.0.1:8008:8008".to_owned(), "127.0.0.1:8048:8048".to_owned()]),
        ])
    );
    for folder in LABELLED {
        assert_eq!(rendered.labels(folder), BTreeMap::new(), "{folder}");
    }
    let units = rendered.units();
    assert!(!units.iter().any(|unit| unit.contains("traefik") || unit.contains("socket-proxy")), "{units:?}");
    for unit in &units {
        assert!(!rendered.networks(unit).contains(&"traefik".to_owned()), "{unit}");
        assert!(!rendered.unit(unit).contains("matrix-traefik"), "{unit}");
    }
}

#[test]
fn kinds_that_are_gone_say_what_to_do() {
    for gone in ["playbook-managed-nginx", "other-nginx-non-container", "other-on-same-host", "other-on-another-host"] {
        let inventory = TestInventory::new();
        inventory.set("matrix_playbook_reverse_proxy_type", gone);
        let refused = Homestead::on(&inventory).run(&["check"]).exits(3);
        let errors = refused.stdout.matches("error[").count();
        assert!(
            errors == 1 && refused.stdout.contains(&format!("error[H0332]: `{gone}` made configuration for nginx, which is gone")),
            "{}",
            refused.text()
        );
        assert!(refused.stdout.contains("traefik_container_web_host_bind_port: '127.0.0.1:81'"), "{}", refused.text());
    }
    let inventory = TestInventory::new();
    inventory.set("matrix_playbook_reverse_proxy_type", "caddy");
    let refused = Homestead::on(&inventory).run(&["check"]).exits(3);
    assert!(refused.stdout.contains("playbook-managed-traefik, other-traefik-container or none"), "{}", refused.text());
}

#[test]
fn without_tls_the_addresses_are_http() {
    let inventory = TestInventory::new();
    inventory.set("matrix_playbook_ssl_enabled", "false");
    let rendered = Rendered::of(&inventory);
    assert_eq!(rendered.mas()["http"]["public_base"], "http://matrix.example.com/auth/");
    let client = rendered.yaml("/matrix/static-files/public/.well-known/matrix/client");
    assert_eq!(client["m.homeserver"]["base_url"], "http://matrix.example.com");
    assert_eq!(client["org.matrix.msc2965.authentication"]["issuer"], "http://matrix.example.com/auth/");
}
