//! The chart of a run: four groups of bars, as SVG without a background, in colours for light and dark pages.

use super::results::{Results, short};
use std::fmt::Write as _;

/// Measures that are drawn, and what is written above them.
const PANELS: [(&str, &str); 4] = [
    ("1 stream Gbit/s", "1 TCP stream, Gbit/s (more is better)"),
    ("1 stream CPU-s per GiB, sender", "CPU-s per GiB at the sender (less is better)"),
    ("UDP 172 B kpps delivered", "UDP of 172 bytes, kpps delivered (more is better)"),
    ("round trip p50 us", "idle round trip p50, µs (less is better)"),
];
/// Implementations that are drawn: ours without offloads, and the bare link, would dwarf others or be dwarfed.
const OURS: [&str; 3] = ["netloom", "netloom AES-GCM", "netloom agents"];
const OTHERS: [&str; 3] = ["wireguard-go", "gotatun", "boringtun"];

/// Places in units of the picture.
const PANEL_WIDTH: usize = 440;
const LABEL_WIDTH: usize = 130;
const BAR_LENGTH_MAX: f64 = 230.0;
const BAR_HEIGHT: usize = 14;
const ROW_HEIGHT: usize = 22;
const TITLE_HEIGHT: usize = 34;
const GAP: usize = 20;

/// Greys and a blue of a middle lightness have enough contrast on white and on black.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#7a828c}.title{font-weight:600}.ours{fill:#2f81f7}.other{fill:#8b949e}";

/// The text of `docs/benchmarks/tunnel.svg`.
pub(super) fn text(results: &Results) -> String {
    let names: Vec<&str> = OURS
        .into_iter()
        .chain(OTHERS)
        .filter(|name| PANELS.iter().any(|(measure, _)| results.get(name, measure).is_some()))
        .collect();
    let panel_height = TITLE_HEIGHT + names.len() * ROW_HEIGHT + GAP;
    let (width, height) = (PANEL_WIDTH * 2, panel_height * PANELS.len().div_ceil(2));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>Tunnels beside others</title>\n<style>{STYLE}</style>\n"
    );
    for (place, (measure, title)) in PANELS.into_iter().enumerate() {
        let (x, y) = (place % 2 * PANEL_WIDTH, place / 2 * panel_height);
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        panel(&mut svg, title, &names, |name| results.get(name, measure));
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// One group: a bar for each name, as long as its value is large.
fn panel(svg: &mut String, title: &str, names: &[&str], value: impl Fn(&str) -> Option<f64>) {
    let most = names.iter().filter_map(|name| value(name)).fold(0.0, f64::max);
    let _ = writeln!(svg, "<text class=\"title\" x=\"0\" y=\"20\">{}</text>", escaped(title));
    for (row, name) in names.iter().enumerate() {
        let top = TITLE_HEIGHT + row * ROW_HEIGHT;
        let baseline = top + BAR_HEIGHT - 3;
        let label = LABEL_WIDTH - 8;
        let name_text = escaped(name);
        let _ = writeln!(
            svg,
            "<text x=\"{label}\" y=\"{baseline}\" text-anchor=\"end\">{name_text}</text>"
        );
        let found = value(name);
        let length = found.map_or(0.0, |found| length(found, most));
        let class = if OURS.contains(name) { "ours" } else { "other" };
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{LABEL_WIDTH}\" y=\"{top}\" width=\"{length:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>"
        );
        let shown = found.map_or_else(|| "not measured".to_owned(), short);
        let after = LABEL_WIDTH as f64 + length + 6.0;
        let _ = writeln!(svg, "<text x=\"{after:.1}\" y=\"{baseline}\">{shown}</text>");
    }
}

/// A bar that can be seen even of very little.
fn length(value: f64, most: f64) -> f64 {
    if most > 0.0 { (value / most * BAR_LENGTH_MAX).max(1.0) } else { 0.0 }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> String {
        let value = |name: &str, measure: &str| match (name, measure) {
            ("netloom", "1 stream Gbit/s") => Some(4.0),
            ("wireguard-go", "1 stream Gbit/s") => Some(1.0),
            ("wireguard-go", "round trip p50 us") => Some(1467.0),
            ("plain veth", "1 stream Gbit/s") => Some(16.0),
            _ => None,
        };
        let measures = PANELS.map(|(measure, _)| measure);
        text(&Results::new(&["plain veth", "netloom", "wireguard-go"], &measures, value))
    }

    #[test]
    fn bars_are_as_long_as_values_are_large() {
        let svg = chart();
        assert!(svg.contains("<rect class=\"ours\" x=\"130\" y=\"34\" width=\"230.0\""), "{svg}");
        assert!(svg.contains("<rect class=\"other\" x=\"130\" y=\"56\" width=\"57.5\""), "{svg}");
        assert!(svg.contains(">1,467</text>"), "{svg}");
        assert!(svg.contains(">not measured</text>"), "{svg}");
        assert!(!svg.contains("plain veth") && !svg.contains("gotatun"), "{svg}");
    }

    #[test]
    fn elements_are_closed_and_text_is_escaped() {
        let svg = chart();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        for element in ["g", "text", "title", "style"] {
            let opened = svg.matches(&format!("<{element}>")).count()
                + svg.matches(&format!("<{element} ")).count();
            assert_eq!(opened, svg.matches(&format!("</{element}>")).count(), "{element}");
        }
        assert_eq!(svg.matches("<g ").count(), PANELS.len());
        assert_eq!(escaped("a<b & c>"), "a&lt;b &amp; c&gt;");
    }
}
