//! Mails to users, over SMTP as `email` says.

use anyhow::{Context as _, bail};
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::config::{EmailConfig, EmailTransport, SmtpMode};

/// Sends mails, or drops them.
pub struct Mailer {
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
    reply_to: Mailbox,
}

impl Mailer {
    /// Without a section, mails are dropped.
    pub async fn new(config: Option<&EmailConfig>) -> anyhow::Result<Self> {
        let fallback = r#""Authentication Service" <root@localhost>"#;
        let address =
            |text: &str, key: &str| -> anyhow::Result<Mailbox> { text.parse().with_context(|| format!("`email.{key}` is no address")) };
        let from = address(config.map_or(fallback, |config| config.from.as_str()), "from")?;
        let reply_to = address(config.map_or(fallback, |config| config.reply_to.as_str()), "reply_to")?;
        let transport = match config.map(|config| (config, config.transport)) {
            None | Some((_, EmailTransport::Blackhole)) => None,
            Some((_, EmailTransport::Sendmail)) => bail!("mas-stand-in has no sendmail"),
            Some((config, EmailTransport::Smtp)) => Some(smtp(config).await?),
        };
        Ok(Self { transport, from, reply_to })
    }

    /// Connects and logs in, without a mail.
    pub async fn try_out(&self) -> anyhow::Result<()> {
        match &self.transport {
            Some(transport) if !transport.test_connection().await? => bail!("it does not answer"),
            _ => Ok(()),
        }
    }

    /// Sends one mail.
    pub async fn send(&self, to: &str, subject: &str, text: String) -> anyhow::Result<()> {
        let mail = Message::builder()
            .from(self.from.clone())
            .reply_to(self.reply_to.clone())
            .to(to.parse().with_context(|| format!("`{to}` is no address"))?)
            .subject(subject)
            .body(text)?;
        if let Some(transport) = &self.transport {
            transport.send(mail).await?;
        }
        Ok(())
    }
}

async fn smtp(config: &EmailConfig) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    let host = config.hostname.as_deref().unwrap_or_default();
    let tls = || TlsParameters::new(host.to_owned());
    let (tls, port) = match config.mode {
        None | Some(SmtpMode::Plain) => (Tls::None, 25),
        Some(SmtpMode::Starttls) => (Tls::Required(tls()?), 587),
        Some(SmtpMode::Tls) => (Tls::Wrapper(tls()?), 465),
    };
    let mut builder =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).tls(tls).port(config.port.map_or(port, std::num::NonZeroU16::get));
    if let (Some(user), Some(password)) = (&config.username, config.password().await?) {
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}
