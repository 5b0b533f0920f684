//! The door of the server: while the accounts move, Traefik answers clients with 503, and they wait and try again.
//! It is a router in Traefik's dynamic configuration, which Traefik reads while it runs, so that nothing restarts.

use serde_json::{Value as Json, json};

use super::super::Context;
use crate::desired::File;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Push, PushFile};
use crate::secret::Secret;

/// The file in Traefik's folder of configuration.
const FILE: &str = "/provider.yml";
/// Below what Traefik keeps for itself (its documentation, "Routers", "Priority").
const PRIORITY: i64 = 1_000_000_000;
const NAME: &str = "homestead-migration";

/// The door of a host whose Traefik homestead manages.
pub struct Door {
    file: File,
    closed: Secret<String>,
}

impl Door {
    /// The door; nothing where another proxy stands before the server.
    ///
    /// # Errors
    /// Traefik's configuration cannot be understood.
    pub fn of(context: &Context<'_>) -> Result<Option<Self>> {
        let files = &context.prepared.desired.files;
        let Some(file) = files.iter().find(|file| file.role == "traefik" && file.path.ends_with(FILE)) else { return Ok(None) };
        let Some(mut configuration) = context.variable("traefik_provider_configuration")?.filter(Json::is_object) else {
            return Err(Error::new(Kind::Invalid, "`traefik_provider_configuration` is no mapping"));
        };
        let text = |name: &str| context.text(name);
        let server = text("matrix_server_fqn_matrix")?;
        let mut rule = format!("(Host(`{server}`) && PathPrefix(`/_matrix/client`))");
        let mas = text("matrix_authentication_service_hostname")?;
        let prefix = text("matrix_authentication_service_path_prefix")?;
        if !mas.is_empty() {
            rule = format!("{rule} || (Host(`{mas}`) && PathPrefix(`{}`))", if prefix.is_empty() { "/" } else { &prefix });
        }
        let public = text("traefik_entrypoint_primary")?;
        let inside = text("matrix_playbook_internal_matrix_client_api_traefik_entrypoint_name")?;
        let secure = context.is_true("matrix_playbook_ssl_enabled")?;
        let mut router = json!({"rule": rule, "service": NAME, "priority": PRIORITY, "entryPoints": [public]});
        if secure {
            router["tls"] = json!({});
        }
        set(&mut configuration, "routers", NAME, router);
        if context.is_true("matrix_playbook_internal_matrix_client_api_traefik_entrypoint_enabled")? {
            let rule = "PathPrefix(`/_matrix/client`)";
            let router = json!({"rule": rule, "service": NAME, "priority": PRIORITY, "entryPoints": [inside]});
            set(&mut configuration, "routers", &format!("{NAME}-inside"), router);
        }
        // Nothing behind it: Traefik answers 503.
        set(&mut configuration, "services", NAME, json!({"loadBalancer": {"servers": []}}));
        // JSON is YAML.
        Ok(Some(Self { file: file.clone(), closed: Secret::new(format!("{configuration:#}\n")) }))
    }

    /// The file.
    pub fn path(&self) -> &str {
        &self.file.path
    }

    /// Its text when the door is open.
    pub fn open_text(&self) -> &str {
        self.file.contents.reveal()
    }

    /// Closes it. Traefik notices within a second or two.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn close(&self, context: &Context<'_>) -> Result<()> {
        self.write(context, self.closed.reveal()).await
    }

    /// Opens it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn open(&self, context: &Context<'_>) -> Result<()> {
        self.write(context, self.file.contents.reveal()).await
    }

    async fn write(&self, context: &Context<'_>, text: &str) -> Result<()> {
        let file = PushFile {
            path: self.file.path.clone(),
            bytes: text.as_bytes().to_vec(),
            mode: self.file.mode.clone(),
            owner: self.file.owner.clone(),
            group: self.file.group.clone(),
            keep_existing: false,
        };
        host::push(&**context.host, &Push { files: vec![file], ..Push::default() }).await
    }
}

fn set(configuration: &mut Json, section: &str, name: &str, value: Json) {
    // `routers:` with nothing below it is null.
    for path in ["http", section] {
        let parent = if path == "http" { &mut *configuration } else { &mut configuration["http"] };
        if !parent[path].is_object() {
            parent[path] = json!({});
        }
    }
    configuration["http"][section][name] = value;
}
