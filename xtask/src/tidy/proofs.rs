//! The tests that `docs/reference/proofs.md` names are there: a table of proofs is worth what its tests are.

use std::fs;
use std::path::Path;

const PAGE: &str = "docs/reference/proofs.md";

/// Checks each row of each table: it names at least one test, as `path: name` in backticks, and each is in its file.
pub(super) fn check(root: &Path) -> Vec<String> {
    let Ok(page) = fs::read_to_string(root.join(PAGE)) else {
        return vec![format!("{PAGE} cannot be read")];
    };
    broken(&page, |path| fs::read_to_string(root.join(path)).ok())
}

fn broken(page: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut rows = 0;
    for (number, line) in (1..).zip(page.lines()) {
        // The head of a table has no backticks, and the line below it nothing but dashes.
        let is_row = line.starts_with('|') && !line.starts_with("|--") && !line.ends_with("| tests |");
        if !is_row {
            continue;
        }
        rows += 1;
        let cell = line
            .trim_end_matches([' ', '|'])
            .rsplit(" | ")
            .next()
            .unwrap_or_default();
        let named: Vec<_> = cell.split('`').skip(1).step_by(2).filter_map(test).collect();
        if named.is_empty() {
            broken.push(format!("{PAGE}:{number} names no test"));
        }
        for (path, name) in named {
            match read(path) {
                None => broken.push(format!("{PAGE}:{number} names {path}, which is not there")),
                Some(text) if !has_test(&text, path, name) => {
                    broken.push(format!("{PAGE}:{number} names {name}, which is no test of {path}"));
                }
                Some(_) => {}
            }
        }
    }
    if rows == 0 {
        broken.push(format!("{PAGE} has no rows"));
    }
    broken
}

/// `path: name`.
fn test(named: &str) -> Option<(&str, &str)> {
    named.split_once(": ").filter(|(path, _)| path.contains('/'))
}

fn has_test(text: &str, path: &str, name: &str) -> bool {
    let begins = match path.rsplit_once('.') {
        Some((_, "rs")) => format!("fn {name}("),
        Some((_, "py")) => format!("def {name}("),
        // Fuzz targets and tests of other languages are named by their file or by a text in it.
        _ => return text.contains(name),
    };
    let mut lines = text.lines().map(str::trim_start);
    lines.any(|line| line.strip_prefix("async ").unwrap_or(line).starts_with(&begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<String> {
        let text = match path {
            "a/b.rs" => "#[test]\nfn one() {}\n    async fn two(server: &Server) {}\n// fn three()\n",
            "a/c.py" => "def test_four(s3):\n    pass\n",
            _ => return None,
        };
        Some(text.to_owned())
    }

    #[test]
    fn a_row_names_tests_that_are_there() {
        for (cell, wanted) in [
            ("`a/b.rs: one`", ""),
            ("`a/b.rs: one`, `a/b.rs: two`, `a/c.py: test_four`", ""),
            ("`a/b.rs: on`", "names on, which is no test of a/b.rs"),
            ("`a/b.rs: three`", "names three, which is no test of a/b.rs"),
            ("`a/b.rs: one` `a/c.py: four`", "names four, which is no test of a/c.py"),
            ("`a/d.rs: one`", "names a/d.rs, which is not there"),
            ("`one`", "names no test"),
            ("", "names no test"),
        ] {
            let page = format!("words\n\n| what | here | tests |\n|---|---|---|\n| `x` | y | {cell} |\n");
            let found = broken(&page, read);
            let wanted = (!wanted.is_empty()).then(|| format!("{PAGE}:5 {wanted}"));
            assert_eq!(found, Vec::from_iter(wanted), "{cell}");
        }
        assert_eq!(broken("words\n", read).len(), 1);
    }
}
