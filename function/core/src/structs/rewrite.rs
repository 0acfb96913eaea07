//! An object without some of its fields, without decoding it.

use bytes::Bytes;
use serde::Serialize as _;
use serde_json::Value;

use super::StructError;
use super::out::{Out, tag};
use super::read::{Entries, Kind, parse_entry};

/// A field, by its path from the top.
pub type FieldPath<'p> = &'p [&'p str];

/// Copies the Struct in `object` without the fields in `remove`, and with one field set to another
/// value. Whatever else is in it stays as it is, also what is not looked at.
///
/// A field whose parent is not there, or is no object, is not set.
///
/// # Errors
///
/// Malformed bytes at or beside the paths, or `set` nests too deep.
pub fn rewrite(
    object: &[u8],
    remove: &[FieldPath<'_>],
    set: Option<(FieldPath<'_>, &Value)>,
) -> Result<Bytes, StructError> {
    let mut out = Out::with_capacity(object.len());
    copy(object, remove, set, &mut out, 1)?;
    Ok(out.into_bytes())
}

fn copy(
    object: &[u8],
    remove: &[FieldPath<'_>],
    set: Option<(FieldPath<'_>, &Value)>,
    out: &mut Out,
    depth: usize,
) -> Result<(), StructError> {
    let mut entries = Entries::new(object, depth)?;
    while let Some(entry) = entries.next_entry()? {
        let (key, value) = parse_entry(entry)?;
        let inside = |path| below(path, key);
        let removed: Vec<FieldPath<'_>> = remove.iter().filter_map(|path| inside(path)).collect();
        let set = set.and_then(|(path, value)| Some((inside(path)?, value)));
        if removed.iter().any(|rest| rest.is_empty())
            || set.is_some_and(|(rest, _)| rest.is_empty())
        {
            continue;
        }
        match Kind::parse(value)? {
            Kind::Struct(object) if !removed.is_empty() || set.is_some() => {
                out.open(tag::STRUCT_ENTRY);
                out.bytes(tag::ENTRY_KEY, key);
                out.open(tag::ENTRY_VALUE);
                out.open(tag::STRUCT);
                copy(object, &removed, set, out, depth + 1).map_err(|error| error.at_key(key))?;
                out.close();
                out.close();
                out.close();
            }
            _ => out.bytes(tag::STRUCT_ENTRY, entry),
        }
    }
    if let Some(([field], value)) = set {
        out.open(tag::STRUCT_ENTRY);
        out.bytes(tag::ENTRY_KEY, field.as_bytes());
        out.open(tag::ENTRY_VALUE);
        value.serialize(&mut *out)?;
        out.close();
        out.close();
    }
    Ok(())
}

/// What of `path` is left below `key`, if it leads there.
fn below<'p>(path: FieldPath<'p>, key: &[u8]) -> Option<FieldPath<'p>> {
    path.split_first().filter(|(first, _)| first.as_bytes() == key).map(|(_, rest)| rest)
}
