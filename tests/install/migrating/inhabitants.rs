//! The people on a server, and that they are all there.

use serde_json::json;

use crate::common::people;
use crate::installed::Installed;
use crate::requests::{ask, ask_at, login_request, status};

pub const PASSWORD: &str = "test-only-Ohghie4aiPha";

/// The people.
pub struct People;

impl People {
    /// Makes them.
    pub fn move_in(installed: &Installed) -> Self {
        installed.homestead().run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
        people::move_in(&installed.sandbox);
        // Synapse remembers who has no such token or profile.
        let people = Self;
        people.are_in_synapse(installed);
        people
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

    /// Sessions and passwords, whoever has them.
    pub fn are_there(&self, installed: &Installed) {
        for number in [1, 21, people::COUNT] {
            let header = format!("header = \"Authorization: Bearer {}\"\n", people::token(number));
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
