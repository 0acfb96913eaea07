//! Saying who one is: a token of the cluster's, kept in a cookie that no script reads and no other site
//! sends. Nothing is kept here.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::{AUTHORIZATION, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::html;
use serde::Deserialize;

use super::page::{Tab, command, page, sorry};
use crate::web::Sources;
use crate::web::access::{AccessError, COOKIE_NAME};

/// Where to go afterwards.
#[derive(Deserialize, Default)]
pub struct Back {
    #[serde(default)]
    back: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Token {
    token: String,
    #[serde(default)]
    back: String,
}

/// Within these pages only.
fn within(back: &str) -> &str {
    let is_ours =
        back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\r', '\n']);
    if is_ours && !back.starts_with("/sign-") { back } else { "/" }
}

/// Asks for a token.
pub async fn ask(State(sources): State<Sources>, Query(back): Query<Back>) -> Response {
    form(&sources, &back.back, None)
}

fn form(sources: &Sources, back: &str, trouble: Option<&str>) -> Response {
    if !sources.access.asks() {
        return go("/", None);
    }
    let content = html! {
        @if let Some(trouble) = trouble { p.problem role="alert" { (trouble) } }
        p { "You see here what you may list with kubectl, and nothing else. Your token says who you are:" }
        (command("kubectl create token <service account> --namespace <namespace>"))
        form method="post" action="/sign-in" {
            input type="hidden" name="back" value=(within(back));
            p {
                label for="token" { "Token" }
                input #token type="password" name="token" required autocomplete="off";
            }
            button { "Sign in" }
        }
    };
    page(Tab::Other, "Sign in", None, &content)
}

fn go(to: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, to.to_owned())]).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Keeps a token that the cluster knows.
pub async fn sign_in(State(sources): State<Sources>, Form(given): Form<Token>) -> Response {
    let token = given.token.trim();
    let unknown = "The cluster does not know this token. It may have expired.";
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
    let cookie =
        HeaderValue::from_str(&format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict"));
    let (Ok(bearer), Ok(cookie), false) = (bearer, cookie, token.contains([';', ',', ' '])) else {
        return form(&sources, &given.back, Some(unknown));
    };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    match sources.access.viewer(&headers).await {
        Ok(_) => go(within(&given.back), Some(cookie)),
        Err(AccessError::Unauthenticated) => form(&sources, &given.back, Some(unknown)),
        Err(error) => sorry(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// Forgets it.
pub async fn sign_out() -> Response {
    let cookie = format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    go("/sign-in", HeaderValue::from_str(&cookie).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(within("/workloads?tier=low"), "/workloads?tier=low");
        for elsewhere in ["", "https://a.org", "//a.org", "/\\a.org", "/sign-in", "/a\r\nb"] {
            assert_eq!(within(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
