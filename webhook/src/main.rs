//! `idp-webhook`.

use clap::Parser as _;
use idp_serving::exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Exit {
    idp_webhook::run::main(idp_webhook::options::Options::parse())
}
