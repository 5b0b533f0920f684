//! The people on a server, made in Synapse's database in one go.

use serde_json::json;

use crate::installed::Installed;
use crate::requests::{ask, ask_at, login_request, status};

pub const PASSWORD: &str = "test-only-Ohghie4aiPha";

/// How many there are, beside the one who is made by hand, and how many of them came through an identity provider.
const COUNT: u32 = 200;

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

/// The people.
pub struct People;

impl People {
    /// Makes them.
    pub fn move_in(installed: &Installed) -> Self {
        installed.homestead().run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
        installed.sandbox.script(&format!(
            "docker exec -i matrix-postgres psql -v ON_ERROR_STOP=1 -q -U matrix -h 127.0.0.1 -d synapse <<'SQL'\n{SQL}\nSQL"
        ));
        // Synapse remembers who has no such token or profile.
        let people = Self;
        people.are_in_synapse(installed);
        people
    }

    /// The token of a person, from long ago.
    pub fn token(number: u32) -> String {
        format!("syt_dXNlcg_testonlytokenAAAAA{number:03}_0abcde")
    }

    /// Old sessions go on, and old passwords log in, at MAS.
    pub fn are_in_mas(&self, installed: &Installed) {
        self.are_there(installed);
        let flows = ask(installed, "/_matrix/client/v3/login", "", "");
        let marked = flows["flows"].as_array().unwrap().iter().any(|flow| flow["org.matrix.msc3824.delegated_oidc_compatibility"] == true);
        assert!(marked, "{flows}");
    }

    /// The same at Synapse.
    pub fn are_in_synapse(&self, installed: &Installed) {
        self.are_there(installed);
        assert_eq!(status(installed, "/auth/.well-known/openid-configuration", "", ""), "404");
    }

    fn are_there(&self, installed: &Installed) {
        for number in [1, 21, COUNT] {
            let header = format!("header = \"Authorization: Bearer {}\"\n", Self::token(number));
            let whoami = ask(installed, "/_matrix/client/v3/account/whoami", "--config -", &header);
            assert_eq!(whoami["user_id"], format!("@user{number:03}:example.com"), "{whoami}");
            assert_eq!(whoami["device_id"], format!("DEVICE{number}"), "{whoami}");
        }
        for user in ["alice", "user020", "user150"] {
            let mut body = login_request(user, PASSWORD);
            body["device_id"] = json!("CHECKED");
            let answer = ask_at(installed, "https://matrix.example.com/_matrix/client/v3/login", "--json @-", &body.to_string());
            assert_eq!(answer["user_id"], format!("@{user}:example.com"), "{answer}");
        }
    }
}
