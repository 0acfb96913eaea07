//! Who sees what: each what they may list with kubectl, and nothing of any other namespace.

use std::net::SocketAddr;

use idp_tests::cluster::{Cluster, User, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::NAMESPACE;

/// Status and text of what a bearer of `token` is answered.
async fn get(address: SocketAddr, path: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// The head of what a form's sender is answered.
async fn post(address: SocketAddr, path: &str, form: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\ncookie: idp-token=old\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn bearer(user: &User) -> String {
    format!("authorization: Bearer {}\r\n", user.token)
}

/// While there is `orders-db` in the team's namespace.
pub async fn shows_each_what_they_may_list(cluster: &Cluster, port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);
    admin.kubectl(&["create", "namespace", "elsewhere"], "").unwrap();
    admin.kubectl(&["create", "serviceaccount", "stranger", "-n", "elsewhere"], "").unwrap();
    let stranger = cluster.control_plane.service_account("elsewhere", "stranger").await;

    let (status, _) = get(address, "/api/placements", "").await;
    assert_eq!(status, 401, "who says nothing sees nothing");
    let (status, _) = get(address, "/api/placements", "authorization: Bearer nobody\r\n").await;
    assert_eq!(status, 401, "a token that the cluster does not know");
    let (status, text) = get(address, "/workloads", "").await;
    assert!(status == 303 && text.contains("location: /sign-in?back=/workloads"), "{text}");

    for user in [admin, developer] {
        let (status, text) = get(address, "/api/placements", &bearer(user)).await;
        assert!(status == 200 && text.contains("orders-db"), "{text}");
    }
    println!("--- in a browser");
    let answer = post(address, "/sign-in", "token=nobody&back=/workloads").await;
    assert!(answer.contains("The cluster does not know this token"), "{answer}");
    assert!(!answer.contains("set-cookie"), "{answer}");
    let form = format!("token={}&back=/workloads", developer.token);
    let answer = post(address, "/sign-in", &form).await;
    assert!(answer.contains("location: /workloads"), "{answer}");
    let kept =
        format!("set-cookie: idp-token={}; HttpOnly; SameSite=Strict; Path=/", developer.token);
    assert!(answer.contains(&kept), "{answer}");
    let answer = post(address, "/sign-out", "").await;
    let taken_back = answer.lines().find(|line| line.starts_with("set-cookie: idp-token=;"));
    let taken_back = taken_back.unwrap_or_else(|| panic!("{answer}"));
    for attribute in ["Path=/", "Max-Age=0", "HttpOnly"] {
        assert!(taken_back.split("; ").any(|part| part == attribute), "{taken_back}");
    }
    let cookie = format!("cookie: idp-token={}\r\n", developer.token);
    let path =
        format!("/workloads/db.platform.example.org/MySQLInstanceClaim/{NAMESPACE}/orders-db");
    let (status, text) = get(address, &path, &cookie).await;
    assert!(status == 200 && text.contains("Why there"), "{text}");

    println!("--- a stranger");
    for path in ["/api/placements", "/workloads", "/"] {
        let (status, text) = get(address, path, &bearer(&stranger)).await;
        assert!(status == 200 && !text.contains("orders-db"), "{path}: {text}");
    }
    let (status, _) = get(address, &path, &bearer(&stranger)).await;
    assert_eq!(status, 404, "what one may not see is as if it were not there");
    let (_, text) = get(address, "/catalog", &bearer(&stranger)).await;
    assert!(!text.contains("aws-use1-prod-01"), "{text}");

    println!("--- until they may");
    let bind = ["create", "rolebinding", "stranger", "--clusterrole=claims-edit"];
    let bind = bind.iter().chain(&["--serviceaccount=elsewhere:stranger", "-n", NAMESPACE]);
    admin.kubectl(&bind.copied().collect::<Vec<_>>(), "").unwrap();
    eventually("the right to be known", async || {
        let (_, text) = get(address, "/api/placements", &bearer(&stranger)).await;
        text.contains("orders-db").then_some(()).ok_or(text)
    })
    .await;
    admin.kubectl(&["delete", "namespace", "elsewhere", "--wait=false"], "").unwrap();
}
