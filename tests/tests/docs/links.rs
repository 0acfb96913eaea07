//! Links between pages, and to files of the checkout.

use std::collections::BTreeSet;
use std::path::Path;

use idp_tests::pages::{all, top};

/// `[text](target)`, outside of fenced blocks.
fn targets(page: &str) -> Vec<String> {
    let mut fenced = false;
    let mut targets = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            if let Some(end) = rest.find(')') {
                targets.push(rest[..end].to_owned());
            }
        }
    }
    targets
}

/// The anchors of a page's headings, as mdBook and the code hosts make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    for (path, page) in all() {
        for target in targets(&page) {
            if target.contains("://") || target.starts_with("mailto:") || target.contains(' ') {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let there =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if !there.exists() {
                dead.push(format!("{}: {target}", path.display()));
                continue;
            }
            let is_page = there.extension().is_some_and(|extension| extension == "md");
            if !anchor.is_empty()
                && is_page
                && !anchors(&std::fs::read_to_string(&there).unwrap()).contains(anchor)
            {
                dead.push(format!("{}: {target}: no such heading", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// mdBook shows only what its table of contents lists.
#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = std::fs::read_to_string(top().join("docs/src/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = targets(&summary).into_iter().collect();
    let folder = top().join("docs/src");
    for (path, _) in all() {
        let Ok(page) = path.strip_prefix(&folder) else { continue };
        if page != Path::new("SUMMARY.md") {
            let page = page.display().to_string();
            assert!(listed.contains(&page), "{page} is not in docs/src/SUMMARY.md");
        }
    }
}

/// What documents call by its path is there.
#[test]
fn paths_in_code_spans_exist() {
    let roots = ["crds/", "function/", "webhook/", "package/", "tests/", "docs/"];
    let mut missing = Vec::new();
    for (path, page) in all().into_iter().filter(|(path, _)| !path.ends_with("CHANGELOG.md")) {
        for span in page.split('`').skip(1).step_by(2) {
            let named = roots.iter().any(|root| span.starts_with(root));
            let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let made = span.starts_with("tests/cluster/.cache");
            if named && plain && !made && !top().join(span).exists() {
                missing.push(format!("{}: {span}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What people look for in the list of troubles is what the programs say.
#[test]
fn messages_in_troubleshooting_are_said_by_the_programs() {
    let mut said = String::new();
    for folder in ["crds/src", "function", "webhook/src"] {
        source(&top().join(folder), &mut said);
    }
    let read = |path: &str| std::fs::read_to_string(top().join(path)).unwrap();
    for policy in ["admission", "deletion"] {
        said.push_str(&read(&format!("package/chart/templates/{policy}-policy.yaml")));
    }
    let page = read("docs/src/operations/troubleshooting.md");
    let mut unsaid = Vec::new();
    let rows =
        page.lines().filter(|line| line.starts_with("| `") && !line.contains("| the API server |"));
    let mut seen = 0;
    for row in rows {
        let message = row.split('`').nth(1).unwrap();
        for part in message.split(['…', '<', '>']).map(str::trim).filter(|part| part.len() > 7) {
            seen += 1;
            if !said.contains(part) {
                unsaid.push(part.to_owned());
            }
        }
    }
    assert!(unsaid.is_empty() && seen > 10, "{unsaid:?}");
}

/// The text of all files, in one line: messages are broken where lines are full.
fn source(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
