//! Who comes in: mail, registration, limits, upstream providers.

use insta::assert_snapshot;
use serde_json::json;

use crate::common::{Rendered, TestInventory};
use crate::{MAS, refused, with};

#[test]
fn mail_goes_through_the_relay_or_your_server_or_nowhere() {
    let email = |lines: &str| Rendered::of(&with(lines)).mas()["email"].clone();
    let relay = email("");
    assert_eq!(
        relay,
        json!({
            "from": "\"Matrix Authentication Service\" <matrix@matrix.example.com>",
            "reply_to": "\"Matrix Authentication Service\" <matrix@matrix.example.com>",
            "transport": "smtp", "mode": "plain", "hostname": "matrix-exim-relay", "port": 8025,
        })
    );
    for (mode, port) in [("plain", 25), ("tls", 465), ("starttls", 587)] {
        let inventory = with(&format!(
            "matrix_authentication_service_config_email_hostname: mail.example.net
matrix_authentication_service_config_email_port: {port}
matrix_authentication_service_config_email_mode: {mode}
matrix_authentication_service_config_email_username: mas@example.net
matrix_authentication_service_config_email_password: 'test-only: #7'
matrix_authentication_service_config_email_from_name: Accounts
matrix_authentication_service_config_email_from_address: accounts@example.com
matrix_authentication_service_config_email_reply_to_address: help@example.com
"
        ));
        let rendered = Rendered::of(&inventory);
        assert_eq!(
            rendered.mas()["email"],
            json!({
                "from": "\"Accounts\" <accounts@example.com>", "reply_to": "\"Accounts\" <help@example.com>",
                "transport": "smtp", "mode": mode, "hostname": "mail.example.net", "port": port,
                "username": "mas@example.net", "password": "test-only: #7",
            })
        );
        // It has nothing to do with the relay then.
        assert!(!rendered.networks(MAS).contains(&"matrix-exim-relay".to_owned()), "{:?}", rendered.networks(MAS));
        assert!(!rendered.unit(MAS).contains("matrix-exim-relay.service"));
    }
    let without = email("exim_relay_enabled: false\n");
    assert_eq!((&without["transport"], without.get("hostname")), (&json!("blackhole"), None));
    assert_eq!(email("matrix_authentication_service_config_email_transport: blackhole\n")["transport"], "blackhole");

    assert_snapshot!(refused("matrix_authentication_service_config_email_transport: aws_ses\n"), @"
    error[H0332]: MAS has no way of its own to Amazon SES any more
     --> vars.yml:8:1
      = help: SES takes mail over SMTP: transport `smtp`, mode `starttls`, port 587, hostname `email-smtp.REGION.amazonaws.com`, and the SMTP user and password that SES gives you
    ");
    let ses = email(
        "matrix_authentication_service_config_email_hostname: email-smtp.eu-west-1.amazonaws.com
matrix_authentication_service_config_email_port: 587
matrix_authentication_service_config_email_mode: starttls
matrix_authentication_service_config_email_username: AKIATEST
matrix_authentication_service_config_email_password: test-only
",
    );
    assert_eq!((&ses["mode"], &ses["username"]), (&json!("starttls"), &json!("AKIATEST")));
    assert_snapshot!(refused("matrix_authentication_service_config_email_transport: sendmail\n"), @"
    error[H0332]: MAS cannot send mail in that way
     --> vars.yml:8:1
      = help: `blackhole` or `smtp`; the image holds no `sendmail`
    ");
}

#[test]
fn registration_accounts_captcha_and_limits() {
    let inventory = with(
        "matrix_authentication_service_config_account_password_registration_enabled: true
matrix_authentication_service_config_account_password_registration_email_required: false
matrix_authentication_service_config_account_password_recovery_enabled: true
matrix_authentication_service_config_account_password_change_allowed: false
matrix_authentication_service_config_account_email_change_allowed: false
matrix_authentication_service_config_account_displayname_change_allowed: 'no'
matrix_authentication_service_config_account_account_deactivation_allowed: false
matrix_authentication_service_config_account_login_with_email_allowed: true
matrix_authentication_service_config_account_registration_token_required: true
matrix_authentication_service_config_passwords_minimum_complexity: 4
matrix_authentication_service_config_policy_data_emails_allowed_addresses_suffixes: ['@example.com', '@example.org']
matrix_authentication_service_config_policy_data_custom:
  registration: {banned_usernames: {literals: [root]}}
  emails: {banned_addresses: {suffixes: ['@evil.example']}}
matrix_authentication_service_config_rate_limiting_registration: {burst: 2, per_second: 0.01}
matrix_authentication_service_config_rate_limiting_login_per_account: {burst: 100, per_second: 1}
matrix_authentication_service_config_rate_limiting_email_authentication_attempt_per_session: {burst: 5, per_second: 0.1}
",
    );
    let mas = Rendered::of(&inventory).mas();
    assert_eq!(
        mas["account"],
        json!({
            "email_change_allowed": false, "displayname_change_allowed": false, "password_registration_enabled": true,
            "password_registration_email_required": false, "password_change_allowed": false, "password_recovery_enabled": true,
            "account_deactivation_allowed": false, "login_with_email_allowed": true, "registration_token_required": true,
        })
    );
    assert_eq!(mas["passwords"]["minimum_complexity"], 4);
    assert_eq!(
        mas["policy"]["data"],
        json!({
            "emails": {"allowed_addresses": {"suffixes": ["@example.com", "@example.org"]}, "banned_addresses": {"suffixes": ["@evil.example"]}},
            "registration": {"banned_usernames": {"literals": ["root"]}},
        })
    );
    assert_eq!(
        mas["rate_limiting"],
        json!({
            "login": {"per_account": {"burst": 100, "per_second": 1}},
            "email_authentication": {"attempt_per_session": {"burst": 5, "per_second": 0.1}},
            "registration": {"burst": 2, "per_second": 0.01},
        })
    );
    assert_eq!((mas.get("captcha"), Rendered::of(&TestInventory::new()).mas().get("rate_limiting")), (None, None));
    for service in ["recaptcha_v2", "cloudflare_turnstile", "hcaptcha"] {
        let captcha = with(&format!(
            "matrix_authentication_service_config_captcha_service: {service}
matrix_authentication_service_config_captcha_site_key: public
matrix_authentication_service_config_captcha_secret_key: private
"
        ));
        assert_eq!(Rendered::of(&captcha).mas()["captcha"], json!({"service": service, "site_key": "public", "secret_key": "private"}));
    }
    assert_snapshot!(refused("matrix_authentication_service_config_captcha_service: friendly\n"), @"
    error[H0332]: `matrix_authentication_service_config_captcha_site_key` is not set
      --> vars.yml
      = help: the public key that the captcha service gave you
    error[H0332]: `matrix_authentication_service_config_captcha_secret_key` is not set
      --> vars.yml
      = help: the private key that the captcha service gave you
    error[H0332]: MAS knows no such captcha service
     --> vars.yml:8:1
      = help: one of `recaptcha_v2`, `cloudflare_turnstile`, `hcaptcha`, or empty for none
    ");
    assert_snapshot!(refused("matrix_authentication_service_config_rate_limiting_registration: {burst: 2}\n"), @"
    error[H0352]: `rate_limiting.registration.per_second` is missing; MAS does not start without it
     --> vars.yml:8:1
    ");
}

#[test]
fn upstream_providers_reach_mas_as_they_are_written() {
    let inventory = with(
        "matrix_authentication_service_config_upstream_oauth2_providers:
  - id: 01HFVBY12TMNTYTBV8W921M5FA
    synapse_idp_id: oidc-keycloak
    issuer: https://keycloak.example.com/realms/{{ matrix_domain }}
    client_id: mas
    client_secret: 'test-only-quote''\\'
    token_endpoint_auth_method: client_secret_basic
    scope: openid email
    pkce_method: always
    discovery_mode: insecure
    fetch_userinfo: true
    response_mode: form_post
    on_backchannel_logout: logout_all
    forward_login_hint: true
    additional_authorization_parameters: {prompt: login}
    claims_imports:
      skip_confirmation: true
      subject: {template: \"{% raw %}{{ user.sub }}{% endraw %}\"}
      localpart: {action: require, on_conflict: add, template: \"{% raw %}{{ user.preferred_username | lower }}{% endraw %}\"}
      account_name: {template: \"{% raw %}@{{ user.name }}{% endraw %} of {{ matrix_domain }}\"}
  - id: 01HFRQFT5QFMJFGF01P7JAV2ME
    client_id: apple
    token_endpoint_auth_method: sign_in_with_apple
    sign_in_with_apple: {team_id: T, key_id: K, private_key: PEM}
",
    );
    let providers = Rendered::of(&inventory).mas()["upstream_oauth2"]["providers"].clone();
    assert_eq!(providers[0]["issuer"], "https://keycloak.example.com/realms/example.com");
    assert_eq!(providers[0]["client_secret"], "test-only-quote'\\");
    assert_eq!(
        providers[0]["claims_imports"],
        json!({
            "skip_confirmation": true,
            "subject": {"template": "{{ user.sub }}"},
            "localpart": {"action": "require", "on_conflict": "add", "template": "{{ user.preferred_username | lower }}"},
            "account_name": {"template": "@{{ user.name }} of example.com"},
        })
    );
    assert_eq!(providers[1]["sign_in_with_apple"]["team_id"], "T");
}
