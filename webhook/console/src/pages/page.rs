//! What all pages share: the frame, the style, what is shown instead of a page.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Sources;
use crate::access::{AccessError, Viewer, Visible};
use crate::snapshot::Snapshot;

/// The pages that the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Places, clouds, what needs attention.
    Overview,
    /// What runs where.
    Workloads,
    /// Where something would go.
    WhatIf,
    /// What came of other weights.
    Experiments,
    /// What is decided by.
    Catalog,
    /// None of them.
    Other,
}

const TABS: [(Tab, &str, &str); 5] = [
    (Tab::Overview, "/", "Overview"),
    (Tab::Workloads, "/workloads", "Workloads"),
    (Tab::WhatIf, "/what-if", "What if"),
    (Tab::Experiments, "/experiments", "Experiments"),
    (Tab::Catalog, "/catalog", "Catalog"),
];

/// Somebody who looks at a page, and what they see. Who is not known is led to say who they are.
pub struct Reader {
    /// Who.
    pub viewer: Viewer,
    /// What.
    pub visible: Visible,
}

impl FromRequestParts<Sources> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sources: &Sources) -> Result<Self, Response> {
        let known = sources.visible(&parts.headers).await;
        known.map(|(viewer, visible)| Reader { viewer, visible }).map_err(|error| match error {
            AccessError::Unauthenticated => {
                let back = parts.uri.path_and_query().map_or("/", |path| path.as_str());
                let to = format!("/sign-in?back={}", escaped(back));
                (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
            }
            AccessError::Unavailable(_) => {
                sorry(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
            }
        })
    }
}

/// The catalog of this moment; before it has been read there is no page.
pub struct Current(pub Arc<Snapshot>);

impl FromRequestParts<Sources> for Current {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, sources: &Sources) -> Result<Self, Response> {
        let unread = "The catalog is not read yet: try again in a moment.";
        let unread = || sorry(StatusCode::SERVICE_UNAVAILABLE, unread);
        sources.snapshot.get().map(Current).ok_or_else(unread)
    }
}

/// What stands for itself in an address; everything else is escaped.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A text as it stands in an address.
#[must_use]
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A whole page.
#[must_use]
pub fn page(tab: Tab, title: &str, viewer: Option<&Viewer>, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · IDP Multicloud" }
                link rel="stylesheet" href="/console.css";
                script src="/console.js" defer {}
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    span.brand { "IDP Multicloud" }
                    nav aria-label="Pages" {
                        @for (each, to, name) in TABS {
                            @if each == tab {
                                a href=(to) aria-current="page" { (name) }
                            } @else {
                                a href=(to) { (name) }
                            }
                        }
                    }
                    @if let Some(name) = viewer.and_then(Viewer::name) {
                        form.who method="post" action="/sign-out" {
                            span { (name) }
                            button { "Sign out" }
                        }
                    }
                }
                main #content {
                    h1 { (title) }
                    (content)
                }
                p #live role="status" {}
            }
        }
    };
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], markup.into_string()).into_response()
}

/// A page that says why there is no other.
#[must_use]
pub fn sorry(status: StatusCode, why: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Sorry");
    let page = page(Tab::Other, title, None, &html! { p { (why) } });
    (status, page).into_response()
}

/// For what is not there.
pub async fn not_found() -> Response {
    sorry(StatusCode::NOT_FOUND, "There is no such page, or nothing of it that you may see.")
}

/// The style of all pages.
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("style.css"))
}

/// Shows what has changed, where scripts run; nothing needs it.
pub async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("script.js"))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")], text).into_response()
}

/// A command to copy.
#[must_use]
pub fn command(text: &str) -> Markup {
    html! { pre.command tabindex="0" { code { (text) } } }
}
