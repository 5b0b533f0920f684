//! Pages for people. They only say what this program is, but a forgotten password is answered by a mail.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use serde::Deserialize;

use super::{App, internal};
use crate::storage::users;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/login", get(page))
        .route("/register", get(page))
        .route("/authorize", get(page))
        .route("/account", get(account))
        .route("/account/", get(page))
        .route("/account/{*rest}", get(page))
        .route("/recover", get(page).post(recover))
}

#[derive(Deserialize)]
struct Recover {
    email: String,
}

/// Sends a mail to who has that address. The answer does not tell whether anybody has.
async fn recover(State(app): State<App>, Form(form): Form<Recover>) -> Response {
    if !app.config.account.password_recovery_enabled {
        return StatusCode::FORBIDDEN.into_response();
    }
    match users::by_email(&app.reader, &form.email).await {
        Ok(Some(user)) => {
            let base = app.config.http.endpoint("account/password/recovery");
            let text = format!("Hello {},\n\na new password can be set here:\n{base}\n", user.username);
            if let Err(error) = app.mailer.send(&form.email, "Reset your account password", text).await {
                return internal(&error);
            }
            page(State(app)).await.into_response()
        }
        Ok(None) => page(State(app)).await.into_response(),
        Err(error) => internal(&error),
    }
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
