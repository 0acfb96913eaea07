//! Texts with many objects, YAML or JSON: catalogs, folders of claims, what `kubectl get` prints.

use serde_json::Value;

/// The most documents in one text, and parts of all of them: a catalog of ten thousand places.
const MOST_DOCUMENTS: usize = 65_536;
const MOST_NODES: usize = 8_000_000;

/// So much JSON is a program's, which writes no key twice; a reader of YAML would refuse its size.
const PRINTED: usize = 8 << 20;

/// The objects of `text`: its documents, and the items of lists among them, as `kubectl get` prints
/// several.
///
/// # Errors
/// What is wrong, and where.
pub fn objects(text: &str) -> Result<Vec<Value>, String> {
    Ok(documents(text)?.into_iter().flat_map(items).collect())
}

/// A list's items; anything else is itself.
fn items(mut object: Value) -> Vec<Value> {
    let is_list =
        object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match object.get_mut("items").filter(|items| is_list && items.is_array()).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => vec![object],
    }
}

/// The documents of `text`; empty ones are left out.
///
/// # Errors
/// What is wrong, and where.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    if text.len() > PRINTED && text.trim_start().starts_with('{') {
        let documents = serde_json::Deserializer::from_str(text).into_iter();
        return documents.collect::<Result<_, _>>().map_err(|error| error.to_string());
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MOST_DOCUMENTS,
            max_nodes: MOST_NODES,
            max_events: 2 * MOST_NODES,
        },
    };
    let read = serde_saphyr::from_multiple_with_options::<Option<Value>>(text, options);
    let documents = read.map_err(|error| {
        // The library's advice is for programmers.
        error.to_string().replace(
            ", set DuplicateKeyPolicy in Options if acceptable",
            ": a key stands twice in one map, remove one of them",
        )
    })?;
    Ok(documents.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn many_documents_are_read() {
        assert_eq!(documents(&"a: 1\n---\n".repeat(5_000)).unwrap().len(), 5_000);
    }

    #[test]
    fn lists_are_taken_apart_however_large_they_are() {
        let list = |count: usize| {
            let item = format!(r#"{{"kind":"A","text":"{}"}}"#, "x".repeat(1_000));
            format!(r#"{{"kind":"AList","items":[{}]}}"#, vec![item; count].join(","))
        };
        assert_eq!(objects(&list(3)).unwrap().len(), 3);
        assert_eq!(objects(&list(10_000)).unwrap().len(), 10_000);
        assert_eq!(objects("kind: A\nitems: [1]\n").unwrap().len(), 1, "no list");
    }

    #[test]
    fn a_key_that_stands_twice_is_told_in_plain_words() {
        let error = documents("a: 1\na: 2\n").unwrap_err();
        assert!(error.contains("stands twice") && !error.contains("Options"), "{error}");
    }
}
