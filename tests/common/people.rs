//! Two hundred people on a server without MAS, made in Synapse's database in one go.

use super::{Sandbox, TestInventory};

/// How many there are, beside the one who is made by hand.
pub const COUNT: u32 = 200;

/// Cheap hashes, and as many logins as a test likes.
const SETTINGS: &str = "
# Passwords have a pepper.
matrix_synapse_password_config_pepper: 'test-only-pepper-Oa7aenieg'
matrix_synapse_configuration_extension_yaml: |
  # Hashes that cost little.
  bcrypt_rounds: 4
  # Not beside MAS.
  session_lifetime: 24h
matrix_synapse_rc_login:
  address: {per_second: 1000, burst_count: 1000}
  account: {per_second: 1000, burst_count: 1000}
  failed_attempts: {per_second: 1000, burst_count: 1000}
matrix_authentication_service_configuration_extension_yaml: |
  rate_limiting:
    login:
      per_ip: {burst: 10000, per_second: 1000}
      per_account: {burst: 10000, per_second: 1000}
";

/// All have the first one's hash: one password, and the pepper of the server.
const SQL: &str = r"
INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, deactivated, approved)
  SELECT format('@user%s:example.com', lpad(n::text, 3, '0')), u.password_hash, u.creation_ts, 0, 0, 0, TRUE
  FROM generate_series(1, 200) n, users u WHERE u.name = '@alice:example.com';
INSERT INTO profiles (user_id, displayname, full_user_id)
  SELECT format('user%s', lpad(n::text, 3, '0')), format('User %s', n), format('@user%s:example.com', lpad(n::text, 3, '0'))
  FROM generate_series(1, 200) n;
INSERT INTO devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden)
  SELECT format('@user%s:example.com', lpad(n::text, 3, '0')), format('DEVICE%s', n), 'A telephone', 1760000000000, '192.0.2.7', 'Test', FALSE
  FROM generate_series(1, 200) n;
INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, used)
  SELECT 100000 + n, format('@user%s:example.com', lpad(n::text, 3, '0')), format('DEVICE%s', n),
         format('syt_dXNlcg_testonlytokenAAAAA%s_0abcde', lpad(n::text, 3, '0')), 1760000000000, TRUE
  FROM generate_series(1, 200) n;
INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
  SELECT format('@user%s:example.com', lpad(n::text, 3, '0')), CASE WHEN n % 10 = 0 THEN 'msisdn' ELSE 'email' END,
         CASE WHEN n % 10 = 0 THEN format('4930%s', n) ELSE format('user%s@example.org', n) END, 1760000000000, 1760000000000
  FROM generate_series(1, 100) n;
INSERT INTO user_external_ids (auth_provider, external_id, user_id)
  SELECT 'oidc-dex', format('subject-%s', n), format('@user%s:example.com', lpad(n::text, 3, '0')) FROM generate_series(1, 20) n;
";

/// The provider that twenty of them come through, as Synapse has it: it looks for nothing there before somebody logs in.
pub const SYNAPSES_PROVIDER: &str = "\
matrix_synapse_oidc_enabled: true
matrix_synapse_oidc_providers:
  - idp_id: dex
    idp_name: Our directory
    issuer: https://example.com/dex
    discover: false
    client_id: synapse
    client_secret: 'test-only-quooPhohgh9E'
    scopes: [openid, profile]
    authorization_endpoint: https://example.com/dex/auth
    token_endpoint: https://example.com/dex/token
    userinfo_endpoint: https://example.com/dex/userinfo
    user_profile_method: userinfo_endpoint
    user_mapping_provider:
      config:
        localpart_template: '{% raw %}{{ user.preferred_username }}{% endraw %}'
";

/// The same for MAS.
const MAS_PROVIDER: &str = "\
matrix_authentication_service_config_upstream_oauth2_providers:
  - id: 01HFVBY12TMNTYTBV8W921M5FA
    synapse_idp_id: oidc-dex
    issuer: https://example.com/dex
    client_id: synapse
    client_secret: 'test-only-quooPhohgh9E'
    token_endpoint_auth_method: client_secret_basic
    scope: openid
    claims_imports:
      localpart: {action: require, template: '{% raw %}{{ user.preferred_username }}{% endraw %}'}
";

/// Makes of the demo's inventory one for a server without MAS, which is to get it.
pub fn without_mas(inventory: &TestInventory) {
    inventory.unset("matrix_authentication_service_enabled").append(SETTINGS).append(SYNAPSES_PROVIDER).append(MAS_PROVIDER);
}

/// Gives a server on which alice has an account its people: each has her password.
pub fn move_in(sandbox: &Sandbox) {
    sandbox.script(&format!(
        "docker exec -i matrix-postgres psql -v ON_ERROR_STOP=1 -q -U matrix -h 127.0.0.1 -d synapse <<'SQL'\n{SQL}\nSQL"
    ));
}

/// The access token of a person, from long ago.
pub fn token(number: u32) -> String {
    format!("syt_dXNlcg_testonlytokenAAAAA{number:03}_0abcde")
}

/// The options with which this machine sees the server.
pub fn seen(sandbox: &Sandbox) -> Vec<String> {
    let (https, http) = (sandbox.port("https_port"), sandbox.port("http_port"));
    let authority = sandbox.text("ca_cert").to_owned();
    [
        "--ca".to_owned(),
        authority,
        "--resolve".to_owned(),
        format!("*:443:127.0.0.1:{https}"),
        "--resolve".to_owned(),
        format!("*:80:127.0.0.1:{http}"),
    ]
    .into()
}
