//! What a migration decides about a host's variables, until the inventory says it itself.

use super::document::{Migration, PATH, State};
use crate::diagnostic::Span;
use crate::inventory::{Layer, LayerKind, Node, Value, Variable};

/// A variable that a migration decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// The variable.
    pub name: &'static str,
    /// Its value, as it would stand in `vars.yml`.
    pub value: Decided,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// True or false.
    Truth(bool),
    /// An expression.
    Expression(&'static str),
}

impl Decided {
    /// As text, for people.
    pub fn text(self) -> String {
        match self {
            Self::Truth(value) => value.to_string(),
            Self::Expression(_) => format!("as it is set, without {}", EXTENSION_KEYS.join(", ")),
        }
    }
}

const fn truth(name: &'static str, value: bool) -> Override {
    Override { name, value: Decided::Truth(value) }
}

/// MAS runs, and no client is sent to it: whoever registered there would be in the way of the accounts that come.
const BESIDE: &[Override] = &[
    truth("matrix_authentication_service_enabled", true),
    truth("matrix_authentication_service_migration_in_progress", true),
    truth("matrix_authentication_service_config_account_password_registration_enabled", false),
    truth("matrix_static_files_file_matrix_client_property_org_matrix_msc2965_authentication_enabled", false),
    truth("matrix_client_element_features_feature_oidc_native_flow", false),
    truth("matrix_playbook_synapse_requires_matrix_authentication_service", false),
];

/// MAS has the logins. Synapse does not start with some of its own settings beside it: `REPLACED`, `EXTENSION_KEYS`.
const MOVED: &[Override] = &[
    truth("matrix_authentication_service_enabled", true),
    truth("matrix_authentication_service_migration_in_progress", false),
    Override {
        name: "matrix_synapse_configuration_extension",
        value: Decided::Expression(
            "{{ (matrix_synapse_configuration_extension_yaml | from_yaml if matrix_synapse_configuration_extension_yaml | from_yaml is mapping else {}) \
             | dict2items | rejectattr('key', 'in', ['cas_config', 'enable_3pid_changes', 'enable_registration', 'enable_registration_captcha', \
             'jwt_config', 'login_via_existing_session', 'nonrefreshable_access_token_lifetime', 'oidc_config', 'oidc_providers', \
             'refresh_token_lifetime', 'saml2_config', 'session_lifetime', 'user_consent']) | items2dict }}",
        ),
    },
];

/// Variables of Synapse that stand for what MAS does after the move: switched off then, and taken out of the inventory
/// at the end.
pub const REPLACED: &[&str] = &[
    "matrix_synapse_cas_config_enabled",
    "matrix_synapse_enable_registration",
    "matrix_synapse_enable_registration_captcha",
    "matrix_synapse_oidc_enabled",
    "matrix_synapse_password_config_enabled",
];

/// The same in the YAML that is merged over Synapse's configuration (`config/mas.py` of Synapse names them).
pub const EXTENSION_KEYS: &[&str] = &[
    "cas_config",
    "enable_3pid_changes",
    "enable_registration",
    "enable_registration_captcha",
    "jwt_config",
    "login_via_existing_session",
    "nonrefreshable_access_token_lifetime",
    "oidc_config",
    "oidc_providers",
    "refresh_token_lifetime",
    "saml2_config",
    "session_lifetime",
    "user_consent",
];

/// What a migration decides.
pub fn overrides(migration: &Migration) -> Vec<Override> {
    match migration.state {
        State::None | State::Finalized => Vec::new(),
        State::Beside => BESIDE.to_vec(),
        State::Moved => MOVED.iter().copied().chain(REPLACED.iter().map(|name| truth(name, false))).collect(),
    }
}

/// The same as a layer over everything that a user writes; nothing where nothing is decided.
pub fn layer(migration: &Migration) -> Option<Layer> {
    let span = Span::whole(format!("{PATH} on the host"));
    let variable = |decided: Override| {
        let value = match decided.value {
            Decided::Truth(value) => Value::Bool(value),
            Decided::Expression(text) => Value::Text(text.to_owned()),
        };
        Variable { name: decided.name.to_owned(), name_span: span.clone(), value: Node::new(value, span.clone()) }
    };
    let variables: Vec<Variable> = overrides(migration).into_iter().map(variable).collect();
    (!variables.is_empty()).then(|| Layer { kind: LayerKind::Migration, name: "migration".to_owned(), variables })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_names_the_keys() {
        let Decided::Expression(text) = MOVED[2].value else { panic!() };
        let list = EXTENSION_KEYS.iter().map(|key| format!("'{key}'")).collect::<Vec<_>>().join(", ");
        assert!(text.contains(&format!("[{list}]")), "{text}");
    }

    #[test]
    fn only_a_migration_under_way_decides() {
        let with = |state| Migration { state, ..Migration::default() };
        assert!(layer(&with(State::None)).is_none() && layer(&with(State::Finalized)).is_none());
        assert_eq!(layer(&with(State::Beside)).unwrap().variables.len(), BESIDE.len());
        assert_eq!(layer(&with(State::Moved)).unwrap().variables.len(), MOVED.len() + REPLACED.len());
    }
}
