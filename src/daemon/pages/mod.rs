//! Pages for people with a browser, over the loopback port. Takes what the store knows and what homestead's commands
//! say; gives HTML that works without JavaScript. What can be done here is done by the API's own actions; must not
//! know how the loop works.

mod access;
mod assets;
mod audit;
mod drift;
mod error;
mod glance;
mod hosts;
mod line;
mod live;
mod login;
mod overview;
mod render;
mod runs;
mod start;
mod variables;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, broadcast};

pub use login::make as make_link;

use super::api::{BODY_LIMIT, Service};
use crate::diagnostic::Result;
use render::Look;

/// So many children that explain variables may run at once.
const QUESTIONS: usize = 2;
/// So many sessions may end while a stream is not listening.
const ENDED: usize = 64;

/// What every page may need.
pub struct Pages {
    service: Arc<Service>,
    look: Look,
    questions: Semaphore,
    /// The hashes of sessions that somebody ended: their streams end too.
    ended: broadcast::Sender<String>,
}

/// All pages, for the loopback port.
///
/// # Errors
/// A template is wrong.
pub fn router(service: Arc<Service>) -> Result<Router> {
    let pages = Pages { service, look: Look::new()?, questions: Semaphore::new(QUESTIONS), ended: broadcast::channel(ENDED).0 };
    let pages = Arc::new(pages);
    let within = Router::new()
        .route("/", get(overview::show))
        .route("/hosts/{host}", get(hosts::show))
        .route("/hosts/{host}/look", post(hosts::look))
        .route("/hosts/{host}/pause", post(hosts::pause))
        .route("/hosts/{host}/resume", post(hosts::resume))
        .route("/hosts/{host}/start", get(start::confirm))
        .route("/hosts/{host}/runs", post(start::begin))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::show))
        .route("/runs/{run}/live", get(live::of_run))
        .route("/changes", get(live::changes))
        .route("/variables", get(variables::search))
        .route("/variables/{name}", get(variables::explain))
        .route("/audit", get(audit::show))
        .route("/logout", post(login::end))
        .fallback(error::no_such_page)
        .layer(from_fn_with_state(pages.clone(), access::need_session));
    let before =
        Router::new().route("/login/{code}", get(login::ask).post(login::begin)).route("/assets/{version}/{name}", get(assets::give));
    let all = within
        .merge(before)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(pages.clone(), access::guard));
    Ok(all.with_state(pages))
}

#[cfg(test)]
mod tests;
