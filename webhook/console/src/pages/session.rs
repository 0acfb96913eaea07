//! Saying who one is: a token of the cluster's, kept in a cookie that no script reads and no other site
//! sends. Nothing is kept here.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use maud::html;
use serde::Deserialize;

use super::page::{Tab, command, page, sorry};
use crate::Sources;
use crate::access::{AccessError, COOKIE_NAME};

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
        return go("/");
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

fn go(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, to.to_owned())]).into_response()
}

/// For this browser's session, for no script and no other site. Not only for TLS: most people reach this
/// by `kubectl port-forward`.
fn cookie(token: String) -> Cookie<'static> {
    Cookie::build((COOKIE_NAME, token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .build()
}

/// Keeps a token that the cluster knows.
pub async fn sign_in(State(sources): State<Sources>, Form(given): Form<Token>) -> Response {
    let token = given.token.trim();
    let unknown = "The cluster does not know this token. It may have expired.";
    let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {token}")) else {
        return form(&sources, &given.back, Some(unknown));
    };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    match sources.access.viewer(&headers).await {
        Ok(_) => {
            let jar = CookieJar::new().add(cookie(token.to_owned()));
            (jar, go(within(&given.back))).into_response()
        }
        Err(AccessError::Unauthenticated) => form(&sources, &given.back, Some(unknown)),
        Err(error) => sorry(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// Forgets it.
pub async fn sign_out(jar: CookieJar) -> impl IntoResponse {
    (jar.remove(cookie(String::new())), go("/sign-in"))
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
