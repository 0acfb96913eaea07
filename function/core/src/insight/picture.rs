//! An explanation as a picture: one row a place, a bar of its weighted scores.

use std::fmt::Write as _;

use super::explain::{Explanation, Row};

/// Okabe and Ito's colours, which people who see few colours can tell apart.
const COLOURS: [&str; 8] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"];

const LEFT: f64 = 190.0;
const BAR: f64 = 400.0;
const WIDTH: f64 = 900.0;
const ROW: f64 = 28.0;
const TOP: f64 = 74.0;

/// The picture, as SVG that needs nothing else.
#[must_use]
pub fn svg(explanation: &Explanation) -> String {
    let height = TOP + ROW * explanation.places.len() as f64 + 12.0;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = draw(explanation, height, &mut out);
    out
}

fn draw(explanation: &Explanation, height: f64, out: &mut String) -> std::fmt::Result {
    let goes = match &explanation.selected {
        Some(place) => format!("goes to {place}"),
        None => "has no place".to_owned(),
    };
    let title = escaped(&format!(
        "{} (tier {}, ha {}) {goes}",
        explanation.name, explanation.tier, explanation.ha
    ));
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">"
    )?;
    writeln!(out, "<title>{title}</title>")?;
    writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>")?;
    writeln!(out, "<text x=\"12\" y=\"24\" font-size=\"16\" font-weight=\"bold\">{title}</text>")?;
    let mut x = LEFT;
    for ((dimension, weight), colour) in explanation.weights.iter().zip(COLOURS.iter().cycle()) {
        let label = escaped(&format!("{dimension} × {}", round(*weight)));
        writeln!(
            out,
            "<rect x=\"{x}\" y=\"42\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"53\">{label}</text>",
            x + 17.0
        )?;
        x += 150.0;
    }
    for (at, row) in explanation.places.iter().enumerate() {
        bar(row, TOP + ROW * at as f64, out)?;
    }
    writeln!(out, "</svg>")
}

fn bar(row: &Row, y: f64, out: &mut String) -> std::fmt::Result {
    let opacity = if row.rejected.is_some() { 0.3 } else { 1.0 };
    let weight = if row.rank == Some(1) { "bold" } else { "normal" };
    let (text, place) = (y + 15.0, escaped(&row.place.to_string()));
    writeln!(out, "<text x=\"12\" y=\"{text}\" font-weight=\"{weight}\">{place}</text>")?;
    let mut x = LEFT;
    for (part, colour) in row.parts.iter().zip(COLOURS.iter().cycle()) {
        let width = part.weighted.max(0.0) * BAR;
        writeln!(
            out,
            "<rect x=\"{x:.2}\" y=\"{y}\" width=\"{width:.2}\" height=\"20\" fill=\"{colour}\" fill-opacity=\"{opacity}\"><title>{}: {} × {} = {}</title></rect>",
            escaped(&part.dimension),
            part.score,
            round(part.weight),
            round(part.weighted)
        )?;
        x += width;
    }
    let why = row.rejected.as_ref().map_or_else(String::new, |why| format!("  {}", why.words));
    let label = escaped(&format!("{}{why}", row.total));
    writeln!(out, "<text x=\"{:.2}\" y=\"{text}\">{label}</text>", x + 8.0)
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Text as XML takes it; control characters, which it does not take, are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_break_out_of_the_picture() {
        assert_eq!(escaped("a<b> & \"c\"\u{1b}\n"), "a&lt;b&gt; &amp; &quot;c&quot;");
    }
}
