//! What was measured: a value for each implementation and measure, unless it is missing.

use crate::show::figures::Figures;
use std::collections::BTreeMap;

/// The medians of a run.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Implementations with any value, in the order of columns.
    pub(super) names: Vec<String>,
    /// Measures, in the order of rows.
    pub(super) measures: Vec<String>,
    values: BTreeMap<(String, String), f64>,
}

impl Results {
    /// Those among figures that are called `NAME | MEASURE`.
    pub(super) fn of(figures: &Figures, names: &[&str], measures: &[&str]) -> Self {
        Self::new(names, measures, |name, measure| figures.decimal(&format!("{name} | {measure}")))
    }

    /// Those that `value` gives.
    pub(super) fn new(
        names: &[&str],
        measures: &[&str],
        value: impl Fn(&str, &str) -> Option<f64>,
    ) -> Self {
        let rows = measures.iter().map(|measure| (*measure).to_owned()).collect();
        let mut results = Self { measures: rows, ..Self::default() };
        for name in names {
            for measure in measures {
                if let Some(value) = value(name, measure) {
                    results.values.insert(((*name).to_owned(), (*measure).to_owned()), value);
                }
            }
            if measures.iter().any(|measure| results.get(name, measure).is_some()) {
                results.names.push((*name).to_owned());
            }
        }
        results
    }

    /// One value; none if it is missing.
    pub(super) fn get(&self, name: &str, measure: &str) -> Option<f64> {
        self.values.get(&(name.to_owned(), measure.to_owned())).copied()
    }
}

/// A value with as many digits as are worth reading.
pub(super) fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size < 9.995 => return format!("{value:.2}"),
        size if size < 99.95 => return format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let after = digits.len() - place;
        if place > 0 && after % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_any_value_are_left_out() {
        let value = |name: &str, measure: &str| (name == "a" && measure == "y").then_some(1.0);
        let results = Results::new(&["a", "b"], &["x", "y"], value);
        assert_eq!(results.names, ["a"]);
        assert_eq!(results.get("a", "y"), Some(1.0));
        assert_eq!(results.get("a", "x"), None);
    }

    #[test]
    fn values_have_three_digits_and_thousands_are_set_apart() {
        let shown = [1.0, 1.639, 9.999, 47.123, 99.97, 467.2, 1392.4, 1234567.0].map(short);
        assert_eq!(shown, ["1.00", "1.64", "10.0", "47.1", "100", "467", "1,392", "1,234,567"]);
    }
}
