//! Every page, light and dark, wide and narrow: no violation that axe-core finds, nothing beyond the edge.

use idp_tests::people::People;
use idp_tests::web_port::{WebPort, trying};
use serde_json::Value;

use super::browser::{Browser, LIGHT, LOOKS, axe};

/// WCAG 2.2 A and AA, and what axe-core calls good practice.
const RUN: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
        .then(result => done(result.violations), error => done([{id: String(error), nodes: []}]));";

async fn violations(browser: &Browser) -> Vec<String> {
    browser.script(&std::fs::read_to_string(axe()).unwrap()).await;
    let found = browser.client.execute_async(RUN, Vec::new()).await.unwrap();
    let all = found.as_array().unwrap().iter().map(|violation| {
        let nodes = violation["nodes"].as_array().unwrap().iter();
        let nodes: Vec<String> =
            nodes.map(|node| format!("{}: {}", node["html"], node["failureSummary"])).collect();
        format!("{}: {}", violation["id"], nodes.join("\n    "))
    });
    all.collect()
}

fn pages() -> Vec<(&'static str, String)> {
    let workload = "/workloads/db.platform.example.org/MySQLInstanceClaim";
    let ask =
        "/what-if?product=mysql&cell=c1&tier=business_critical&environment=production&size=small";
    [
        ("overview", "/"),
        ("workloads", "/workloads?limit=12"),
        ("workloads-sorted", "/workloads?provider=aws&sort=-name"),
        ("workloads-none", "/workloads?q=nothing-like-it"),
        ("workload", &format!("{workload}/team-checkout/orders")),
        ("workload-moved", &format!("{workload}/team-finance/invoices")),
        ("what-if", "/what-if"),
        ("what-if-form", "/what-if?product=webapp"),
        ("what-if-answer", &format!("{ask}&storageGB=50&without=aws")),
        ("what-if-nowhere", &format!("{ask}&storageGB=50&without=aws&without=gcp")),
        ("what-if-wrong", &format!("{ask}&storageGB=none")),
        ("experiments", "/experiments"),
        ("catalog", "/catalog"),
        ("not-there", "/nowhere"),
    ]
    .map(|(name, path)| (name, path.to_owned()))
    .into()
}

#[tokio::test]
async fn every_page_is_for_everyone() {
    let port = trying().await;
    let mut wrong = Vec::new();
    for look in LOOKS {
        let Some(browser) = Browser::open(look).await else { return };
        for (name, path) in pages() {
            browser.client.goto(&format!("http://{}{path}", port.address)).await.unwrap();
            let found = violations(&browser).await;
            wrong.extend(found.iter().map(|what| format!("{} {path}: {what}", look.name)));
            let beyond = browser.script("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]").await;
            if beyond[0].as_u64() > beyond[1].as_u64() {
                wrong.push(format!(
                    "{} {path}: {} pixels on a screen of {}",
                    look.name, beyond[0], beyond[1]
                ));
            }
            browser.keep_screenshot(&format!("{name}-{}", look.name)).await;
        }
        browser.close().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn signing_in_is_for_everyone() {
    let port = WebPort::of_example(People::default().access()).await;
    for look in LOOKS {
        let Some(browser) = Browser::open(look).await else { return };
        browser.client.goto(&format!("http://{}/workloads", port.address)).await.unwrap();
        assert_eq!(violations(&browser).await, Vec::<String>::new(), "{}", look.name);
        browser.keep_screenshot(&format!("sign-in-{}", look.name)).await;
        browser.close().await;
    }
}

/// The colours follow the system's, and both schemes are really looked at.
#[tokio::test]
async fn light_and_dark_follow_the_system() {
    let port = WebPort::of_example(idp_console::access::Access::Open).await;
    let mut grounds: Vec<Value> = Vec::new();
    for look in [LIGHT, LOOKS[1]] {
        let Some(browser) = Browser::open(look).await else { return };
        browser.client.goto(&format!("http://{}/", port.address)).await.unwrap();
        let ground = "return getComputedStyle(document.body).backgroundColor";
        grounds.push(browser.script(ground).await);
        browser.close().await;
    }
    assert_ne!(grounds[0], grounds[1]);
}
