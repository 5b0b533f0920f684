//! So much of SMTP (RFC 5321, 3207, 4954) that a server says whether it would take mail. None is sent.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::host::Stream;
use crate::secret::Secret;

const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_REPLY: usize = 1 << 16;

/// When the connection becomes private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privacy {
    Never,
    StartTls,
    FromTheBeginning,
}

/// What a server is asked.
pub(super) struct Question {
    /// Its name, for its certificate.
    pub(super) server: String,
    /// Who asks.
    pub(super) own_name: String,
    pub(super) privacy: Privacy,
    pub(super) credentials: Option<(String, Secret<String>)>,
    /// The address that mail would come from.
    pub(super) sender: String,
}

/// Speaks until the server has taken the sender, and takes it back.
///
/// # Errors
/// In words, what the server does not do.
pub(super) async fn ask(stream: Box<dyn Stream>, question: &Question, tls: Arc<ClientConfig>) -> Result<(), String> {
    timeout(PATIENCE * 2, dialogue(stream, question, tls)).await.unwrap_or_else(|_| Err("it gives no answer in time".to_owned()))
}

async fn dialogue(mut stream: Box<dyn Stream>, question: &Question, tls: Arc<ClientConfig>) -> Result<(), String> {
    if question.privacy == Privacy::FromTheBeginning {
        stream = private(stream, question, tls.clone()).await?;
    }
    expect(&mut stream, "it does not greet", 220).await?;
    let hello = format!("EHLO {}", question.own_name);
    let mut offers = say(&mut stream, &hello, "it does not answer EHLO", 250).await?;
    if question.privacy == Privacy::StartTls {
        if !offered(&offers, "STARTTLS") {
            return Err("it does not offer STARTTLS".to_owned());
        }
        say(&mut stream, "STARTTLS", "it refuses STARTTLS", 220).await?;
        stream = private(stream, question, tls).await?;
        offers = say(&mut stream, &hello, "it does not answer EHLO after STARTTLS", 250).await?;
    }
    if let Some((user, password)) = &question.credentials {
        log_in(&mut stream, &offers, user, password).await?;
    }
    let sender = format!("MAIL FROM:<{}>", question.sender);
    say(&mut stream, &sender, &format!("it takes no mail from {}", question.sender), 250).await?;
    say(&mut stream, "RSET", "it does not forget the mail", 250).await?;
    // Whether it says good-bye changes nothing.
    let _ = say(&mut stream, "QUIT", "", 221).await;
    Ok(())
}

async fn private(stream: Box<dyn Stream>, question: &Question, tls: Arc<ClientConfig>) -> Result<Box<dyn Stream>, String> {
    let name = ServerName::try_from(question.server.clone()).map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(tls).connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| format!("TLS with it fails: {error}"))?))
}

async fn log_in(stream: &mut Box<dyn Stream>, offers: &[String], user: &str, password: &Secret<String>) -> Result<(), String> {
    let refused = "it refuses the user name and the password";
    let methods = offers.iter().find(|line| line.to_ascii_uppercase().starts_with("AUTH")).map(|line| line.to_ascii_uppercase());
    let methods: Vec<&str> = methods.as_deref().unwrap_or_default().split([' ', '=']).collect();
    if methods.contains(&"PLAIN") {
        let text = format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{}", password.reveal())));
        say(stream, &text, refused, 235).await.map(drop)
    } else if methods.contains(&"LOGIN") {
        say(stream, "AUTH LOGIN", refused, 334).await?;
        say(stream, &STANDARD.encode(user), refused, 334).await?;
        say(stream, &STANDARD.encode(password.reveal()), refused, 235).await.map(drop)
    } else {
        Err("it offers no way to log in, and a user name is set".to_owned())
    }
}

fn offered(offers: &[String], name: &str) -> bool {
    offers.iter().any(|line| line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(name)))
}

async fn say(stream: &mut Box<dyn Stream>, line: &str, problem: &str, wanted: u16) -> Result<Vec<String>, String> {
    let written = stream.write_all(format!("{line}\r\n").as_bytes()).await;
    written.map_err(|error| format!("{problem}: {error}"))?;
    stream.flush().await.map_err(|error| format!("{problem}: {error}"))?;
    expect(stream, problem, wanted).await
}

/// The lines of a reply without their codes.
async fn expect(stream: &mut Box<dyn Stream>, problem: &str, wanted: u16) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    let mut length = 0;
    loop {
        let mut line = Vec::new();
        // One at a time: what follows a reply may be TLS.
        while line.last() != Some(&b'\n') {
            let byte = stream.read_u8().await.map_err(|_| format!("{problem}: it ends the connection"))?;
            line.push(byte);
            length += 1;
            if length > LONGEST_REPLY {
                return Err(format!("{problem}: it talks without end"));
            }
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let code: u16 = text.get(..3).and_then(|code| code.parse().ok()).ok_or_else(|| format!("{problem}: it does not speak SMTP"))?;
        let last = text.as_bytes().get(3) != Some(&b'-');
        lines.push(text.get(4..).unwrap_or_default().to_owned());
        if last {
            return if code == wanted { Ok(lines) } else { Err(format!("{problem}: {code} {}", lines.join(" "))) };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    /// A server that answers each line with the next reply; gives the lines that it got.
    async fn against(replies: &[&str], question: Question) -> (Result<(), String>, Vec<String>) {
        let (near, far) = tokio::io::duplex(4096);
        let replies: Vec<String> = replies.iter().map(|reply| (*reply).to_owned()).collect();
        let server = tokio::spawn(async move {
            let mut far = BufReader::new(far);
            let mut got = Vec::new();
            for reply in replies {
                far.write_all(reply.as_bytes()).await.unwrap();
                let mut line = String::new();
                if far.read_line(&mut line).await.unwrap() == 0 {
                    break;
                }
                got.push(line.trim_end().to_owned());
            }
            got
        });
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = Arc::new(builder.with_root_certificates(tokio_rustls::rustls::RootCertStore::empty()).with_no_client_auth());
        let outcome = ask(Box::new(near), &question, tls).await;
        (outcome, server.await.unwrap())
    }

    fn question(privacy: Privacy, credentials: bool) -> Question {
        Question {
            server: "mail.example.com".into(),
            own_name: "matrix.example.com".into(),
            privacy,
            credentials: credentials.then(|| ("me".to_owned(), Secret::new("test-only-ohJ5".to_owned()))),
            sender: "matrix@example.com".into(),
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_to_a_server_that_takes_the_sender() {
        let replies = [
            "220 hello\r\n",
            "250-mail\r\n250-SIZE 100\r\n250 AUTH PLAIN LOGIN\r\n",
            "235 ok\r\n",
            "250 ok\r\n",
            "250 ok\r\n",
            "221 bye\r\n",
        ];
        let (outcome, got) = against(&replies, question(Privacy::Never, true)).await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(
            got,
            ["EHLO matrix.example.com", "AUTH PLAIN AG1lAHRlc3Qtb25seS1vaEo1", "MAIL FROM:<matrix@example.com>", "RSET", "QUIT"]
        );
    }

    #[tokio::test]
    async fn each_refusal_has_its_words() {
        let said = async |replies: &[&str], privacy, credentials| against(replies, question(privacy, credentials)).await.0.unwrap_err();
        assert_eq!(said(&["554 go away\r\n"], Privacy::Never, false).await, "it does not greet: 554 go away");
        assert_eq!(said(&["HTTP/1.1 400\r\n"], Privacy::Never, false).await, "it does not greet: it does not speak SMTP");
        assert_eq!(said(&["220 x\r\n", "250 mail\r\n"], Privacy::StartTls, false).await, "it does not offer STARTTLS");
        assert_eq!(said(&["220 x\r\n", "250 mail\r\n"], Privacy::Never, true).await, "it offers no way to log in, and a user name is set");
        let wrong = said(
            &["220 x\r\n", "250-mail\r\n250 AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "535 no\r\n"],
            Privacy::Never,
            true,
        );
        assert_eq!(wrong.await, "it refuses the user name and the password: 535 no");
        let sender = said(&["220 x\r\n", "250 mail\r\n", "550 not you\r\n"], Privacy::Never, false);
        assert_eq!(sender.await, "it takes no mail from matrix@example.com: 550 not you");
    }
}
