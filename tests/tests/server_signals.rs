//! Signals. They reach the whole process, so this test has one of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use clap::Parser;
use function_sdk_rust::proto::v1::RunFunctionRequest;
use function_sdk_rust::proto::v1::function_runner_service_client::FunctionRunnerServiceClient;
use idp_function::cli::serve::{ServeArgs, serve};
use idp_function::wire::v1::RunFunctionResponse;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    serve: ServeArgs,
}

fn send(signal: &str) {
    let pid = std::process::id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
}

/// Below the ports that outgoing connections get: connecting to one of those
/// before anyone listens can end up connected to itself.
fn free_address() -> String {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    (first..32_000)
        .map(|port| format!("127.0.0.1:{port}"))
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .unwrap()
}

/// Serves, calls, and sends the first signal while the call is in flight.
/// Returns the server's end, the call's, and what lets the call end.
async fn signalled(
    signal: &str,
) -> (
    tokio::task::JoinHandle<Result<(), String>>,
    tokio::task::JoinHandle<Result<(), tonic::Status>>,
    std::sync::mpsc::Sender<()>,
) {
    let address = free_address();
    let flags = ["serve", "--insecure", "--address", &address, "--metrics-address", ""];
    let args = Program::parse_from(flags).serve;

    let (entered_tx, mut entered) = tokio::sync::mpsc::unbounded_channel();
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let runner = move |_| {
        entered_tx.send(()).unwrap();
        // Lets the other tasks of this thread go on elsewhere.
        let _ = tokio::task::block_in_place(|| gate.lock().unwrap().recv());
        Ok(RunFunctionResponse::default())
    };
    let server =
        tokio::spawn(async { serve(args, runner).await.map_err(|error| error.to_string()) });
    let mut client = loop {
        match FunctionRunnerServiceClient::connect(format!("http://{address}")).await {
            Ok(client) => break client,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let call = tokio::spawn(async move {
        client.run_function(RunFunctionRequest::default()).await.map(|_| ())
    });
    entered.recv().await.unwrap();
    send(signal);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    (server, call, open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_signal_drains_and_the_second_aborts() {
    for signal in ["TERM", "INT"] {
        let (server, call, open) = signalled(signal).await;
        assert!(!server.is_finished());
        open.send(()).unwrap();
        call.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
    }

    let (server, call, open) = signalled("TERM").await;
    send("TERM");
    assert_eq!(
        server.await.unwrap().unwrap_err(),
        "stopped by a second SIGTERM before all requests were answered"
    );
    drop(open);
    call.await.unwrap().unwrap_err();
}
