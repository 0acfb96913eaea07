//! `serve`'s flags, and what keeps it from serving.

use clap::Parser;
use idp_function::cli::serve::{ServeArgs, serve};
use idp_serving::address::OptionalAddress;
use tempfile::TempDir;

use super::client::echo;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    serve: ServeArgs,
}

fn parse(flags: &[&str]) -> Result<ServeArgs, String> {
    let flags = ["serve"].iter().chain(flags);
    match Program::try_parse_from(flags) {
        Ok(program) => Ok(program.serve),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_defaults_are_the_sdks() {
    let args = parse(&[]).unwrap();
    assert_eq!(args.address, "0.0.0.0:9443".parse().unwrap());
    assert_eq!(args.metrics_address, OptionalAddress(Some("0.0.0.0:8080".parse().unwrap())));
    assert!(!args.insecure && !args.telemetry.debug && args.tls_certs_dir.is_none());
    assert_eq!(args.max_recv_message_size, 64 << 20);
}

/// Every flag of the Crossplane SDK is known to us, so that a runtime config
/// written for another function works.
#[test]
fn the_sdks_flags_are_accepted() {
    let flags = [
        "--debug",
        "--insecure",
        "--address",
        "127.0.0.1:1",
        "--tls-certs-dir",
        "/tls/server",
        "--max-recv-message-size",
        "4194304",
        "--metrics-address",
        "",
    ];
    function_sdk_rust::Args::try_parse_from(["serve"].iter().chain(&flags)).unwrap();
    let args = parse(&flags).unwrap();
    assert!(args.telemetry.debug && args.insecure);
    assert_eq!(args.max_recv_message_size, 4 << 20);
    assert_eq!(args.metrics_address, OptionalAddress(None));
}

#[rstest::rstest]
#[case(&["--max-recv-message-size", "100"], "100 bytes is too small for Crossplane's requests: at least 1Mi; write 100Mi for mebibytes")]
#[case(&["--max-recv-message-size", "100MB"], "unknown unit: use Ki, Mi, Gi, or none for bytes")]
#[case(&["--max-recv-message-size", "99999999999999999999"], "expected a number, such as 67108864 or 64Mi")]
#[case(&["--max-recv-message-size", "17179869184Gi"], "expected a number, such as 67108864 or 64Mi")]
#[case(&["--address", "localhost:9443"], "expected an IP address and a port, such as 0.0.0.0:9443 or :9443")]
#[case(&["--metrics-address", "8080"], "expected an IP address and a port, such as 0.0.0.0:9443 or :9443")]
fn bad_values_are_explained(#[case] flags: &[&str], #[case] message: &str) {
    let error = parse(flags).unwrap_err();
    assert!(error.contains(message), "{error}");
}

#[tokio::test]
async fn what_keeps_it_from_serving_is_told() {
    let args = |flags: &[&str]| {
        let local = ["--address", "127.0.0.1:0", "--metrics-address", ""];
        parse(&[&local, flags].concat()).unwrap()
    };
    let error = serve(args(&[]), echo).await.unwrap_err().to_string();
    assert!(error.starts_with("no TLS certificates: pass --tls-certs-dir"), "{error}");

    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    let error = serve(args(&["--tls-certs-dir", path]), echo).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot serve with the TLS certificates in {path}: cannot read {path}/tls.crt: No such file or directory (os error 2)"
        )
    );

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut args = args(&["--insecure"]);
    args.address = taken.local_addr().unwrap();
    let error = serve(args, echo).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!("cannot listen on {address} (--address): Address already in use (os error 98)")
    );
}
