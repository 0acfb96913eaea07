//! Outcomes as JUnit XML, which CI systems show.

use std::fmt::Write as _;

use super::Outcome;

pub(super) fn report(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<testsuites tests=\"{0}\" failures=\"{failed}\"><testsuite name=\"idp test\" tests=\"{0}\" failures=\"{failed}\">",
        outcomes.len()
    );
    for Outcome { test, case, failures } in outcomes {
        let (test, case) = (escaped(test), escaped(case));
        let case = if case.is_empty() { "case".to_owned() } else { case };
        let _ = write!(out, "<testcase classname=\"{test}\" name=\"{case}\">");
        if let Some(first) = failures.first() {
            let (message, all) = (escaped(first), escaped(&failures.join("\n")));
            let _ = write!(out, "<failure message=\"{message}\">{all}</failure>");
        }
        let _ = writeln!(out, "</testcase>");
    }
    out.push_str("</testsuite></testsuites>\n");
    out
}

fn escaped(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control() || *c == '\n');
    let mut out = String::with_capacity(text.len());
    for character in plain {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
