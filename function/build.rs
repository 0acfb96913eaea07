//! Generates the protocol types from `proto/run_function.proto`.
//!
//! Two descriptor sets come from the one file: the real one, which the server
//! publishes through gRPC reflection, and one in which every
//! `google.protobuf.Struct` field is `bytes`, from which the Rust types are
//! generated. Both have the same wire format; why we read Structs as bytes is
//! told in `src/wire/mod.rs`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);

    let mut descriptors = protox::compile(["run_function.proto"], ["proto"])?;
    std::fs::write(out_dir.join("descriptors.bin"), descriptors.encode_to_vec())?;

    for file in &mut descriptors.file {
        // The well-known types stay as they are: prost-types has them.
        if file.package() != "google.protobuf" {
            file.message_type.iter_mut().for_each(structs_as_bytes);
        }
    }
    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        // Ordered, so that the same answer always has the same bytes.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}

fn structs_as_bytes(message: &mut DescriptorProto) {
    message.nested_type.iter_mut().for_each(structs_as_bytes);
    for field in &mut message.field {
        if field.type_name() == ".google.protobuf.Struct" {
            as_bytes(field);
        }
    }
}

fn as_bytes(field: &mut FieldDescriptorProto) {
    field.type_name = None;
    field.set_type(Type::Bytes);
    // A message field knows whether it is set, a plain bytes field does not:
    // an empty object would be lost.
    if field.label() == Label::Optional && field.oneof_index.is_none() {
        field.proto3_optional = Some(true);
    }
}
