//! The file: a line for each question, and the remarks of who reviewed it.

use super::people::columns;
use super::questions::Question;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Where it is, from the folder of the package, in which tests run.
pub(super) fn path() -> PathBuf {
    PathBuf::from("../../docs/reference/verdicts.txt")
}

const ABOUT: &str = "\
# Who may do what: what the server answered to every operation of every door, asked about every kind of thing by everybody.
#
# The test `verdicts` of crates/server writes this file, by asking the real doors with signed requests, and fails when an
# answer differs; so a change of rights shows as a change of this file, to be reviewed with it. Anew:
#   UPDATE_REFERENCE=1 cargo test -p baleen verdicts
# Remarks (lines with # above a line) are written by hand and stay.
#
# What is asked about belongs to the customer \"acme\", but for \"stranger\" and \"foreign\" (of the customer \"other\").
# Users are named within the account of who asks: so whoever asks from another account finds nobody of that name there.
#
# Effects: read; write; secret (a write whose answer holds a secret). A call that is denied was also seen to change nothing
# that is stored, and so was every read.
#
# Verdicts:
#   +  allowed, and done
#   o  allowed, and there is nothing of that name where the asker may look (not found)
#   e  allowed, and refused by the operation itself: a conflict, a limit, a wrong proof (password, code)
#   -  denied (AccessDenied; 9109 at pcaps, APIGW.0302 at tasks)
#   h  hidden: what belongs to somebody else is \"not found\" (1002 at pcaps, CFW.00200005 at tasks)
#   u  not authenticated (iam MissingAuthenticationToken, s3 AccessDenied, pcaps 6003, tasks APIGW.0301)
#   k  a credential that is none here (InvalidClientTokenId, InvalidAccessKeyId, ExpiredToken; 10000 or 6003 at pcaps;
#      APIGW.0301 at tasks)
#   s  suspended: the edge lets nobody of the account in
#
# Who asks:
";

/// A line before its remarks.
pub(super) struct Line {
    pub(super) key: String,
    pub(super) text: String,
}

impl Line {
    pub(super) fn new(question: &Question, verdicts: &BTreeMap<char, char>) -> Self {
        let cells: String = columns()
            .iter()
            .map(|(letter, _)| if *letter == ' ' { ' ' } else { verdicts[letter] })
            .collect();
        let text = row(
            [
                question.door,
                question.operation,
                question.action,
                &question.extent,
                question.target,
                question.effect,
            ],
            &cells,
        );
        Self {
            key: question.key(),
            text,
        }
    }
}

fn row(cells: [&str; 6], verdicts: &str) -> String {
    let [door, operation, action, extent, target, effect] = cells;
    format!("{door:<9} {operation:<32} {action:<38} {extent:<19} {target:<10} {effect:<7} {verdicts}")
}

/// The remarks above each line of a page, by what the line is known by.
pub(super) fn remarks(page: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut above = String::new();
    for line in page.lines() {
        if line.starts_with('#') {
            writeln!(above, "{line}").unwrap();
            continue;
        }
        if !above.is_empty() && !line.is_empty() {
            found.insert(key(line), above.clone());
        }
        above.clear();
    }
    found
}

/// Door, operation and target of a line.
fn key(line: &str) -> String {
    let cell = |from: usize, to: usize| line.get(from..to).unwrap_or_default().trim().to_owned();
    format!("{} {} {}", cell(0, 9), cell(10, 42), cell(102, 112))
}

/// The whole page.
pub(super) fn page(lines: &[Line], remarks: &BTreeMap<String, String>) -> String {
    let mut page = ABOUT.to_owned();
    for (letter, what) in columns().iter().filter(|(letter, _)| *letter != ' ') {
        writeln!(page, "#   {letter}  {what}").unwrap();
    }
    let letters: String = columns().iter().map(|(letter, _)| *letter).collect();
    let head = row(
        ["# door", "operation", "action", "acts on", "which", "effect"],
        &letters,
    );
    let mut door = "";
    for line in lines {
        let of = line.key.split(' ').next().unwrap_or_default();
        if of != door {
            write!(page, "\n{head}\n\n").unwrap();
            door = of;
        }
        page.push_str(remarks.get(&line.key).map_or("", String::as_str));
        writeln!(page, "{}", line.text).unwrap();
    }
    page
}

/// What differs, line by line.
pub(super) fn differences(written: &str, found: &str) -> String {
    let mut told = String::new();
    let lines = |page: &str| -> BTreeMap<String, String> {
        let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| (key(line), line.to_owned())).collect()
    };
    let (before, after) = (lines(written), lines(found));
    for (key, line) in &before {
        if after.get(key) != Some(line) {
            writeln!(told, "-{line}").unwrap();
            if let Some(line) = after.get(key) {
                writeln!(told, "+{line}").unwrap();
            }
        }
    }
    for (_, line) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        writeln!(told, "+{line}").unwrap();
    }
    told
}
