//! What happens, as it happens: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Problem, Service};
use crate::daemon::engine::News;
use crate::daemon::store::EventRow;

/// From where on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct After {
    after: i64,
}

/// A run's events: as one document, or, where the caller takes `text/event-stream`, those that there are and then
/// each as it comes, until the run ends. `Last-Event-ID` goes on where a broken stream ended.
pub async fn of_run(
    State(service): State<Arc<Service>>,
    Path(run): Path<String>,
    query: Result<Query<After>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(After { after }) = query?;
    let after = last_event(&headers).unwrap_or(after);
    if !streams(&headers) {
        if service.store.run(run.clone()).await?.is_none() {
            return Err(Problem::missing("run", &run));
        }
        let events = service.store.events(run, after).await?;
        return Ok(Json(json!({"version": 1, "events": events})).into_response());
    }
    let closing = service.closing.clone();
    let show: Show = Arc::new(|row| Some(event(row.seq, &row.body)));
    let all = follow(service, run, after, show).await?.take_until(closing.cancelled_owned());
    Ok(Sse::new(all).keep_alive(KeepAlive::default()).into_response())
}

/// The number after which a broken stream goes on.
pub fn last_event(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok())
}

/// What a listener gets of an event, if anything.
pub type Show = Arc<dyn Fn(&EventRow) -> Option<Event> + Send + Sync>;

/// The events of a run after a number: those that there are, and then each as it comes; an event `end` where the run
/// ends meanwhile.
///
/// # Errors
/// There is no such run; the database fails.
pub async fn follow(
    service: Arc<Service>,
    run: String,
    after: i64,
    show: Show,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + use<>, Problem> {
    // Listening begins before the past is read, so that nothing falls in between.
    let news = service.engine.listen();
    let row = service.store.run(run.clone()).await?.ok_or_else(|| Problem::missing("run", &run))?;
    let past = service.store.events(run.clone(), after).await?;
    let seen = past.last().map_or(after, |event| event.seq);
    let past: Vec<Event> = past.iter().filter_map(|row| show(row)).collect();
    let live = stream::unfold((news, seen, row.state.is_over()), move |(mut news, mut seen, over)| {
        let (service, run, show) = (service.clone(), run.clone(), show.clone());
        async move {
            if over {
                return None;
            }
            loop {
                match news.recv().await {
                    Ok(News::Event { run: other, seq, body, .. }) if other == run && seq > seen => {
                        let shown = show(&EventRow { seq, at: service.now(), body });
                        return Some((shown.into_iter().collect(), (news, seq, false)));
                    }
                    Ok(News::Ended { run: other, .. }) if other == run => return Some((vec![end()], (news, seen, true))),
                    Ok(_) => {}
                    // Too slow for the channel: what was missed is in the store.
                    Err(RecvError::Lagged(_)) => {
                        let missed = service.store.events(run.clone(), seen).await.unwrap_or_default();
                        seen = missed.last().map_or(seen, |event| event.seq);
                        let row = service.store.run(run.clone()).await.ok().flatten();
                        let over = row.is_none_or(|row| row.state.is_over());
                        let mut events: Vec<Event> = missed.iter().filter_map(|row| show(row)).collect();
                        events.extend(over.then(end));
                        return Some((events, (news, seen, over)));
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        }
    });
    let live = live.flat_map(|events| stream::iter(events.into_iter().map(Ok)));
    Ok(stream::iter(past).map(Ok::<_, Infallible>).chain(live))
}

/// Says that a run is over.
pub fn end() -> Event {
    Event::default().event("end").data("{}")
}

/// Everything that happens from now on.
pub async fn everything(State(service): State<Arc<Service>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (news, closing) = (service.engine.listen(), service.closing.clone());
    Sse::new(stream::unfold(news, next).take_until(closing.cancelled_owned())).keep_alive(KeepAlive::default())
}

async fn next(mut news: broadcast::Receiver<News>) -> Option<(Result<Event, Infallible>, broadcast::Receiver<News>)> {
    let event = match news.recv().await {
        Ok(item) => Event::default().event("news").data(json!(item).to_string()),
        Err(RecvError::Lagged(missed)) => Event::default().event("missed").data(missed.to_string()),
        Err(RecvError::Closed) => return None,
    };
    Some((Ok(event), news))
}

fn event(seq: i64, body: &serde_json::Value) -> Event {
    Event::default().id(seq.to_string()).data(body.to_string())
}

fn streams(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/event-stream"))
}
