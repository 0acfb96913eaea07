//! `idp`: the composition function and its command line.

/// Smaller and faster than the system's allocator for what the function does: many small values,
/// one request at a time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> idp_serving::exit::Exit {
    idp_function::cli::main()
}
