//! What people do with it: go about, ask, sign in, watch; by mouse and by keyboard.

use std::collections::BTreeSet;

use fantoccini::Locator;
use fantoccini::key::Key;
use idp_console::access::Access;
use idp_console::placements::Placed;
use idp_tests::people::People;
use idp_tests::web_port::{WebPort, placed};
use serde_json::json;

use super::browser::{Browser, LIGHT};

fn at(port: &WebPort, path: &str) -> String {
    format!("http://{}{path}", port.address)
}

#[tokio::test]
async fn every_link_is_followed() {
    let port = WebPort::of_example(Access::Open).await;
    let Some(browser) = Browser::open(LIGHT).await else { return };
    let mut todo = vec![at(&port, "/")];
    let mut seen = BTreeSet::new();
    while let Some(url) = todo.pop() {
        if !seen.insert(url.clone()) {
            continue;
        }
        browser.client.goto(&url).await.unwrap();
        assert_eq!(
            browser.script("return document.querySelectorAll('h1').length").await,
            1,
            "{url}"
        );
        let status = "return performance.getEntriesByType('navigation')[0].responseStatus";
        assert_eq!(browser.script(status).await, 200, "{url}");
        let links =
            "return [...document.querySelectorAll('a[href]')].map(a => a.href.split('#')[0])";
        let links = browser.script(links).await;
        // Of the ways to sort and to filter, one step from the plain list; all are followed without a browser.
        let is_deep = url.contains('?');
        let found = links.as_array().unwrap().iter().map(|link| link.as_str().unwrap().to_owned());
        todo.extend(found.filter(|link| !is_deep || !link.contains('?')));
    }
    assert!(seen.len() > 25, "{seen:#?}");
    browser.close().await;
}

#[tokio::test]
async fn a_question_is_asked_by_form() {
    let port = WebPort::of_example(Access::Open).await;
    let Some(browser) = Browser::open(LIGHT).await else { return };
    browser.client.goto(&at(&port, "/what-if")).await.unwrap();
    browser.client.find(Locator::LinkText("mysql")).await.unwrap().click().await.unwrap();
    browser.until("the form", "return document.getElementById('field-cell') !== null").await;
    for (field, value) in [("cell", "c1"), ("storageGB", "5")] {
        let field = browser.client.find(Locator::Id(&format!("field-{field}"))).await.unwrap();
        field.send_keys(value).await.unwrap();
    }
    for (field, value) in
        [("tier", "business_critical"), ("environment", "production"), ("size", "small")]
    {
        let field = browser.client.find(Locator::Id(&format!("field-{field}"))).await.unwrap();
        field.select_by_value(value).await.unwrap();
    }
    // The browser itself holds numbers to their limits.
    browser.click("form.what-if button").await;
    let valid = "return document.getElementById('field-storageGB').checkValidity()";
    assert_eq!(browser.script(valid).await, false);
    let storage = browser.client.find(Locator::Id("field-storageGB")).await.unwrap();
    storage.clear().await.unwrap();
    storage.send_keys("50").await.unwrap();
    browser.click("form.what-if button").await;
    let goes_to = async |place: &str| {
        let said = format!(
            "document.querySelector('section[aria-labelledby=answer]')?.innerText.includes('It would go to {place}')"
        );
        browser.until(place, &format!("return {said} === true")).await;
    };
    goes_to("aws/us-east-1").await;
    let top = "return document.getElementById('answer').getBoundingClientRect().top < innerHeight";
    assert_eq!(browser.script(top).await, true, "the answer is on the screen");
    // What was asked stays in the form, and in the address.
    assert_eq!(
        browser.script("return document.getElementById('field-storageGB').value").await,
        "50"
    );
    browser.click("input[name=without][value=aws]").await;
    browser.click("form.what-if button").await;
    goes_to("gcp/us-central1").await;
    browser.close().await;
}

#[tokio::test]
async fn a_list_is_searched_and_sorted() {
    let port = WebPort::of_example(Access::Open).await;
    let Some(browser) = Browser::open(LIGHT).await else { return };
    browser.client.goto(&at(&port, "/workloads")).await.unwrap();
    browser.client.find(Locator::LinkText("Name")).await.unwrap().click().await.unwrap();
    browser.until("it is sorted", "return location.search.includes('sort=name')").await;
    let names = "return [...document.querySelectorAll('tbody th')].map(th => th.innerText)";
    let names: Vec<String> = serde_json::from_value(browser.script(names).await).unwrap();
    assert!(names.len() == 10 && names.is_sorted(), "{names:?}");
    let search = browser.client.find(Locator::Css("input[type=search]")).await.unwrap();
    search.send_keys("invoices").await.unwrap();
    browser.press(&char::from(Key::Enter).to_string()).await;
    browser
        .until("one is found", "return document.querySelectorAll('tbody tr').length === 1")
        .await;
    browser.click("tbody th a").await;
    browser.until("it is shown", "return document.querySelector('h1')?.innerText.includes('team-finance/invoices') === true").await;
    browser.close().await;
}

#[tokio::test]
async fn a_person_signs_in_sees_what_is_theirs_and_signs_out() {
    let people =
        People::default().and("developer", &[("mysqlinstanceclaims", Some("team-checkout"))]);
    let port = WebPort::of_example(people.access()).await;
    let Some(browser) = Browser::open(LIGHT).await else { return };
    browser.client.goto(&at(&port, "/workloads?sort=name")).await.unwrap();
    assert_eq!(browser.text("h1").await, "Sign in");
    let sign_in = async |token: &str| {
        let field = browser.client.find(Locator::Id("token")).await.unwrap();
        field.send_keys(token).await.unwrap();
        browser.click("main button").await;
    };
    sign_in("somebody").await;
    browser.until("it is refused", "return document.querySelector('[role=alert]')?.innerText.includes('does not know this token') === true").await;
    sign_in("developer").await;
    // Back where they wanted to go.
    browser
        .until(
            "they are in",
            "return location.pathname + location.search === '/workloads?sort=name'",
        )
        .await;
    let rows =
        "return [...document.querySelectorAll('tbody tr')].map(tr => tr.children[1].innerText)";
    let rows: Vec<String> = serde_json::from_value(browser.script(rows).await).unwrap();
    assert!(
        !rows.is_empty() && rows.iter().all(|namespace| namespace == "team-checkout"),
        "{rows:?}"
    );
    assert_eq!(browser.script("return document.cookie").await, "", "no script reads the token");
    browser.click(".who button").await;
    browser.until("they are out", "return location.pathname === '/sign-in'").await;
    browser.client.goto(&at(&port, "/")).await.unwrap();
    assert_eq!(browser.text("h1").await, "Sign in");
    browser.close().await;
}

/// Everything is reached by the tab key, in the order that is read, and seen when it is.
#[tokio::test]
async fn the_keyboard_reaches_everything() {
    let port = WebPort::of_example(Access::Open).await;
    let Some(browser) = Browser::open(LIGHT).await else { return };
    let tab = char::from(Key::Tab).to_string();
    for path in ["/", "/workloads", "/what-if?product=mysql", "/catalog"] {
        browser.client.goto(&at(&port, path)).await.unwrap();
        browser.press(&tab).await;
        assert_eq!(
            browser.script("return document.activeElement.className").await,
            "skip",
            "{path}"
        );
        let shown = "const box = document.activeElement.getBoundingClientRect(); return box.left >= 0 && box.top >= 0";
        assert_eq!(
            browser.script(shown).await,
            true,
            "the way past the navigation is seen: {path}"
        );
        let all = "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, [tabindex=\"0\"]')].length";
        let all = browser.script(all).await.as_u64().unwrap();
        let mut reached = 1;
        while reached < all {
            browser.press(&tab).await;
            let seen = "const a = document.activeElement, s = getComputedStyle(a);
                return a !== document.body && a.matches(':focus-visible') && s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2";
            let which = "return document.activeElement.outerHTML";
            assert_eq!(browser.script(seen).await, true, "{path}: {}", browser.script(which).await);
            reached += 1;
        }
    }
    browser.client.goto(&at(&port, "/workloads")).await.unwrap();
    browser.press(&tab).await;
    browser.press(&char::from(Key::Enter).to_string()).await;
    browser.until("it goes there", "return location.hash === '#content'").await;
    browser.press(&tab).await;
    let within = "return document.querySelector('main').contains(document.activeElement)";
    assert_eq!(browser.script(within).await, true, "past the navigation");
    browser.close().await;
}

#[tokio::test]
async fn what_changes_is_shown_without_a_reload() {
    let port = WebPort::of_example(Access::Open).await;
    let Some(browser) = Browser::open(LIGHT).await else { return };
    browser.client.goto(&at(&port, "/workloads")).await.unwrap();
    browser.script("window.untouched = true").await;
    port.placements.put(Placed { name: "newcomer".to_owned(), ..placed("aws", "us-east-1") });
    browser
        .until(
            "the newcomer is shown",
            "return document.querySelector('main').innerText.includes('newcomer')",
        )
        .await;
    port.placements.put(Placed {
        name: "newcomer".to_owned(),
        phase: "Moving".to_owned(),
        ..placed("gcp", "us-central1")
    });
    browser
        .until(
            "its move is shown",
            "return [...document.querySelectorAll('tr')].some(tr => tr.innerText.includes('newcomer') && tr.innerText.includes('Moving') && tr.innerText.includes('gcp'))",
        )
        .await;
    assert_eq!(browser.script("return window.untouched").await, json!(true), "it was loaded once");
    assert!(browser.text("#live").await.contains("Updated"));
    browser.close().await;
}
