//! YAML texts with many documents, as catalogs and folders of claims have them.

use serde_json::Value;

/// The most documents in one text, and parts of all of them: a catalog of ten thousand places.
const MOST_DOCUMENTS: usize = 65_536;
const MOST_NODES: usize = 8_000_000;

/// The documents of `text`; empty ones are left out.
///
/// # Errors
/// What is wrong, and where.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
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
    fn a_key_that_stands_twice_is_told_in_plain_words() {
        let error = documents("a: 1\na: 2\n").unwrap_err();
        assert!(error.contains("stands twice") && !error.contains("Options"), "{error}");
    }
}
