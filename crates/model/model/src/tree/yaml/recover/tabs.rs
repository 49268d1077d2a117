//! Lines that tabs indent: reported, and read as they were probably meant.

use super::Patient;
use crate::tree::yaml::line::{is_content, tabs};
use crate::tree::yaml::{Part, hint};
use std::borrow::Cow;

/// How wide a tab may have been meant.
const TAB_WIDTHS: [usize; 3] = [2, 4, 8];

impl Patient<'_> {
    /// Reports runs of lines that tabs indent, and reads them as they were probably meant.
    pub(super) fn expand_tabs(&mut self) {
        let tabbed = |line: &Cow<'_, str>| is_content(line) && tabs(line) > 0;
        let indices: Vec<usize> =
            (0..self.lines.len()).filter(|index| tabbed(&self.lines[*index])).collect();
        let mut last = None;
        for index in &indices {
            if last.is_none_or(|last| last + 1 != *index) {
                let column = self.lines[*index].find('\t').unwrap_or(0) + 1;
                self.found.push(hint::tab(&self.span(*index, column)));
            }
            last = Some(*index);
        }
        let Some(first) = TAB_WIDTHS.first().filter(|_| !indices.is_empty()) else { return };
        let original: Vec<String> =
            indices.iter().map(|index| self.lines[*index].to_string()).collect();
        for width in TAB_WIDTHS.iter().chain([first]) {
            for (index, line) in indices.iter().zip(&original) {
                let count = tabs(line);
                let widened = u32::try_from(count * (width - 1)).unwrap_or(0);
                self.marks.widened.insert(u32::try_from(index + 1).unwrap_or(u32::MAX), widened);
                self.lines[*index] = line.replacen('\t', &" ".repeat(*width), count).into();
            }
            let text = self.text(&(0..self.lines.len()));
            let whole =
                Part { file: self.file, text: &text, first_line: 0, depth: 0, marks: &self.marks };
            if whole.parse().is_ok() {
                return;
            }
        }
    }
}
