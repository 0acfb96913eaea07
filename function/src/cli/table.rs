//! Tables for people.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Writes rows under a head, columns aligned: the first to the left, numbers to the right.
pub(super) fn write<const N: usize>(
    out: &mut impl Write,
    head: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| -> io::Result<()> {
        let mut text = String::new();
        for (at, (cell, width)) in cells.zip(&widths).enumerate() {
            let padded =
                if at == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") };
            text.push_str(&padded);
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&mut head.iter().copied())?;
    for row in rows {
        line(&mut row.iter().map(String::as_str))?;
    }
    Ok(())
}

/// The longest text in a column, characters.
const LONGEST: usize = 100;

/// What stands in a column, and how.
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// As it is; `<none>` where it is empty, as `kubectl` has it.
    pub(super) fn text(text: &str) -> Self {
        let text = if text.is_empty() { "<none>" } else { text };
        Cell { text: text.to_owned(), style: Style::new() }
    }

    /// In red.
    pub(super) fn bad(text: &str) -> Self {
        Cell { text: text.to_owned(), style: AnsiColor::Red.on_default() }
    }

    /// In yellow.
    pub(super) fn odd(text: &str) -> Self {
        Cell { text: text.to_owned(), style: AnsiColor::Yellow.on_default() }
    }
}

/// Writes rows under a head as `kubectl` does: all to the left, three blanks between. Colours only
/// where standard output is a terminal and `NO_COLOR` is not set.
pub(super) fn columns(
    out: &mut impl Write,
    head: Option<&[&str]>,
    rows: &[Vec<Cell>],
) -> io::Result<()> {
    let is_coloured = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
    let head: Option<Vec<Cell>> =
        head.map(|head| head.iter().map(|name| Cell::text(name)).collect());
    let all = || head.iter().chain(rows);
    let mut widths: Vec<usize> = Vec::new();
    for row in all() {
        for (at, cell) in row.iter().enumerate() {
            let width = cell.text.chars().count();
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    for row in all() {
        let last = row.len().saturating_sub(1);
        for (at, (Cell { text, style }, width)) in row.iter().zip(&widths).enumerate() {
            let style = if is_coloured { *style } else { Style::new() };
            let gap = if at == last { 0 } else { width + 3 - text.chars().count() };
            write!(out, "{style}{text}{style:#}{:gap$}", "")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The first line of a text, shortened.
pub(super) fn line(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    match first.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", first.get(..end).unwrap_or_default()),
        None => first.to_owned(),
    }
}
