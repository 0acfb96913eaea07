//! The console's pages, over the fleet that the examples have.

use std::collections::BTreeSet;

use idp_console::access::Access;
use idp_console::placements::{GroupKind, Placed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use idp_tests::web_port::{Answer, WebPort, placed};

async fn console() -> WebPort {
    WebPort::of_example(Access::Open).await
}

/// What the attributes `name` of a page say, as text.
fn attributes(page: &str, name: &str) -> Vec<String> {
    let start = format!(" {name}=\"");
    let values = page.split(&start).skip(1).filter_map(|rest| rest.split('"').next());
    values.map(|value| value.replace("&amp;", "&")).collect()
}

#[tokio::test]
async fn every_link_leads_to_a_page() {
    let console = console().await;
    let mut todo = vec!["/".to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(path) = todo.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = console.page(&path).await;
        assert!(!page.contains(" style=\"") && !page.contains("<script>"), "{path}: {page}");
        let linked = attributes(&page, "href").into_iter().chain(attributes(&page, "src"));
        todo.extend(linked.filter(|link| link.starts_with('/')));
        assert!(seen.len() < 500, "there is no end to the pages");
    }
    // Four pages, ten workloads, three products to ask of, what is filtered and sorted, style and script.
    assert!(seen.len() > 40, "{seen:#?}");
    assert!(seen.iter().filter(|path| path.starts_with("/workloads/")).count() == 10, "{seen:#?}");
}

#[tokio::test]
async fn the_first_page_says_what_needs_attention() {
    let console = console().await;
    let page = console.page("/").await;
    for expected in
        ["1 moving", "recommender", "1 with something left behind", "us-central1", "2 workloads"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
}

#[tokio::test]
async fn a_workloads_page_says_why_and_how_to_act() {
    let console = console().await;
    let path = "/workloads/db.platform.example.org/MySQLInstanceClaim/team-finance/invoices";
    let page = console.page(path).await;
    for expected in [
        "Why there",
        "<svg",
        "Not in the ranking",
        "ProviderHealthy",
        "kubectl describe mysqlinstanceclaim.db.platform.example.org invoices --namespace team-finance",
        "platform.example.org/failover=gcp@2",
        "platform.example.org/release=aws-us-east-1",
        "What has happened to it",
        "2026-05-11T22:41:37Z",
        "on-call",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert_eq!(console.get(&path.replace("invoices", "nothing")).await.status, 404);
}

#[tokio::test]
async fn what_if_answers_and_names_what_is_wrong() {
    let console = console().await;
    let ask =
        "/what-if?product=mysql&cell=c1&tier=business_critical&environment=production&size=small";
    let page = console.page(&format!("{ask}&storageGB=50")).await;
    assert!(page.contains("It would go to <strong>aws/us-east-1</strong>"), "{page}");
    assert!(page.contains("it goes to <strong>gcp/us-central1</strong>"), "{page}");
    let page = console.page(&format!("{ask}&storageGB=50&without=aws")).await;
    assert!(page.contains("It would go to <strong>gcp/us-central1</strong>"), "{page}");
    let page = console.page(&format!("{ask}&storageGB=50&without=aws&without=gcp")).await;
    assert!(page.contains("<li>oci/us-ashburn-1: missing required capability: "), "{page}");
    let page = console.page(&format!("{ask}&storageGB=none")).await;
    assert!(page.contains("spec.parameters.storageGB: must be"), "{page}");
    assert!(page.contains("aria-invalid=\"true\""), "{page}");
}

/// What people write is shown as text.
/// The command is there to be copied, and its address to be sent to somebody: the shell is to take all of it
/// as text.
#[tokio::test]
async fn nothing_that_is_written_becomes_a_command() {
    let asked = "/what-if?product=mysql&name=%24(touch%20/tmp/x)&cell=c1&tier=low&environment=dev&size=small&storageGB=20";
    let page = WebPort::of_example(Access::Open).await.page(asked).await;
    assert!(page.contains("&lt;&lt;'EOF'") && page.contains("$(touch"), "{page}");
}

#[tokio::test]
async fn nothing_that_is_written_becomes_a_script() {
    let console = console().await;
    let script = "%3Cscript%3Ealert(1)%3C/script%3E";
    for path in [
        format!("/workloads?q={script}&provider={script}&sort={script}"),
        format!("/what-if?product=mysql&name={script}&cell={script}"),
        format!("/sign-in?back={script}"),
    ] {
        let Answer { head, body, .. } = console.get(&path).await;
        assert!(!body.to_lowercase().contains("<script>"), "{path}: {body}");
        assert!(head.contains("content-security-policy: default-src 'none';"), "{head}");
    }
}

#[tokio::test]
async fn ten_thousand_workloads_make_a_page_of_a_hundred() {
    let console = console().await;
    let kind = GroupKind::new("db.platform.example.org", "MySQLInstanceClaim");
    let many = (0..10_000)
        .map(|number| Placed { name: format!("orders-{number:05}"), ..placed("aws", "us-east-1") });
    console.placements.replace(&kind, many);
    let page = console.page("/workloads?sort=-name&page=3").await;
    assert!(page.contains("page 4 of 101"), "{page}");
    assert!(page.len() < 300_000, "{} bytes", page.len());
    let overview = console.page("/").await;
    assert!(overview.len() < 50_000, "{} bytes", overview.len());
}

#[tokio::test]
async fn a_change_is_told_and_the_end_ends_it() {
    let console = console().await;
    let mut stream = TcpStream::connect(console.address).await.unwrap();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.contains("\r\n\r\n") {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    console.placements.put(placed("aws", "us-east-1"));
    while !text.contains("data: changed") {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    console.stopping.cancel();
    while stream.read(&mut buffer).await.unwrap() > 0 {}
}
