//! Pages for people. They only say what this program is.

use axum::Router;
use axum::extract::State;
use axum::response::{Html, Redirect};
use axum::routing::get;

use super::App;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/login", get(page))
        .route("/register", get(page))
        .route("/authorize", get(page))
        .route("/account", get(account))
        .route("/account/", get(page))
        .route("/account/{*rest}", get(page))
}

async fn account(State(app): State<App>) -> Redirect {
    Redirect::to(&app.config.http.endpoint("account/"))
}

async fn page(State(app): State<App>) -> Html<String> {
    let server = &app.config.matrix.homeserver;
    Html(format!(
        "<!doctype html><html lang=\"en\"><title>mas-stand-in</title>\
         <h1>mas-stand-in for {server}</h1>\
         <p>This program stands in for Matrix Authentication Service in homestead's tests. \
         It is not Matrix Authentication Service and nobody can log in on this page.</p></html>\n"
    ))
}
