//! Tells somebody elsewhere: a webhook, a Matrix room. Each thing once, and again after a day if it lasts. What is to be told is
//! written down first, so that neither a daemon that is killed nor somebody who does not answer loses it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::clock::Clock;
use super::settings::{MatrixRoom, Notify};
use super::store::{Letter, Store, StoreError, Told};
use crate::secret::Secret;

/// What lasts is told again after so long.
const AGAIN: Duration = Duration::from_hours(24);
/// Whom we tell must answer within so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// How soon somebody who could not be told is tried again; twice as long each time.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// The longest of these.
const LAST_RETRY: Duration = Duration::from_hours(1);
/// Nobody wants to hear what is older.
const STALE: Duration = Duration::from_hours(7 * 24);
/// What comes later than this says when it happened.
const LATE: Duration = Duration::from_mins(5);

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `drift`, `run`, `certificate`, `unreachable`, `inventory`.
    pub kind: Cow<'static, str>,
    /// The host, if it is about one.
    pub host: Option<String>,
    /// In words, without secrets.
    pub text: String,
    /// Whether it is over.
    pub over: bool,
}

/// A notice on its way.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same whenever it is tried again, and no other's.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// When it is told.
    pub now: Timestamp,
    /// What happened.
    pub notice: Notice,
}

/// A way to somebody.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Its name, which no other has.
    fn name(&self) -> &'static str;

    /// Tells them.
    ///
    /// # Errors
    /// They cannot be told.
    async fn tell(&self, message: &Message) -> Result<(), Untold>;
}

/// Why somebody could not be told, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untold {
    /// They may take it later.
    Later(String),
    /// They never will.
    Refused(String),
}

/// Tells each thing once, to each messenger, whenever that can be reached again.
pub struct Notifier {
    store: Store,
    messengers: Vec<Box<dyn Messenger>>,
    state: Mutex<State>,
}

impl Notifier {
    /// One that tells `messengers`.
    pub fn new(store: Store, messengers: Vec<Box<dyn Messenger>>) -> Self {
        Self { store, messengers, state: Mutex::default() }
    }

    /// Writes down what is to be told about a thing, or, once, that it is over; [`Notifier::deliver`] tells it. Gives whether
    /// there is something to tell.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tell(&self, key: &str, notice: Notice, now: Timestamp) -> Result<bool, StoreError> {
        if self.messengers.is_empty() {
            return Ok(false);
        }
        let told = Told {
            key: key.to_owned(),
            said: (!notice.over).then(|| notice.text.clone()),
            body: serde_json::to_string(&notice)?,
            whom: self.names(),
        };
        self.store.write_if_news(told, now, AGAIN).await
    }

    /// When there is something to tell next.
    ///
    /// # Errors
    /// The store fails.
    pub async fn due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.letters_due().await
    }

    /// Tells what is due. Who cannot be told hears all of it later, in its order.
    ///
    /// # Errors
    /// The store fails.
    pub async fn deliver(&self, clock: &dyn Clock) -> Result<(), StoreError> {
        let gone = self.store.forget_letters(clock.now(), STALE, self.names()).await?;
        if gone > 0 {
            tracing::warn!(gone, "notices are given up: they are a week old, or for somebody who is not told any more");
        }
        let letters = self.store.letters(clock.now()).await?;
        let mut outcome = Ok(());
        for messenger in &self.messengers {
            let own = letters.iter().filter(|letter| letter.whom == messenger.name());
            // Neither somebody who does not answer nor a full disk keeps the others from being told.
            outcome = outcome.and(self.deliver_to(&**messenger, own, clock).await);
        }
        outcome
    }

    async fn deliver_to(
        &self,
        messenger: &dyn Messenger,
        letters: impl Iterator<Item = &Letter>,
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        let name = messenger.name();
        for letter in letters {
            // One that was told and could not be taken out of the store is not told again.
            if !self.state().told.contains(&letter.id) {
                let told = match serde_json::from_str(&letter.body) {
                    Ok(notice) => messenger.tell(&Message { id: letter.id, at: letter.at, now: clock.now(), notice }).await,
                    Err(error) => Err(Untold::Refused(format!("a notice cannot be read: {error}"))),
                };
                match told {
                    Ok(()) => drop(self.state().failures.remove(name)),
                    Err(Untold::Refused(problem)) => tracing::warn!(problem, "a notice is given up"),
                    Err(Untold::Later(problem)) => {
                        let pause = self.failed(name);
                        tracing::warn!(problem, seconds = pause.as_secs(), "somebody could not be told, and is tried again");
                        return self.store.put_letters_off(name.to_owned(), clock.now() + pause).await;
                    }
                }
                self.state().told.insert(letter.id);
            }
            self.store.forget_letter(letter.id).await?;
            self.state().told.remove(&letter.id);
        }
        Ok(())
    }

    /// What waits is tried at once, as whom to tell has changed.
    ///
    /// # Errors
    /// The store fails.
    pub async fn hurry(&self, now: Timestamp) -> Result<(), StoreError> {
        for name in self.names() {
            self.store.put_letters_off(name.to_owned(), now).await?;
        }
        Ok(())
    }

    fn names(&self) -> Vec<&'static str> {
        self.messengers.iter().map(|messenger| messenger.name()).collect()
    }

    /// How long somebody is left alone who did not answer once more.
    fn failed(&self, name: &'static str) -> Duration {
        let mut state = self.state();
        let count = state.failures.entry(name).or_default();
        let pause = FIRST_RETRY.saturating_mul(1 << (*count).min(16)).min(LAST_RETRY);
        *count += 1;
        pause
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a notifier knows beside the store.
#[derive(Debug, Default)]
struct State {
    /// How often somebody did not answer, one time after the other.
    failures: BTreeMap<&'static str, u32>,
    /// What was told and is in the store still.
    told: BTreeSet<i64>,
}

/// A webhook: takes a JSON document by POST.
struct Webhook {
    client: reqwest::Client,
    url: Secret<String>,
    token: Option<Secret<String>>,
}

#[async_trait]
impl Messenger for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn tell(&self, message: &Message) -> Result<(), Untold> {
        let body = json!({"version": 1, "id": message.id, "at": message.at, "notice": message.notice});
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
    fn name(&self) -> &'static str {
        "matrix"
    }

    async fn tell(&self, message: &Message) -> Result<(), Untold> {
        let Message { id, at, now, notice } = message;
        let mut url =
            reqwest::Url::parse(&self.homeserver).map_err(|error| Untold::Later(format!("`homeserver` is no address: {error}")))?;
        // The same when it is tried again, so that the room gets it once although an answer was lost.
        let transaction = format!("homestead-{}-{id}", at.as_millisecond());
        let parts = ["_matrix", "client", "v3", "rooms", &self.id, "send", "m.room.message", &transaction];
        url.path_segments_mut().map_err(|()| Untold::Later("`homeserver` is no address".to_owned()))?.pop_if_empty().extend(parts);
        let host = notice.host.as_ref().map_or_else(String::new, |host| format!("{host}: "));
        let late = Duration::try_from(now.duration_since(*at)).is_ok_and(|late| late > LATE);
        let time = if late { format!(" (at {at:.0})") } else { String::new() };
        let body = json!({"msgtype": "m.notice", "body": format!("{host}{}{time}", notice.text)});
        sent("the Matrix room", self.client.put(url).bearer_auth(self.token.reveal()).json(&body)).await
    }
}

/// Sends; neither address nor token is in what comes back.
async fn sent(whom: &str, request: reqwest::RequestBuilder) -> Result<(), Untold> {
    let response = request.send().await.map_err(|error| Untold::Later(format!("{whom} does not answer: {}", error.without_url())))?;
    let status = response.status();
    let problem = || format!("{whom} answers with {status}");
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => Err(Untold::Refused(problem())),
        _ => Err(Untold::Later(problem())),
    }
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
    use crate::daemon::clock::SimulatedClock;
    use std::sync::Arc;

    /// Keeps what it was told; refuses where it is told to.
    #[derive(Clone, Default)]
    struct Ear(&'static str, Arc<Mutex<(Vec<String>, bool)>>);

    impl Ear {
        fn named(name: &'static str) -> Self {
            Self(name, Arc::default())
        }

        fn deaf(&self, deaf: bool) {
            self.1.lock().unwrap().1 = deaf;
        }

        fn heard(&self) -> Vec<String> {
            self.1.lock().unwrap().0.clone()
        }
    }

    #[async_trait]
    impl Messenger for Ear {
        fn name(&self) -> &'static str {
            self.0
        }

        async fn tell(&self, message: &Message) -> Result<(), Untold> {
            let mut ear = self.1.lock().unwrap();
            if ear.1 {
                return Err(Untold::Later("deaf".to_owned()));
            }
            if message.notice.text.is_empty() {
                return Err(Untold::Refused("says nothing".to_owned()));
            }
            ear.0.push(message.notice.text.clone());
            Ok(())
        }
    }

    fn notice(text: &str, over: bool) -> Notice {
        Notice { kind: "drift".into(), host: Some("a".into()), text: text.into(), over }
    }

    #[tokio::test]
    async fn each_thing_is_told_once_and_its_end() {
        let ear = Ear::named("ear");
        let notifier = Notifier::new(Store::in_memory().unwrap(), vec![Box::new(ear.clone())]);
        let tell = async |text: &str, over: bool, at: &str| {
            let at: Timestamp = at.parse().unwrap();
            notifier.tell("drift a", notice(text, over), at).await.unwrap();
            notifier.deliver(&SimulatedClock::new(at)).await.unwrap();
        };
        tell("all is well", true, "2026-11-22T12:00:00Z").await;
        tell("2 files", false, "2026-11-22T12:00:00Z").await;
        tell("2 files", false, "2026-11-22T12:15:00Z").await;
        tell("3 files", false, "2026-11-22T12:30:00Z").await;
        tell("all is well", true, "2026-11-22T12:45:00Z").await;
        tell("all is well", true, "2026-11-22T13:00:00Z").await;
        assert_eq!(ear.heard(), ["2 files", "3 files", "all is well"]);
    }

    #[tokio::test]
    async fn who_cannot_be_told_hears_all_of_it_later_and_others_at_once() {
        let (ear, other) = (Ear::named("ear"), Ear::named("other"));
        let notifier = Notifier::new(Store::in_memory().unwrap(), vec![Box::new(ear.clone()), Box::new(other.clone())]);
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let clock = SimulatedClock::new(noon);
        ear.deaf(true);
        notifier.tell("run", notice("it failed", false), noon).await.unwrap();
        notifier.deliver(&clock).await.unwrap();
        // What comes meanwhile waits behind it.
        notifier.tell("drift", notice("2 files", false), noon).await.unwrap();
        // What they will never take is in nobody's way.
        notifier.tell("nothing", notice("", false), noon).await.unwrap();
        notifier.tell("drift", notice("all is well", true), noon).await.unwrap();
        assert_eq!(notifier.due().await.unwrap(), Some(noon));
        notifier.deliver(&clock).await.unwrap();
        assert_eq!((ear.heard().len(), other.heard()), (0, ["it failed", "2 files", "all is well"].map(str::to_owned).to_vec()));
        let due = notifier.due().await.unwrap().unwrap();
        assert_eq!(due, noon + FIRST_RETRY);
        clock.set(due);
        notifier.deliver(&clock).await.unwrap();
        let due = notifier.due().await.unwrap().unwrap();
        assert_eq!(due, clock.now() + FIRST_RETRY * 2);
        ear.deaf(false);
        // Whom to tell has changed.
        notifier.hurry(clock.now()).await.unwrap();
        assert_eq!(notifier.due().await.unwrap(), Some(clock.now()));
        notifier.deliver(&clock).await.unwrap();
        assert_eq!(ear.heard(), ["it failed", "2 files", "all is well"]);
        assert_eq!((notifier.due().await.unwrap(), other.heard().len()), (None, 3));
    }

    #[tokio::test]
    async fn nobody_hears_what_is_a_week_old() {
        let ear = Ear::named("ear");
        let store = Store::in_memory().unwrap();
        let notifier = Notifier::new(store.clone(), vec![Box::new(ear.clone())]);
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        notifier.tell("run", notice("it failed", false), noon).await.unwrap();
        notifier.deliver(&SimulatedClock::new(noon + STALE + LATE)).await.unwrap();
        assert_eq!((ear.heard().len(), notifier.due().await.unwrap()), (0, None));
        // Nor does anybody who is not told any more.
        notifier.tell("run 2", notice("it failed", false), noon).await.unwrap();
        let other = Ear::named("other");
        Notifier::new(store, vec![Box::new(other.clone())]).deliver(&SimulatedClock::new(noon)).await.unwrap();
        assert_eq!((other.heard().len(), notifier.due().await.unwrap()), (0, None));
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
        let notice = Notice { kind: "run".into(), host: Some("a".into()), text: "it failed".into(), over: false };
        let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for messenger in messengers(&settings).unwrap() {
            messenger.tell(&Message { id: 7, at, now: at + LATE * 2, notice: notice.clone() }).await.unwrap();
        }
        let heard = heard.lock().unwrap().clone();
        assert_eq!(
            heard[0],
            "POST /hook Bearer test-only-token {\"version\":1,\"id\":7,\"at\":\"2026-11-22T12:00:00Z\",\"notice\":{\"kind\":\"run\",\"host\":\"a\",\"text\":\"it failed\",\"over\":false}}"
        );
        assert!(
            heard[1].starts_with("PUT /_matrix/client/v3/rooms/!r:example.com/send/m.room.message/homestead-1795348800000-7 "),
            "{}",
            heard[1]
        );
        assert!(
            heard[1].ends_with(" Bearer test-only-token {\"msgtype\":\"m.notice\",\"body\":\"a: it failed (at 2026-11-22T12:00:00Z)\"}"),
            "{}",
            heard[1]
        );
    }
}
