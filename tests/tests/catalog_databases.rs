//! What the database products promise, on every cloud: protection and backups by environment,
//! privacy, encryption, high availability, storage, replicas.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use idp_crds::contract::{ClaimRequest, Deletion};
use idp_tests::simulated_cloud::SimulatedCloud;
use idp_tests::workload::{Rendering, Workload, default_product, for_provider, made_of};
use rstest::rstest;
use serde_json::{Value, json};

const AWS: &str = "aws-us-east-1";
const GCP: &str = "gcp-us-central1";
const OCI: &str = "oci-us-ashburn-1";

fn settled(product: &str, place: &str, parameters: Value) -> Rendering {
    let workload =
        Workload::new(place, json!({"size": "small", "storageGB": 100})).with(parameters);
    SimulatedCloud::with_credentials().settle(&workload, &default_product(product))
}

#[rstest]
#[case("dev", 1, 7, false)]
#[case("staging", 7, 14, false)]
#[case("production", 14, 30, true)]
fn protection_backups_and_logs_follow_the_environment(
    #[case] environment: &str,
    #[case] backup_days: u32,
    #[case] log_days: u32,
    #[case] production: bool,
    #[values("mysql", "postgresql")] product: &str,
) {
    let aws = settled(product, AWS, json!({"environment": environment}));
    let instance = for_provider(&aws, "instance");
    assert_eq!(instance["deletionProtection"], production);
    assert_eq!(instance["skipFinalSnapshot"], !production);
    assert_eq!(instance.get("finalSnapshotIdentifier").is_some(), production);
    assert_eq!(instance["backupRetentionPeriod"], backup_days);
    assert_eq!(for_provider(&aws, "log-group")["retentionInDays"], log_days);

    let gcp = settled(product, GCP, json!({"environment": environment}));
    let instance = for_provider(&gcp, "instance");
    assert_eq!(instance["deletionProtection"], production);
    assert_eq!(instance["settings"]["deletionProtectionEnabled"], production);
    assert_eq!(instance["settings"].get("finalBackupConfig").is_some(), production);
    let backups = &instance["settings"]["backupConfiguration"];
    assert_eq!(backups["backupRetentionSettings"]["retainedBackups"], backup_days);
    // Google refuses more than seven.
    assert_eq!(backups["transactionLogRetentionDays"], backup_days.min(7));

    let oci = settled(product, OCI, json!({"environment": environment}));
    let system = for_provider(&oci, "db-system");
    if product == "mysql" {
        assert_eq!(system["deletionPolicy"][0]["isDeleteProtected"], production);
        let last = if production { "REQUIRE_FINAL_BACKUP" } else { "SKIP_FINAL_BACKUP" };
        assert_eq!(system["deletionPolicy"][0]["finalBackup"], last);
        assert_eq!(system["backupPolicy"][0]["retentionInDays"], backup_days);
    } else {
        assert_eq!(system["managementPolicy"][0]["backupPolicy"][0]["retentionDays"], backup_days);
    }
}

/// Whatever the environment: asked for is asked for. Made so, reported so.
#[rstest]
fn deleting_it_means_what_was_asked_for(
    #[values("mysql", "postgresql")] product: &str,
    #[values("dev", "production")] environment: &str,
    #[values("protect", "backup", "orphan")] deletion: &str,
) {
    let parameters =
        json!({"environment": environment, "deletion": deletion, "tier": "business_critical"});
    let (protected, leaves) = (deletion == "protect", deletion != "discard");
    for place in [AWS, GCP, OCI] {
        let made = settled(product, place, parameters.clone());
        for composed in &made.objects {
            let labels = &composed.object["metadata"]["labels"];
            assert_eq!(labels["platform.example.org/deletion"], deletion, "{}", composed.key);
            let Some(policies) = composed.object.pointer("/spec/managementPolicies") else {
                continue;
            };
            let reaches = policies.as_array().unwrap().contains(&json!("Delete"));
            assert_eq!(reaches, deletion != "orphan", "{}", composed.key);
        }
        let reported = if protected { Deletion::Protect } else { Deletion::Backup };
        let nobody_reports = (product, place) == ("postgresql", OCI);
        assert_eq!(made.deletion, (!nobody_reports).then_some(reported), "{place}");
    }
    let aws = settled(product, AWS, parameters.clone());
    let instance = for_provider(&aws, "instance");
    assert_eq!(instance["deletionProtection"], protected);
    assert_eq!(instance["skipFinalSnapshot"], !leaves);
    assert_eq!(for_provider(&aws, "replica")["deletionProtection"], protected);
    let gcp = settled(product, GCP, parameters.clone());
    let instance = for_provider(&gcp, "instance");
    assert_eq!(instance["deletionProtection"], protected);
    assert_eq!(instance["settings"]["deletionProtectionEnabled"], protected);
    // As long as that of a production database, also where backups are kept for a day.
    let last = json!({"enabled": true, "retentionDays": 14});
    assert_eq!(instance["settings"]["finalBackupConfig"], last);
    let oci = settled(product, OCI, parameters);
    if product == "mysql" {
        let policy = &for_provider(&oci, "db-system")["deletionPolicy"][0];
        assert_eq!(policy["isDeleteProtected"], protected);
        assert_eq!(policy["finalBackup"], "REQUIRE_FINAL_BACKUP");
        assert_eq!(policy["automaticBackupRetention"], "RETAIN");
    } else {
        assert_eq!(oci.notices.contains_key("no-final-backup"), deletion != "orphan");
    }
}

/// A final snapshot outlives the database, and what is restored from a backup has its id again.
#[rstest]
fn final_snapshots_never_collide(#[values("mysql", "postgresql")] product: &str) {
    let name = |uid: &str, sequence: u64| {
        let workload = Workload {
            uid: Some(uid.to_owned()),
            sequence,
            ..Workload::new(AWS, json!({"size": "small", "storageGB": 100}))
        };
        let mut cloud = SimulatedCloud::with_credentials();
        let made =
            cloud.settle(&workload.with(json!({"deletion": "backup"})), &default_product(product));
        for_provider(&made, "instance")["finalSnapshotIdentifier"].as_str().unwrap().to_owned()
    };
    let (first, second) =
        ("20000000-0000-4000-8000-000000000001", "20000000-0000-4000-8000-000000000002");
    assert!(name(first, 1).ends_with(first), "{}", name(first, 1));
    // Two lives of one name, and two places of one life.
    let all = BTreeSet::from([name(first, 1), name(second, 1), name(first, 2)]);
    assert_eq!(all.len(), 3, "{all:?}");
}

/// What holds no data has nothing to protect, and says so.
#[test]
fn deletion_is_of_what_holds_data() {
    let webapp = default_product("webapp");
    let spec = json!({"parameters": {"cell": "c", "tier": "low", "environment": "production", "image": "i", "deletion": "protect"}});
    let read = ClaimRequest::read(&webapp.spec, spec.as_object().unwrap(), ["low"]);
    let errors = read.unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].to_string().contains("spec.parameters.deletion: is not a parameter"));
    let mysql = default_product("mysql");
    let spec = json!({"parameters": {"cell": "c", "tier": "low", "environment": "dev", "size": "small", "storageGB": 20, "deletion": "discard"}});
    let errors = ClaimRequest::read(&mysql.spec, spec.as_object().unwrap(), ["low"]).unwrap_err();
    assert!(errors[0].message.contains("protect, backup or orphan"), "{errors:?}");
}

#[rstest]
fn databases_are_private_encrypted_and_recoverable(#[values("mysql", "postgresql")] product: &str) {
    let aws = settled(product, AWS, json!({"environment": "dev"}));
    let instance = for_provider(&aws, "instance");
    assert_eq!(instance["publiclyAccessible"], false);
    assert_eq!(instance["storageEncrypted"], true);
    assert_eq!(instance["dbSubnetGroupName"], "db-private-use1");
    assert!(
        instance["backupRetentionPeriod"].as_i64() >= Some(1),
        "none would turn point-in-time recovery off"
    );

    let gcp = settled(product, GCP, json!({"environment": "dev"}));
    let settings = &for_provider(&gcp, "instance")["settings"];
    assert_eq!(settings["ipConfiguration"]["ipv4Enabled"], false);
    assert_eq!(settings["ipConfiguration"]["sslMode"], "ENCRYPTED_ONLY");
    assert_eq!(settings["edition"], "ENTERPRISE");
    assert_eq!(settings["diskAutoresize"], true, "a full disk stops the database");
    let (recovery, other) = match product {
        "mysql" => ("binaryLogEnabled", "pointInTimeRecoveryEnabled"),
        _ => ("pointInTimeRecoveryEnabled", "binaryLogEnabled"),
    };
    assert_eq!(settings["backupConfiguration"][recovery], true);
    assert_eq!(settings["backupConfiguration"].get(other), None);

    let oci = settled(product, OCI, json!({"environment": "dev"}));
    let system = for_provider(&oci, "db-system");
    if product == "mysql" {
        assert_eq!(system["encryptData"][0]["keyGenerationType"], "SYSTEM");
        assert_eq!(system["backupPolicy"][0]["isEnabled"], true);
        assert_eq!(system["backupPolicy"][0]["pitrPolicy"][0]["isEnabled"], true);
        assert_eq!(system["subnetId"], "ocid1.subnet.oc1.iad.exampledatabases");
    } else {
        assert_eq!(
            system["networkDetails"][0]["subnetId"],
            "ocid1.subnet.oc1.iad.exampledatabases"
        );
    }
}

#[rstest]
fn ha_is_a_second_zone(#[values(false, true)] ha: bool) {
    for product in ["mysql", "postgresql"] {
        assert_eq!(
            for_provider(&settled(product, AWS, json!({"ha": ha})), "instance")["multiAz"],
            ha
        );
        let regional = if ha { "REGIONAL" } else { "ZONAL" };
        assert_eq!(
            for_provider(&settled(product, GCP, json!({"ha": ha})), "instance")["settings"]["availabilityType"],
            regional
        );
    }
    assert_eq!(
        for_provider(&settled("mysql", OCI, json!({"ha": ha})), "db-system")["isHighlyAvailable"],
        ha
    );
    assert_eq!(
        for_provider(&settled("postgresql", OCI, json!({"ha": ha})), "db-system")["instanceCount"],
        if ha { 2 } else { 1 }
    );
}

/// A tier that asks a place for several zones gets a database in several zones.
#[test]
fn a_tier_that_needs_several_zones_uses_them() {
    for product in ["mysql", "postgresql"] {
        for (tier, several) in
            [("low", true), ("medium", false), ("critical", false), ("business_critical", true)]
        {
            let aws = settled(product, AWS, json!({"tier": tier}));
            assert_eq!(for_provider(&aws, "instance")["multiAz"], several, "{product} {tier}");
            let gcp = settled(product, GCP, json!({"tier": tier}));
            let expected = if several { "REGIONAL" } else { "ZONAL" };
            let given = &for_provider(&gcp, "instance")["settings"]["availabilityType"];
            assert_eq!(given, expected, "{product} {tier}");
        }
    }
}

/// A replica asks for TLS as its primary does, has backups, says where it is; and what it needs
/// stays while it is there, also when the tier asks for none any more.
#[rstest]
fn a_replica_is_whole_and_keeps_what_it_needs(#[values("mysql", "postgresql")] product: &str) {
    let workload =
        Workload::new(AWS, json!({"size": "small", "storageGB": 100, "tier": "business_critical"}));
    let mut cloud = SimulatedCloud::with_credentials();
    let with = cloud.settle(&workload, &default_product(product));
    let replica = for_provider(&with, "replica");
    assert!(replica["parameterGroupNameRef"]["name"].is_string());
    assert_eq!(replica["backupRetentionPeriod"], 14);
    assert!(with.effective["replicaHost"].is_string());
    assert_eq!(for_provider(&with, "replica-parameter-group")["region"], replica["region"]);

    let lowered =
        cloud.settle(&workload.with(json!({"tier": "medium"})), &default_product(product));
    assert_eq!(made_of(&lowered, "replica").len(), 0, "the function keeps it, observed only");
    for needed in ["replica-security-group", "replica-ingress", "replica-parameter-group"] {
        assert_eq!(made_of(&lowered, needed).len(), 1, "{needed}");
    }
    let without = settled(product, AWS, json!({"tier": "medium"}));
    assert_eq!(made_of(&without, "replica-security-group").len(), 0);
}

#[rstest]
#[case("small", "dev", "db.t4g.large", "db-custom-2-8192", "MySQL.2")]
#[case("small", "production", "db.m6g.large", "db-custom-2-8192", "MySQL.2")]
#[case("medium", "dev", "db.m6g.xlarge", "db-custom-4-16384", "MySQL.4")]
#[case("large", "production", "db.m6g.2xlarge", "db-custom-8-32768", "MySQL.8")]
#[case("xlarge", "staging", "db.m6g.4xlarge", "db-custom-16-65536", "MySQL.16")]
fn a_size_means_about_the_same_everywhere(
    #[case] size: &str,
    #[case] environment: &str,
    #[case] aws: &str,
    #[case] gcp: &str,
    #[case] oci: &str,
) {
    let parameters = json!({"size": size, "environment": environment});
    for product in ["mysql", "postgresql"] {
        assert_eq!(
            for_provider(&settled(product, AWS, parameters.clone()), "instance")["instanceClass"],
            aws
        );
        assert_eq!(
            for_provider(&settled(product, GCP, parameters.clone()), "instance")["settings"]["tier"],
            gcp
        );
    }
    assert_eq!(for_provider(&settled("mysql", OCI, parameters), "db-system")["shapeName"], oci);
}

#[rstest]
#[case(AWS, "instance", "/allocatedStorage", 20)]
#[case(GCP, "instance", "/settings/diskSize", 10)]
#[case(OCI, "db-system", "/dataStorageSizeInGb", 50)]
fn storage_below_what_is_sold_is_raised_and_said(
    #[case] place: &str,
    #[case] resource: &str,
    #[case] field: &str,
    #[case] least: i64,
) {
    for asked in [10, 20, 49, 50, 65_536] {
        let rendering = settled("mysql", place, json!({"storageGB": asked}));
        let given = asked.max(least);
        assert_eq!(for_provider(&rendering, resource).pointer(field), Some(&json!(given)));
        assert_eq!(rendering.effective["storageGB"], given);
        assert_eq!(rendering.notices.contains_key("storage-raised"), given > asked);
    }
}

/// RDS makes growth under 10 % into growth of 10 %, which must not be taken for drift: the provider
/// ignores it exactly where a maximum above the asked size is set. AWS wants that maximum 10 %
/// above, and no higher than the most it sells.
#[test]
fn rds_storage_may_grow_by_less_than_ten_percent() {
    for asked in (10..=65_536).step_by(997).chain([59_578, 59_579, 65_536]) {
        let rendering = settled("mysql", AWS, json!({"storageGB": asked}));
        let instance = for_provider(&rendering, "instance");
        let allocated = instance["allocatedStorage"].as_i64().unwrap();
        match instance.get("maxAllocatedStorage").map(|most| most.as_i64().unwrap()) {
            Some(most) => {
                let enough = most * 10 >= allocated * 11 && most >= allocated + 10;
                assert!(enough && most <= 65_536, "{most} for {allocated}")
            }
            None => assert!(allocated * 11 > 65_536 * 10, "{allocated} could still grow by 10 %"),
        }
    }
}

#[rstest]
fn a_replica_in_another_region_where_the_tier_asks_for_it(
    #[values("mysql", "postgresql")] product: &str,
) {
    for tier in ["low", "medium", "critical"] {
        for place in [AWS, GCP] {
            assert_eq!(
                made_of(&settled(product, place, json!({"tier": tier})), "replica"),
                Vec::<&Value>::new()
            );
        }
    }
    let strict = json!({"tier": "business_critical"});
    let aws = settled(product, AWS, strict.clone());
    let replica = for_provider(&aws, "replica");
    assert_eq!(replica["region"], "us-west-2");
    assert_eq!(replica["replicateSourceDb"], "arn:aws:rds:us-east-1:123456789012:db:orders");
    for not_a_replicas in ["engine", "username", "dbName", "passwordSecretRef"] {
        assert_eq!(replica.get(not_a_replicas), None);
    }
    let gcp = settled(product, GCP, strict.clone());
    let replica = for_provider(&gcp, "replica");
    assert_eq!(replica["region"], "us-east4");
    let primary =
        &made_of(&gcp, "instance")[0]["metadata"]["annotations"]["crossplane.io/external-name"];
    assert!(primary.is_string());
    assert_eq!(replica["masterInstanceName"], *primary);

    let oci = settled(product, OCI, strict);
    let system = for_provider(&oci, "db-system");
    let copies = match product {
        "mysql" => &system["backupPolicy"][0]["copyPolicies"][0]["copyToRegion"],
        _ => &system["managementPolicy"][0]["backupPolicy"][0]["copyPolicy"][0]["regions"][0],
    };
    assert_eq!(copies, "us-phoenix-1");
}

#[rstest]
#[case("mysql", AWS, "instance")]
#[case("mysql", GCP, "user")]
#[case("mysql", OCI, "db-system")]
#[case("postgresql", AWS, "instance")]
#[case("postgresql", GCP, "user")]
#[case("postgresql", OCI, "db-system")]
fn what_needs_the_password_waits_for_it(
    #[case] product: &str,
    #[case] place: &str,
    #[case] resource: &str,
) {
    let workload = Workload::new(place, json!({"size": "small", "storageGB": 100}));
    let without = SimulatedCloud::default().settle(&workload, &default_product(product));
    assert!(without.pending.iter().any(|pending| pending.resource == resource && pending.waiting));
    assert_eq!(made_of(&without, resource), Vec::<&Value>::new());
    let laptop = Workload { uid: None, ..workload }
        .render(&default_product(product), &SimulatedCloud::default());
    assert_eq!(made_of(&laptop, resource).len(), 1, "on a laptop nothing is ever observed");
}

#[test]
fn data_is_labelled_as_data() {
    for product in ["mysql", "postgresql"] {
        for place in [AWS, GCP, OCI] {
            let rendering = settled(product, place, json!({"tier": "business_critical"}));
            let data =
                ["Instance", "DatabaseInstance", "Database", "MysqlDbSystem", "PsqlDbSystem"];
            for composed in &rendering.objects {
                let holds_data = data.contains(&composed.object["kind"].as_str().unwrap());
                assert_eq!(composed.stateful, holds_data, "{}", composed.key);
            }
        }
    }
}
