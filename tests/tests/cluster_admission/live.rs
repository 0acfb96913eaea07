//! `idp` asks the cluster, with its users' own kubeconfigs.

use std::path::Path;
use std::process::Command;

use idp_tests::cluster::{Cluster, User};
use serde_json::Value;

use super::{NAMESPACE, placement, program};

fn idp(user: &User, arguments: &[&str]) -> Result<String, String> {
    let kubeconfig: &Path = &user.kubeconfig;
    let output = Command::new(program("idp"))
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .env_remove("IDP_CATALOG")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// With the webhook running, and `orders-db` there.
pub async fn answers_each_by_their_own_rights(cluster: &Cluster) {
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);
    println!("--- idp get, status, explain, impact");
    let all = idp(admin, &["get", "-A", "-o", "wide"]).unwrap();
    println!("{all}");
    let decided = placement(admin, "orders-db").unwrap();
    let place = |of: &Value| {
        format!("{}/{}", of["provider"].as_str().unwrap(), of["region"].as_str().unwrap())
    };
    let here = place(&decided["selected"]);
    let row = all.lines().find(|line| line.contains("orders-db")).unwrap();
    assert!(row.starts_with(NAMESPACE) && row.contains(&here) && row.contains("medium"), "{row}");
    let named = idp(admin, &["get", "-n", NAMESPACE, "-o", "name"]).unwrap();
    assert!(named.contains("mysqlinstanceclaim.db.platform.example.org/orders-db\n"), "{named}");
    let status = idp(admin, &["status"]).unwrap();
    println!("{status}");
    assert!(status.contains("aws") && status.contains(&here), "{status}");
    let name = format!("{NAMESPACE}/orders-db");
    let explained = idp(admin, &["explain", "mysqlinstanceclaim", &name]).unwrap();
    println!("{explained}");
    assert!(explained.contains(&format!("is at {here} by decision")), "{explained}");
    let impact = idp(admin, &["impact", &here, "--live"]).unwrap();
    assert!(impact.contains("hits"), "{impact}");

    // Whoever may not read the catalog is told what is missing.
    let refused = idp(developer, &["get", "-n", NAMESPACE]).unwrap_err();
    println!("{refused}");
    assert!(refused.contains("cannot read") && refused.contains("forbidden"), "{refused}");
}
