use idp_crds::cloud_provider::Probe;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn settings() -> CircuitBreakerSpec {
    CircuitBreakerSpec {
        failure_threshold: 5,
        dwell_seconds: 10,
        cooldown_seconds: 60,
        errors: None,
    }
}

fn report(tenant: &str, name: &str, region: &str, health: Health) -> Report {
    let workload = format!("databases.db.example.org/{tenant}/{name}");
    Report { workload, tenant: tenant.to_owned(), region: region.to_owned(), health }
}

/// `count` workloads, one a tenant.
fn many(count: usize, region: &str, health: Health) -> Vec<Report> {
    (0..count).map(|number| report(&format!("team-{number}"), region, region, health)).collect()
}

fn failing(second: i64) -> Health {
    Health::Failing { since: at(second) }
}

fn well(second: i64) -> Health {
    Health::Well { since: at(second) }
}

/// The status after `before`, of a provider with places `a` and `b`.
fn after(before: &CloudProviderStatus, reports: &[Report], now: i64) -> CloudProviderStatus {
    let regions = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    let evidence = Evidence { regions: &regions, reports, probe_arrived: false };
    next(&settings(), before, &evidence, at(now))
}

fn at_once(reports: &[Report]) -> CloudProviderStatus {
    after(&CloudProviderStatus::default(), reports, 100)
}

/// The provider's state, and those of `a` and `b`.
fn states(status: &CloudProviderStatus) -> (CircuitState, CircuitState, CircuitState) {
    let place = |region: &str| {
        let place = status.places.iter().find(|place| place.region == region);
        place.map_or(CircuitState::Closed, |place| place.circuit.state)
    };
    (status.circuit.state, place("a"), place("b"))
}

use CircuitState::{Closed, HalfOpen, Open};

#[test]
fn the_threshold_opens_and_so_do_two_that_are_half_of_all() {
    for (fail, do_well, expected) in [
        (0, 3, Closed),
        (1, 0, Closed),
        (1, 1, Closed),
        (2, 0, Open),
        (2, 2, Open),
        (2, 3, Closed),
        (3, 3, Open),
        (4, 100, Closed),
        (5, 100, Open),
    ] {
        let mut reports = many(fail, "a", failing(0));
        reports.extend(many(do_well, "a", well(0)));
        let status = at_once(&reports);
        assert_eq!(states(&status), (Closed, expected, Closed), "{fail} of {}", fail + do_well);
        let place = status.places.first().map(|place| place.circuit.clone()).unwrap_or_default();
        assert_eq!(status.circuit.failing, fail as u32);
        assert!(
            fail == 0 || (place.failing, place.workloads) == (fail as u32, (fail + do_well) as u32)
        );
    }
}

#[test]
fn finding_7_one_tenant_alone_opens_nothing_unless_nobody_else_is_there() {
    let noisy: Vec<Report> =
        (0..20).map(|number| report("noisy", &number.to_string(), "a", failing(0))).collect();
    assert_eq!(states(&at_once(&noisy)), (Closed, Open, Closed), "all there is");
    let mut beside = noisy.clone();
    beside.push(report("quiet", "x", "a", well(0)));
    assert_eq!(states(&at_once(&beside)), (Closed, Closed, Closed));
    beside.push(report("third", "x", "a", failing(0)));
    assert_eq!(states(&at_once(&beside)), (Closed, Open, Closed));
}

#[test]
fn finding_7_errors_of_users_count_nothing_however_many_they_are() {
    let reports = many(50, "a", Health::Faulty);
    assert_eq!(states(&at_once(&reports)), (Closed, Closed, Closed));
    // They are there, though, and two others are not half of all.
    let mut reports = many(3, "a", Health::Faulty);
    reports.extend(many(2, "a", failing(0)));
    assert_eq!(states(&at_once(&reports)), (Closed, Closed, Closed));
}

#[test]
fn who_has_failed_for_a_moment_only_does_not_count_yet() {
    let reports = many(5, "a", failing(95));
    let status = at_once(&reports);
    assert_eq!((states(&status), status.circuit.failing), ((Closed, Closed, Closed), 5));
    assert_eq!(states(&after(&status, &reports, 104)), (Closed, Closed, Closed));
    assert_eq!(states(&after(&status, &reports, 105)), (Closed, Open, Closed));
}

#[test]
fn a_region_that_dies_opens_its_place_only_and_two_of_them_the_provider() {
    let mut reports = many(40, "a", failing(0));
    reports.extend(many(3, "b", well(0)));
    assert_eq!(states(&at_once(&reports)), (Closed, Open, Closed));
    let both: Vec<Report> = ["a", "b"].iter().flat_map(|r| many(2, r, failing(0))).collect();
    assert_eq!(states(&at_once(&both)), (Open, Open, Open));
}

#[test]
fn failures_here_and_there_open_the_provider_though_no_place_has_enough() {
    let mut reports = many(3, "a", failing(0));
    reports.extend(many(4, "a", well(0)));
    reports.extend(many(2, "b", failing(0)));
    reports.extend(many(3, "b", well(0)));
    assert_eq!(states(&at_once(&reports)), (Open, Closed, Closed));
}

#[test]
fn a_provider_of_one_place_is_open_when_that_is() {
    let regions = BTreeSet::from(["a".to_owned()]);
    let reports = many(2, "a", failing(0));
    let evidence = Evidence { regions: &regions, reports: &reports, probe_arrived: false };
    let status = next(&settings(), &CloudProviderStatus::default(), &evidence, at(100));
    assert_eq!(states(&status), (Open, Open, Closed));
    let well: Vec<Report> = many(2, "a", well(150));
    let evidence = Evidence { reports: &well, ..evidence };
    assert_eq!(states(&next(&settings(), &status, &evidence, at(151))), (Closed, Closed, Closed));
}

#[test]
fn those_that_failed_close_it_when_they_do_well_and_nobody_else_does() {
    let open = at_once(&many(5, "a", failing(0)));
    // A workload that was well before has not met the outage.
    let mut reports = many(4, "a", well(90));
    reports.extend(many(1, "a", failing(0)));
    assert_eq!(states(&after(&open, &reports, 110)), (Closed, Open, Closed));
    // They have gone elsewhere: that says nothing.
    assert_eq!(states(&after(&open, &[], 110)), (Closed, Open, Closed));
    let mut reports = many(4, "a", well(120));
    reports.push(report("slow", "x", "a", failing(0)));
    let closed = after(&open, &reports, 121);
    assert_eq!(states(&closed), (Closed, Closed, Closed));
    // What fails since before does not open it again; what fails anew does.
    assert_eq!(states(&after(&closed, &many(5, "a", failing(0)), 200)), (Closed, Closed, Closed));
    assert_eq!(states(&after(&closed, &many(5, "a", failing(130)), 200)), (Closed, Open, Closed));
}

/// A place whose circuit has opened at 100 and is half-open, with five that still fail and a probe
/// let through at 160.
fn probing() -> (CloudProviderStatus, Vec<Report>) {
    let reports = many(5, "a", failing(0));
    let open = at_once(&reports);
    assert_eq!(states(&after(&open, &reports, 159)), (Closed, Open, Closed));
    let mut status = after(&open, &reports, 160);
    assert_eq!(states(&status), (Closed, HalfOpen, Closed));
    let holder = "databases.db.example.org/team/probe".to_owned();
    let since = MicroTime(at(160));
    status.probe = Some(Probe { holder, region: "a".to_owned(), since });
    (status, reports)
}

#[test]
fn a_probe_that_does_well_closes_and_one_that_fails_opens() {
    let (status, mut reports) = probing();
    reports.push(report("team", "probe", "a", well(170)));
    let closed = after(&status, &reports, 171);
    assert_eq!((states(&closed), closed.probe.is_none()), ((Closed, Closed, Closed), true));
    assert_eq!(states(&after(&closed, &reports, 300)), (Closed, Closed, Closed), "it holds");

    let (status, mut reports) = probing();
    reports.push(report("team", "probe", "a", failing(170)));
    let open = after(&status, &reports, 171);
    assert_eq!((states(&open), open.probe.is_none()), ((Closed, Open, Closed), true));
    assert_eq!(states(&after(&open, &reports, 230)), (Closed, Open, Closed));
    assert_eq!(states(&after(&open, &reports, 231)), (Closed, HalfOpen, Closed));
}

#[test]
fn finding_8_a_probe_that_was_never_stored_is_given_back_and_so_is_one_that_says_nothing() {
    let regions = BTreeSet::from(["a".to_owned()]);
    let holds = |probe_arrived: bool, own: Option<Health>, now: i64| {
        let (status, mut reports) = probing();
        reports.extend(own.map(|health| report("team", "probe", "a", health)));
        // What its holder says elsewhere is not of the probe.
        reports.push(report("team", "probe", "b", well(161)));
        let evidence = Evidence { regions: &regions, reports: &reports, probe_arrived };
        next(&settings(), &status, &evidence, at(now)).probe.is_some()
    };
    assert!(holds(false, None, 220));
    assert!(!holds(false, None, 221), "it was refused, or was there already");
    assert!(holds(true, None, 221));
    assert!(holds(true, None, 1060));
    assert!(!holds(true, None, 1061));
    assert!(holds(true, Some(Health::Faulty), 1060), "an error of its user's");
    assert!(!holds(true, Some(Health::Faulty), 1061));
}

#[test]
fn a_probe_is_over_when_nothing_is_half_open() {
    let (status, _) = probing();
    let recovered = after(&status, &many(5, "a", well(165)), 166);
    assert_eq!((states(&recovered), recovered.probe), ((Closed, Closed, Closed), None));
}

fn any_report() -> impl Strategy<Value = Report> {
    let health = prop_oneof![
        (0..200_i64).prop_map(well),
        (0..200_i64).prop_map(failing),
        Just(Health::Faulty)
    ];
    (0..4_u8, 0..40_u8, prop::sample::select(vec!["a", "b", "c"]), health).prop_map(
        |(tenant, name, region, health)| {
            report(&format!("team-{tenant}"), &name.to_string(), region, health)
        },
    )
}

proptest! {
    #[test]
    fn neither_the_order_nor_a_second_look_changes_anything(
        reports in prop::collection::vec(any_report(), 0..40),
        later in prop::collection::vec(any_report(), 0..40),
        shuffled in any::<u64>(),
    ) {
        let before = after(&CloudProviderStatus::default(), &reports, 150);
        let status = after(&before, &later, 190);
        let mut others = later.clone();
        others.sort_by_key(|report| {
            let name = report.workload.bytes().map(u64::from);
            name.fold(shuffled, |sum, byte| sum.rotate_left(9) ^ byte.wrapping_mul(0x9E37_79B9))
        });
        prop_assert_eq!(&after(&before, &others, 190), &status);
        prop_assert_eq!(&after(&status, &later, 190), &status);
    }

    #[test]
    fn nothing_opens_without_two_that_fail(
        reports in prop::collection::vec(any_report(), 0..40),
    ) {
        let status = after(&CloudProviderStatus::default(), &reports, 250);
        let fail = |region: &str| {
            let here = reports.iter().filter(|report| report.region == region);
            here.filter(|report| matches!(report.health, Health::Failing { .. })).count()
        };
        for place in &status.places {
            prop_assert!(place.circuit.state == Closed || fail(&place.region) >= 2);
        }
        prop_assert!(status.circuit.state == Closed || status.circuit.failing >= 2);
        prop_assert!(status.places.windows(2).all(|two| two[0].region < two[1].region));
    }
}
