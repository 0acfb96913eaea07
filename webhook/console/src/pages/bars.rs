//! Weighted scores as bars: one row a place, one part a dimension.

use idp_crds::record::{Record, Scored};
use maud::{Markup, html};

/// How wide a score of 1 is, in the picture's own units.
const WIDTH: f64 = 600.0;
const ROW: usize = 26;

/// The ranked places of a record.
pub(super) fn bars(record: &Record) -> Markup {
    let height = record.top_3_candidates.len() * ROW;
    let summary = record.top_3_candidates.iter().map(|ranked| {
        let place = &ranked.scored;
        format!("{}/{} {}", place.provider, place.region, place.total_score)
    });
    let summary = format!("Scores: {}", summary.collect::<Vec<_>>().join(", "));
    html! {
        figure {
            svg.bars viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(summary) {
                @for (row, ranked) in record.top_3_candidates.iter().enumerate() {
                    @for part in parts(record, &ranked.scored) {
                        rect class=(format!("part-{}", part.number % 6))
                            x=(rounded(part.from)) y=(row * ROW + 3)
                            width=(rounded(part.wide)) height=(ROW - 6) {
                            title { (part.text) }
                        }
                    }
                }
            }
            figcaption {
                @for (number, (dimension, weight)) in record.weights.iter().enumerate() {
                    span.key { span class=(format!("swatch part-{}", number % 6)) {} (dimension) " × " (weight) }
                }
            }
        }
    }
}

/// As a table, for those who cannot see the picture, and for the numbers.
pub(super) fn table(record: &Record) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label="The best places" {
            table {
                caption { "The best places, by weighted score" }
                thead { tr {
                    th scope="col" { "Rank" } th scope="col" { "Place" } th.number scope="col" { "Score" }
                    @for dimension in record.weights.keys() { th.number scope="col" { (dimension) } }
                } }
                tbody {
                    @for ranked in &record.top_3_candidates {
                        tr {
                            td { (ranked.rank) }
                            th scope="row" { (ranked.scored.provider) "/" (ranked.scored.region) }
                            td.number { (ranked.scored.total_score) }
                            @for dimension in record.weights.keys() {
                                td.number {
                                    @if let Some(score) = ranked.scored.subscores.get(dimension) { (score) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !record.rejected.is_empty() {
            div.wide tabindex="0" role="group" aria-label="Places not in the ranking" {
                table {
                    caption { "Not in the ranking" }
                    thead { tr { th scope="col" { "Place" } th scope="col" { "Why" } } }
                    tbody {
                        @for (place, why) in &record.rejected {
                            tr { th scope="row" { (place) } td { (why) } }
                        }
                    }
                }
            }
        }
    }
}

struct Part {
    number: usize,
    from: f64,
    wide: f64,
    text: String,
}

fn parts(record: &Record, scored: &Scored) -> Vec<Part> {
    let mut from = 0.0;
    let mut parts = Vec::new();
    for (number, (dimension, weight)) in record.weights.iter().enumerate() {
        let score = scored.subscores.get(dimension).and_then(serde_json::Number::as_f64);
        let score = score.unwrap_or(0.0);
        let weight = weight.as_f64().unwrap_or(0.0);
        let wide = WIDTH * weight * score;
        parts.push(Part { number, from, wide, text: format!("{dimension}: {weight} × {score}") });
        from += wide;
    }
    parts
}

fn rounded(number: f64) -> String {
    format!("{number:.1}")
}
