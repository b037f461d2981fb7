//! A comparison's report: how it was measured, tables, and the bars with what became of them.

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    machine,
    options::Options,
    output,
    peers::Program,
    stats::{self, Spread},
    table::Table,
};

/// What a comparison says in the end; grows from top to bottom.
#[derive(Debug)]
pub struct Report {
    name: String,
    text: String,
    bars: Vec<Bar>,
}

/// A promise and what was measured.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The promise: `CPU per request, Tidegate ÷ floor`.
    pub what: String,
    /// Which side of `limit` is good.
    pub direction: Direction,
    /// The bound, in `unit`.
    pub limit: f64,
    /// The measured value; `None` when the run did not include what it takes.
    pub value: Option<f64>,
    /// Behind both numbers: `×`, `KiB`, `ms`.
    pub unit: &'static str,
}

/// The good side of a bound; the bound itself is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The value may not exceed the bound.
    AtMost,
    /// The value may not fall below the bound.
    AtLeast,
}

impl Report {
    /// A report with its head: date, revision, machine and programs.
    #[must_use]
    pub fn new(options: &Options, title: &str, programs: &[Program]) -> Self {
        let mut text = format!("# {title}\n\n");
        text.push_str(&format!(
            "{}, revision {}\n\n",
            machine::date(),
            machine::revision()
        ));
        if options.quick {
            text.push_str("**A quick run with small sizes: shows that the measuring works, supports no claim.**\n\n");
        }
        text.push_str(&machine::describe());
        for program in programs {
            text.push_str(&format!("- {}: {}\n", program.kind, program.version));
        }
        Self {
            name: options.name.clone(),
            text,
            bars: Vec::new(),
        }
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.text.push('\n');
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A table under its heading.
    pub fn table(&mut self, heading: &str, table: &Table) {
        self.text
            .push_str(&format!("\n## {heading}\n\n{}", table.render()));
    }

    /// Text as it is, in a block of its own.
    pub fn verbatim(&mut self, text: &str) {
        self.text
            .push_str(&format!("\n```text\n{}\n```\n", text.trim_end()));
    }

    /// A promise to be listed at the end.
    pub fn bar(&mut self, bar: Bar) {
        self.bars.push(bar);
    }

    /// Prints the report and writes it to `NAME.md` in the folder asked for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, options: &Options) -> Result<()> {
        if !self.bars.is_empty() {
            let mut table = Table::new(["bar", "measured", "limit", "outcome"]);
            for bar in &self.bars {
                let sign = match bar.direction {
                    Direction::AtMost => "≤",
                    Direction::AtLeast => "≥",
                };
                let measured = bar
                    .value
                    .map_or_else(|| "–".to_owned(), |value| with_unit(value, bar.unit));
                table.row([
                    bar.what.clone(),
                    measured,
                    format!("{sign} {}", with_unit(bar.limit, bar.unit)),
                    bar.outcome().to_string(),
                ]);
            }
            self.table("Bars", &table);
        }
        self.paragraph(&format!(
            "Load after the run (1, 5, 15 min): {}.",
            machine::load()
        ));
        output::text(&self.text)?;
        write(&options.out, &self.name, &self.text)
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    fs::create_dir_all(folder).context("cannot create the folder of results")?;
    fs::write(folder.join(format!("{name}.md")), text).context("cannot write the report")
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Kept.
    Met,
    /// Broken.
    Missed,
    /// The run says nothing about it.
    Unknown,
}

impl Bar {
    /// Kept or broken.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (self.value, self.direction) {
            (None, _) => Outcome::Unknown,
            (Some(value), Direction::AtMost) if value <= self.limit => Outcome::Met,
            (Some(value), Direction::AtLeast) if value >= self.limit => Outcome::Met,
            (Some(_), Direction::AtMost | Direction::AtLeast) => Outcome::Missed,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Met => "met",
            Self::Missed => "**MISSED**",
            Self::Unknown => "not measured",
        })
    }
}

/// Three significant places or so: more would claim what a shared machine cannot give.
#[must_use]
pub fn number(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value.abs() < 10.0 {
        format!("{value:.2}")
    } else if value.abs() < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", number(value)).trim_end().to_owned()
}

/// The number, or a dash where nothing was measured.
#[must_use]
pub fn number_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// The median of one value per round, or a dash without any.
#[must_use]
pub fn median(values: &[f64]) -> String {
    number_or_dash(stats::median(values.iter().copied()))
}

/// The median of one value per round with the smallest and the largest, or a dash without any.
#[must_use]
pub fn with_range(values: &[f64]) -> String {
    match stats::spread(values.iter().copied()) {
        Some(Spread { median, min, max }) => {
            format!("{} [{}–{}]", number(median), number(min), number(max))
        }
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(direction: Direction, value: Option<f64>, expected: Outcome) {
        let bar = Bar {
            what: String::new(),
            direction,
            limit: 1.15,
            value,
            unit: "×",
        };
        assert_eq!(bar.outcome(), expected);
    }

    #[test]
    fn outcomes_are_honest() {
        check(Direction::AtMost, Some(1.15), Outcome::Met);
        check(Direction::AtMost, Some(1.1501), Outcome::Missed);
        check(Direction::AtLeast, Some(1.15), Outcome::Met);
        check(Direction::AtLeast, Some(1.0), Outcome::Missed);
        check(Direction::AtMost, Some(f64::NAN), Outcome::Missed);
        check(Direction::AtMost, None, Outcome::Unknown);
    }
}
