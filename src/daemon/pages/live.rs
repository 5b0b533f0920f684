//! What happens, as it happens, for the pages that are open. A session's cookie opens these streams; they say what the
//! pages show, and end with the session.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::access::{Session, same_origin};
use super::error::PageError;
use super::{Pages, line};
use crate::daemon::api::{Show, end, follow, last_event};
use crate::daemon::engine::News;

/// From where on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    after: i64,
}

/// The lines of a run after a number, until it ends: `line`, `step`, and at last `end`.
pub async fn of_run(
    State(pages): State<Arc<Pages>>,
    Extension(session): Extension<Session>,
    Path(run): Path<String>,
    Query(After { after }): Query<After>,
    headers: HeaderMap,
) -> Response {
    let events = async {
        same_origin(&headers)?;
        let row = pages.service.store.run(run.clone()).await?.ok_or_else(|| PageError::missing("run", &run))?;
        let started = row.started;
        let show: Show = Arc::new(move |event| {
            let shown = line::shown(event, started).map(|line| ("line", line));
            let (name, value) = shown.or_else(|| line::step(&event.body).map(|step| ("step", json!({"text": step}))))?;
            Some(Event::default().id(event.seq.to_string()).event(name).data(value.to_string()))
        });
        let events = follow(pages.service.clone(), run, last_event(&headers).unwrap_or(after), show).await?;
        // A browser asks again when a stream ends without a word.
        Ok::<_, PageError>(events.chain(stream::iter(row.state.is_over().then(|| Ok(end())))))
    };
    match events.await {
        Ok(events) => answer(&pages, session, events),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}

/// A word whenever something on the pages may be different now: the host's name, or nothing where it is about all.
pub async fn changes(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>, headers: HeaderMap) -> Response {
    if let Err(error) = same_origin(&headers) {
        return pages.look.error(&error, Some(&session));
    }
    let news = pages.service.engine.listen();
    answer(&pages, session, stream::unfold(news, next))
}

async fn next(mut news: Receiver<News>) -> Option<(Result<Event, Infallible>, Receiver<News>)> {
    let host = loop {
        match news.recv().await {
            Ok(News::Event { .. }) => {}
            Ok(News::Began { host, .. } | News::Ended { host, .. } | News::Host { host }) => break host,
            Ok(News::Inventory { .. }) | Err(RecvError::Lagged(_)) => break String::new(),
            Err(RecvError::Closed) => return None,
        }
    };
    Some((Ok(Event::default().event("change").data(json!({"host": host}).to_string())), news))
}

/// A stream that ends with the session and with the daemon.
fn answer(pages: &Pages, session: Session, events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let (mut ended, clock, closing) = (pages.ended.subscribe(), pages.service.clock.clone(), pages.service.closing.clone());
    let over = async move {
        let logged_out = async {
            loop {
                match ended.recv().await {
                    Ok(hash) if hash != session.hash => {}
                    // Whoever has missed an end may be the one who was meant.
                    _ => return,
                }
            }
        };
        tokio::select! {
            () = logged_out => {}
            () = clock.sleep_until(session.ends) => {}
            () = closing.cancelled_owned() => {}
        }
    };
    Sse::new(events.take_until(over)).keep_alive(KeepAlive::default()).into_response()
}
