//! The program that an image is made of.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use thiserror::Error;

/// The machines that images are made for, by the names that registries use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    fn machine(self) -> u16 {
        match self {
            Architecture::Amd64 => EM_X86_64,
            Architecture::Arm64 => EM_AARCH64,
        }
    }
}

/// Why there is no program.
#[derive(Debug, Error)]
pub(crate) enum ProgramError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a 64-bit ELF binary: {source}", path.display())]
    NotElf { path: PathBuf, source: object::Error },
    #[error("{} is not for {wanted:?}: it was built for another machine", path.display())]
    OtherMachine { path: PathBuf, wanted: Architecture },
    #[error(
        "{} is not static: it asks for an interpreter, which the image does not have; build it with -C target-feature=+crt-static",
        path.display()
    )]
    NotStatic { path: PathBuf },
}

/// A static program for a known machine.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) architecture: Architecture,
}

impl Program {
    pub(crate) fn read(path: &Path, architecture: Architecture) -> Result<Self, ProgramError> {
        let bytes = fs::read(path)
            .map_err(|source| ProgramError::Read { path: path.to_owned(), source })?;
        let (machine, asks_for_interpreter) = examine(&bytes)
            .map_err(|source| ProgramError::NotElf { path: path.to_owned(), source })?;
        if machine != architecture.machine() {
            return Err(ProgramError::OtherMachine { path: path.to_owned(), wanted: architecture });
        }
        if asks_for_interpreter {
            return Err(ProgramError::NotStatic { path: path.to_owned() });
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Program { name, bytes, architecture })
    }
}

/// The machine it was built for, and whether it is linked dynamically.
fn examine(bytes: &[u8]) -> Result<(u16, bool), object::Error> {
    let header = FileHeader64::<object::Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, bytes)?;
    Ok((
        header.e_machine(endian),
        segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP),
    ))
}
