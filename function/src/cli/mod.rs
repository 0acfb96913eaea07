//! The command line `idp`: one file a command, and what they share.

mod age;
mod catalog;
pub mod check;
mod cluster;
pub mod console;
pub mod explain;
pub mod generate;
pub mod get;
pub mod impact;
pub mod input;
mod progress;
mod question;
pub mod render;
pub mod renderer;
pub mod replay;
mod sarif;
pub mod schedule;
pub mod serve;
pub mod simulate;
pub mod status;
mod summary;
mod table;
pub mod test;
mod version;
pub mod workloads;

use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use idp_serving::exit::Exit;
use thiserror::Error;

/// Place managed services on AWS, Google Cloud and Oracle Cloud, and compose what they are made of.
#[derive(Debug, Parser)]
#[command(name = "idp", max_term_width = 120, after_help = AFTER_HELP, disable_version_flag = true)]
#[command(arg_required_else_help = true)]
pub struct Cli {
    /// Print the version, and the digest of the catalog that is built in.
    #[arg(short = 'V', long, action = ArgAction::SetTrue, exclusive = true)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The name under which `kubectl` finds a plugin `idp`.
const PLUGIN: &str = "kubectl-idp";

const AFTER_HELP: &str = "\
Examples:
  idp render claim.yaml                     where would this go, why, and what is it made of?
  idp render claim.yaml --exclude aws       and if AWS were gone?
  idp render claim.yaml -o json | jq .items[0].status.placement
  idp console                               what runs where and why, in a browser
  idp schedule < questions.jsonl            a million placement decisions
  idp explain claim.yaml                    why there, and what would it take to go elsewhere?
  idp get -A                                what runs where in the cluster?
  idp status                                which cloud is well, what moves, what waits?
  idp explain mysqlinstanceclaim team-a/orders
  idp impact aws --live                     who is hit when AWS dies?
  idp simulate --change tier.yaml --fleet fleet.json --max-changed 5%
  idp check --catalog catalog               does it recover from any single loss?
  idp test package/tests                    is it as the platform team expects?
  idp generate xrd mysql | kubectl apply -f -
  idp serve --insecure                      the function, for `crossplane render`

Exit codes:
  0  done
  1  a claim was refused, or has no place; a check, a gate or a comparison failed
  2  the command line is wrong
  3  a file or the catalog cannot be read";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the composition function that Crossplane calls.
    Serve(serve::ServeArgs),
    Render(render::RenderArgs),
    Console(console::ConsoleArgs),
    /// Answer placement questions: JSON lines in, JSON lines out, in the same order.
    Schedule(ScheduleArgs),
    Get(get::GetArgs),
    Status(status::StatusArgs),
    Explain(explain::ExplainArgs),
    Impact(impact::ImpactArgs),
    Simulate(simulate::SimulateArgs),
    Check(check::CheckArgs),
    Replay(replay::ReplayArgs),
    Test(test::TestArgs),
    Generate(generate::GenerateArgs),
    Version(version::VersionArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Each input line is
/// `{"id":…,"kind":"schedule","input":{"request":{"name":…,"tier":…,"ha":…},…}}`, where the input
/// may bring `candidates`, `exclude_providers`, `health`, `circuit`, `experiments` and `flags`.
/// Each output line is `{"id":…,"placement":…,"reason":…,"failover":…}` or
/// `{"id":…,"error":{"kind":…,"message":…}}`. A line that cannot be read is answered with an error
/// that has its number, and the rest go on.
#[derive(Debug, Args)]
struct ScheduleArgs {
    /// A folder with Candidates and Tiers as YAML, instead of the built-in catalog.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
}

/// Why a command failed. The exit code goes by it.
#[derive(Debug, Error)]
pub enum CliError {
    /// A claim is refused, or has no place: what it is, and every reason.
    #[error("{subject}\n{}", reasons.iter().map(|reason| format!("  {reason}")).collect::<Vec<_>>().join("\n"))]
    Refused {
        /// The file and the object.
        subject: String,
        /// Every reason.
        reasons: Vec<String>,
    },
    /// The catalog is wrong.
    #[error("the catalog is wrong\n  {0}")]
    Catalog(String),
    /// A file cannot be read or written, or is no YAML.
    #[error("{0}")]
    Input(String),
    /// Output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// Something cannot be written as JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Something cannot be written as YAML.
    #[error("cannot write YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

impl CliError {
    fn refused(subject: &str, reasons: Vec<String>) -> Self {
        CliError::Refused { subject: subject.to_owned(), reasons }
    }

    fn catalog<T: ToString>(errors: &[T]) -> Self {
        CliError::Catalog(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))
    }

    fn exit(&self) -> Exit {
        match self {
            CliError::Refused { .. } => Exit::Refused,
            _ => Exit::Unusable,
        }
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> Exit {
    let Some(command) = parse().command else {
        return match version::line(&mut output()) {
            Ok(()) => Exit::Done,
            Err(error) => error.exit().because(&error),
        };
    };
    let result = match command {
        Command::Serve(args) => return serve::main(args),
        Command::Console(args) => console::run(&args, &mut io::stderr().lock()),
        Command::Render(args) => render::run(args, &mut output(), &mut io::stderr().lock()),
        Command::Schedule(args) => answer(&args),
        Command::Get(args) => get::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Status(args) => status::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Explain(args) => explain::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Impact(args) => impact::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Simulate(args) => simulate::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Check(args) => check::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Replay(args) => replay::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Test(args) => test::run(&args, &mut output(), &mut io::stderr().lock()),
        Command::Generate(args) => generate::run(args, &mut output()),
        Command::Version(args) => version::run(&args, &mut output()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "idp", &mut output());
            Ok(())
        }
    };
    match result {
        Ok(()) => Exit::Done,
        // Whoever read our output has seen enough.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => error.exit().because(&error),
    }
}

/// The command line as it was given, whether `idp` was called or `kubectl idp`.
fn parse() -> Cli {
    let called = std::env::args_os().next().map(PathBuf::from);
    let is_plugin = called.as_deref().and_then(Path::file_stem).is_some_and(|name| name == PLUGIN);
    let mut command = Cli::command();
    if is_plugin {
        command = command.bin_name("kubectl idp");
    }
    let matches = command.get_matches_mut();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

fn output() -> impl Write {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

fn answer(args: &ScheduleArgs) -> Result<(), CliError> {
    let catalog = catalog::load(args.catalog.as_deref())?;
    let answerer = schedule::Answerer::of(catalog.scheduler());
    let tally = answerer.stream(BufReader::with_capacity(1 << 16, io::stdin().lock()), output())?;
    if tally.bad > 0 {
        let _ = writeln!(
            io::stderr().lock(),
            "{} of {} lines could not be read; their answers say why",
            tally.bad,
            tally.answered
        );
    }
    Ok(())
}
