//! Files and functions stay small; what may be longer is listed with a reason, as long as it needs to be.

use crate::exceptions::Exceptions;
use crate::rust::Source;
use crate::{Finding, Repository};

/// No file is longer, tests included, without exception.
const FILE_LINES_MAX: usize = 800;
/// Lines of a file without its tests; files of tests only have the limit above.
const FILE_LINES_AIM: usize = 300;
/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

/// Checks all sources.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let files = Exceptions::of_rule(repository, "file-length");
    let functions = Exceptions::of_rule(repository, "function-length");
    let mut findings = Vec::new();
    for source in repository.sources() {
        file(&source, &files, &mut findings);
        for function in source.functions() {
            let subject = format!("{}::{}", source.path, function.name);
            if function.lines > FUNCTION_LINES_MAX && !functions.allow(&subject) {
                let why = format!(
                    "`{}` has {} lines, more than {FUNCTION_LINES_MAX}",
                    function.name, function.lines
                );
                let remedy = "give its parts names: one function for each step";
                findings.push(Finding::new(source.path, function.line, why, remedy));
            }
        }
    }
    findings.extend(files.findings());
    findings.extend(functions.findings());
    findings.extend(crate::exceptions::strays(repository));
    findings
}

fn file(source: &Source<'_>, exceptions: &Exceptions<'_>, findings: &mut Vec<Finding>) {
    let all = source.text.lines().count();
    let shipped = (1..=all).filter(|line| !source.in_test(*line)).count();
    if all > FILE_LINES_MAX {
        let why = format!("the file has {all} lines, more than {FILE_LINES_MAX}");
        findings.push(Finding::new(
            source.path,
            FILE_LINES_MAX,
            why,
            "split it by what it is about",
        ));
    } else if shipped > FILE_LINES_AIM && !exceptions.allow(source.path) {
        let why =
            format!("the file has {shipped} lines without its tests, more than {FILE_LINES_AIM}");
        let remedy = format!(
            "split it, or add `file-length {}: reason` to {}",
            source.path,
            crate::exceptions::PATH
        );
        findings.push(Finding::new(source.path, FILE_LINES_AIM, why, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exceptions::PATH;

    const FILE: &str = "crates/a/b/src/c.rs";

    fn count(text: &str, exceptions: &str) -> usize {
        check(&Repository::of(&[(FILE, text), (PATH, exceptions)])).len()
    }

    #[test]
    fn long_files_need_an_exception_and_very_long_ones_get_none() {
        let excepted = format!("file-length {FILE}: one table\n");
        assert_eq!(count(&"//\n".repeat(300), ""), 0);
        assert_eq!(count(&"//\n".repeat(301), ""), 1);
        assert_eq!(count(&"//\n".repeat(301), &excepted), 0);
        assert_eq!(count(&"//\n".repeat(300), &excepted), 1, "an exception that is not needed");
        assert_eq!(count(&"//\n".repeat(801), ""), 1);
        assert_eq!(count(&"//\n".repeat(801), &excepted), 2);
    }

    #[test]
    fn tests_in_a_file_do_not_count_towards_the_aim() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(200));
        assert_eq!(count(&format!("{}{tests}", "//\n".repeat(200)), ""), 0);
    }

    #[test]
    fn long_functions_need_an_exception() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "g();\n".repeat(lines - 2));
        let excepted = format!("function-length {FILE}::f: one table\n");
        assert_eq!(count(&function(70), ""), 0);
        assert_eq!(count(&function(71), ""), 1);
        assert_eq!(count(&function(71), &excepted), 0);
        assert_eq!(count(&function(70), &excepted), 1, "an exception that is not needed");
    }
}
