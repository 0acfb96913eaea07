//! The protocol types.
//!
//! Crossplane sends every Kubernetes object as a `google.protobuf.Struct`. Decoding all of them
//! costs far more than everything else a function does, and most are only passed on. So the
//! generated types keep a Struct as the bytes it came in ([`bytes::Bytes`], a slice of the request,
//! no copy), and [`idp_core::structs`] reads out of them just what a type asks for.
//!
//! - A malformed Struct shows only when it is read.
//! - A slice keeps its whole request in memory for as long as it lives.
//! - Objects arrive in whatever key order the sender's maps had; Go's is random.

/// The messages and the service of `apiextensions.fn.proto.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod v1 {
    // `fn` is a keyword, so prost writes it raw, in the file's name too.
    tonic::include_proto!("apiextensions.r#fn.proto.v1");
}

/// The encoded `FileDescriptorSet` of the protocol as Crossplane defines it,
/// with `google.protobuf.Struct` in place: what gRPC reflection answers.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
