//! Tells somebody elsewhere: a webhook, a Matrix room. Each thing once, and again after a day if it lasts.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::settings::{MatrixRoom, Notify};
use super::store::{Store, StoreError};
use crate::secret::Secret;

/// What lasts is told again after so long.
const AGAIN: Duration = Duration::from_hours(24);
/// Whom we tell must answer within so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// `drift`, `run`, `certificate`, `unreachable`, `inventory`.
    pub kind: &'static str,
    /// The host, if it is about one.
    pub host: Option<String>,
    /// In words, without secrets.
    pub text: String,
    /// Whether it is over.
    pub over: bool,
}

/// A way to somebody.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Tells them.
    ///
    /// # Errors
    /// They cannot be told: why, without secrets.
    async fn tell(&self, notice: &Notice, now: Timestamp) -> Result<(), String>;
}

/// Tells each thing once.
pub struct Notifier {
    store: Store,
    messengers: Vec<Box<dyn Messenger>>,
}

impl Notifier {
    /// One that tells `messengers`.
    pub fn new(store: Store, messengers: Vec<Box<dyn Messenger>>) -> Self {
        Self { store, messengers }
    }

    /// Tells what is going on with a thing, and, once, that it is over. What nobody could be told is tried again
    /// at the next occasion.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tell(&self, key: &str, notice: Notice, now: Timestamp) -> Result<(), StoreError> {
        if self.messengers.is_empty() {
            return Ok(());
        }
        let news = if notice.over {
            self.store.forget_notice(key.to_owned()).await?
        } else {
            self.store.is_news(key.to_owned(), notice.text.clone(), now, AGAIN).await?
        };
        if !news {
            return Ok(());
        }
        let mut told = false;
        for messenger in &self.messengers {
            match messenger.tell(&notice, now).await {
                Ok(()) => told = true,
                Err(problem) => tracing::warn!(problem, "somebody could not be told"),
            }
        }
        if !told && !notice.over {
            self.store.forget_notice(key.to_owned()).await?;
        }
        Ok(())
    }
}

/// A webhook: takes a JSON document by POST.
struct Webhook {
    client: reqwest::Client,
    url: Secret<String>,
    token: Option<Secret<String>>,
}

#[async_trait]
impl Messenger for Webhook {
    async fn tell(&self, notice: &Notice, now: Timestamp) -> Result<(), String> {
        let body = json!({"version": 1, "at": now, "notice": notice});
        let mut request = self.client.post(self.url.reveal()).json(&body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        sent("the webhook", request).await
    }
}

/// A Matrix room (client-server API, `PUT /rooms/{roomId}/send/{eventType}/{txnId}`).
struct Room {
    client: reqwest::Client,
    homeserver: String,
    id: String,
    token: Secret<String>,
}

#[async_trait]
impl Messenger for Room {
    async fn tell(&self, notice: &Notice, now: Timestamp) -> Result<(), String> {
        let mut url = reqwest::Url::parse(&self.homeserver).map_err(|error| format!("`homeserver` is no address: {error}"))?;
        let transaction = format!("homestead-{}-{:08x}", now.as_millisecond(), rand::random::<u32>());
        let parts = ["_matrix", "client", "v3", "rooms", &self.id, "send", "m.room.message", &transaction];
        url.path_segments_mut().map_err(|()| "`homeserver` is no address".to_owned())?.pop_if_empty().extend(parts);
        let host = notice.host.as_ref().map_or_else(String::new, |host| format!("{host}: "));
        let body = json!({"msgtype": "m.notice", "body": format!("{host}{}", notice.text)});
        sent("the Matrix room", self.client.put(url).bearer_auth(self.token.reveal()).json(&body)).await
    }
}

/// Sends; neither address nor token is in what comes back.
async fn sent(whom: &str, request: reqwest::RequestBuilder) -> Result<(), String> {
    let response = request.send().await.map_err(|error| format!("{whom} does not answer: {}", error.without_url()))?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("{whom} answers with {status}")) }
}

/// Whom the settings name.
///
/// # Errors
/// A token's file cannot be read, in words.
pub fn messengers(settings: &Notify) -> Result<Vec<Box<dyn Messenger>>, String> {
    let token = |path: &camino::Utf8Path| {
        let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
        Ok::<_, String>(Secret::new(text.trim().to_owned()))
    };
    let client = || crate::web::client(PATIENCE).map_err(|error| error.to_string());
    let mut all: Vec<Box<dyn Messenger>> = Vec::new();
    if let Some(url) = &settings.webhook {
        let token = settings.webhook_token_file.as_deref().map(token).transpose()?;
        all.push(Box::new(Webhook { client: client()?, url: Secret::new(url.clone()), token }));
    }
    if let Some(MatrixRoom { homeserver, room, token_file }) = &settings.matrix {
        let room = Room { client: client()?, homeserver: homeserver.clone(), id: room.clone(), token: token(token_file)? };
        all.push(Box::new(room));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Keeps what it was told; refuses where it is told to.
    #[derive(Clone, Default)]
    struct Ear(Arc<Mutex<(Vec<String>, bool)>>);

    #[async_trait]
    impl Messenger for Ear {
        async fn tell(&self, notice: &Notice, _: Timestamp) -> Result<(), String> {
            let mut ear = self.0.lock().unwrap();
            if ear.1 {
                return Err("deaf".to_owned());
            }
            ear.0.push(notice.text.clone());
            Ok(())
        }
    }

    #[tokio::test]
    async fn each_thing_is_told_once_and_its_end() {
        let ear = Ear::default();
        let notifier = Notifier::new(Store::in_memory().unwrap(), vec![Box::new(ear.clone())]);
        let tell = async |text: &str, over: bool, at: &str| {
            let notice = Notice { kind: "drift", host: Some("a".into()), text: text.into(), over };
            notifier.tell("drift a", notice, at.parse().unwrap()).await.unwrap();
        };
        tell("all is well", true, "2026-11-22T12:00:00Z").await;
        tell("2 files", false, "2026-11-22T12:00:00Z").await;
        tell("2 files", false, "2026-11-22T12:15:00Z").await;
        tell("3 files", false, "2026-11-22T12:30:00Z").await;
        tell("all is well", true, "2026-11-22T12:45:00Z").await;
        tell("all is well", true, "2026-11-22T13:00:00Z").await;
        assert_eq!(ear.0.lock().unwrap().0, ["2 files", "3 files", "all is well"]);
    }

    #[tokio::test]
    async fn who_could_not_be_told_is_told_later() {
        let ear = Ear::default();
        let notifier = Notifier::new(Store::in_memory().unwrap(), vec![Box::new(ear.clone())]);
        let notice = Notice { kind: "run", host: None, text: "it failed".into(), over: false };
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        ear.0.lock().unwrap().1 = true;
        notifier.tell("run", notice.clone(), now).await.unwrap();
        ear.0.lock().unwrap().1 = false;
        notifier.tell("run", notice.clone(), now).await.unwrap();
        notifier.tell("run", notice, now).await.unwrap();
        assert_eq!(ear.0.lock().unwrap().0, ["it failed"]);
    }

    #[tokio::test]
    async fn a_webhook_and_a_room_get_what_they_expect() {
        use axum::extract::Request;
        use axum::routing::any;
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let keep = heard.clone();
        let router = axum::Router::new().fallback(any(move |request: Request| {
            let keep = keep.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 10_000).await.unwrap();
                let authorization = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
                let line =
                    format!("{} {} {} {}", parts.method, parts.uri, authorization.unwrap_or_default(), String::from_utf8_lossy(&body));
                keep.lock().unwrap().push(line);
            }
        }));
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let token = camino::Utf8PathBuf::from_path_buf(folder.path().join("token")).unwrap();
        std::fs::write(&token, "test-only-token\n").unwrap();
        let room = MatrixRoom { homeserver: format!("http://{address}"), room: "!r:example.com".into(), token_file: token.clone() };
        let settings = Notify {
            webhook: Some(format!("http://{address}/hook")),
            webhook_token_file: Some(token),
            matrix: Some(room),
            ..Notify::default()
        };
        let notice = Notice { kind: "run", host: Some("a".into()), text: "it failed".into(), over: false };
        for messenger in messengers(&settings).unwrap() {
            messenger.tell(&notice, "2026-11-22T12:00:00Z".parse().unwrap()).await.unwrap();
        }
        let heard = heard.lock().unwrap().clone();
        assert_eq!(
            heard[0],
            "POST /hook Bearer test-only-token {\"version\":1,\"at\":\"2026-11-22T12:00:00Z\",\"notice\":{\"kind\":\"run\",\"host\":\"a\",\"text\":\"it failed\",\"over\":false}}"
        );
        assert!(
            heard[1].starts_with("PUT /_matrix/client/v3/rooms/!r:example.com/send/m.room.message/homestead-1795348800000-"),
            "{}",
            heard[1]
        );
        assert!(heard[1].ends_with(" Bearer test-only-token {\"msgtype\":\"m.notice\",\"body\":\"a: it failed\"}"), "{}", heard[1]);
    }
}
