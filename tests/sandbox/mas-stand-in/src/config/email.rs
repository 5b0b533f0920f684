//! Section `email`.

use std::path::PathBuf;

use anyhow::bail;
use serde::Deserialize;

use super::secret_from_file;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmailTransport {
    Blackhole,
    Smtp,
    Sendmail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpMode {
    Plain,
    Starttls,
    Tls,
}

#[derive(Debug, Clone, Deserialize)]
pub struct EmailConfig {
    #[serde(default = "default_sender")]
    pub from: String,
    #[serde(default = "default_sender")]
    pub reply_to: String,
    pub transport: EmailTransport,
    pub mode: Option<SmtpMode>,
    pub hostname: Option<String>,
    pub port: Option<std::num::NonZeroU16>,
    pub username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    command: Option<String>,
}

impl EmailConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        let has_password = self.password.is_some() || self.password_file.is_some();
        let smtp_only = [
            ("mode", self.mode.is_some()),
            ("hostname", self.hostname.is_some()),
            ("port", self.port.is_some()),
            ("username", self.username.is_some()),
            ("password", has_password),
        ];
        match self.transport {
            EmailTransport::Smtp => {
                if self.hostname.is_none() {
                    bail!("missing `email.hostname`: the `smtp` transport needs it");
                }
                if self.mode.is_none() {
                    bail!("missing `email.mode`: the `smtp` transport needs it");
                }
                if self.password.is_some() && self.password_file.is_some() {
                    bail!("only one of `email.password` and `email.password_file` may be given");
                }
                if self.username.is_some() != has_password {
                    bail!("`email.username` and `email.password` belong together");
                }
                if self.command.is_some() {
                    bail!("`email.command` does not go with the `smtp` transport");
                }
            }
            EmailTransport::Blackhole | EmailTransport::Sendmail => {
                if let Some((name, _)) = smtp_only.iter().find(|(_, given)| *given) {
                    bail!("`email.{name}` only goes with the `smtp` transport");
                }
            }
        }
        Ok(())
    }

    /// The password, where there is a user.
    pub async fn password(&self) -> anyhow::Result<Option<String>> {
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(Some(password.clone())),
            (None, Some(file)) => secret_from_file("email.password_file", file).await.map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn default_sender() -> String {
    r#""Authentication Service" <root@localhost>"#.to_owned()
}
