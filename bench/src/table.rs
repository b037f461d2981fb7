//! A Markdown table with aligned columns, readable before it is rendered.

use std::fmt::Write;

/// Rows under a head; cells that a short row lacks are empty.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new<T: Into<String>>(head: impl IntoIterator<Item = T>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row below the others.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table as Markdown: first column to the left, the others to the right.
    #[must_use]
    pub fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells
                    .chain([&self.head[column]])
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or(0)
                    .max(3)
            })
            .collect();
        let mut out = String::new();
        render_row(&mut out, &self.head, &widths);
        for (column, width) in widths.iter().enumerate() {
            out.push_str("|-");
            out.extend(std::iter::repeat_n('-', *width));
            out.push_str(if column == 0 { "-" } else { ":" });
        }
        out.push_str("|\n");
        for row in &self.rows {
            render_row(&mut out, row, &widths);
        }
        out
    }
}

fn render_row(out: &mut String, cells: &[String], widths: &[usize]) {
    for (column, width) in widths.iter().enumerate() {
        let cell = cells.get(column).map_or("", String::as_str);
        // Writing to a string cannot fail.
        let written = if column == 0 {
            write!(out, "| {cell:<width$} ")
        } else {
            write!(out, "| {cell:>width$} ")
        };
        debug_assert!(written.is_ok());
    }
    out.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["program", "µs"]);
        table.row(["floor", "19.2"]);
        table.row(["nginx"]);
        assert_eq!(
            table.render(),
            "| program |   µs |\n|---------|-----:|\n| floor   | 19.2 |\n| nginx   |      |\n"
        );
    }
}
