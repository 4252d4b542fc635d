//! Shows answers: tables for people, the members as the door sends them for scripts.

use crate::failure::Failure;
use crate::output;
use serde_json::Value;

/// The blanks between two columns.
const GAP: usize = 2;

/// How the door writes a time that has not been (seed 004, "RSGetUserInfo").
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A column: what stands above it, and the member that it shows; `Outer.Inner` is a member of a member, and
/// nothing the thing itself. In tables a title that begins with + is for the wide ones, and what stands below one that ends with …
/// is cut where a line ends.
pub(super) type Column = (&'static str, &'static str);

/// How wide a table may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// As wide as most terminals: fewer columns, times to the minute.
    Terminal,
    /// All that is known.
    Whole,
}

/// The width of most terminals.
const TERMINAL: usize = 80;

/// What is left of a text that is cut, at least.
const CUT_MIN: usize = 12;

/// What is made of a good answer.
#[derive(Clone, Debug)]
pub(super) enum Show {
    /// A list under this name, or the answer itself when that is empty; a row each.
    Table {
        list: &'static str,
        columns: &'static [Column],
    },
    /// The members of one thing, which is under this name or the answer itself; a line each.
    Members {
        of: &'static str,
        members: &'static [Column],
    },
    /// A report by days (RSListBillingData), its lists as one table and its regions as one.
    Days,
    /// One member's text alone, without decoration; percent-encoded on the way, if it is a document.
    Text {
        of: &'static str,
        member: &'static str,
        is_encoded: bool,
    },
    /// What a function makes of the answer.
    Drawn(fn(&Value) -> String),
    /// A text as it came; for scripts under this name.
    Raw(&'static str),
    /// A sentence.
    Done(String),
}

impl Show {
    /// Writes the answer; where there is nothing in it, what is to be said of that.
    pub(super) fn write(&self, answer: &Value, json: bool, width: Width, none: Option<&str>) -> Result<(), Failure> {
        if json {
            return output::json(&self.for_scripts(answer));
        }
        let text = self.for_people(answer, width);
        if text.is_empty() {
            output::note(none.unwrap_or("there are none"));
            return Ok(());
        }
        output::line(&text)
    }

    fn for_scripts(&self, answer: &Value) -> Value {
        match self {
            Self::Table { .. } | Self::Days | Self::Drawn(_) => answer.clone(),
            Self::Members { of, .. } => part(answer, of).clone(),
            Self::Raw(name) => serde_json::json!({ *name: answer }),
            Self::Text { of, member, is_encoded } => {
                let text = text_of(part(answer, of), member);
                let text = if *is_encoded { decoded(&text) } else { text };
                // A document is JSON itself.
                serde_json::from_str(&text).unwrap_or_else(|_| serde_json::json!({ *member: text }))
            }
            Self::Done(_) if answer.is_object() => answer.clone(),
            Self::Done(_) => serde_json::json!({ "ok": true }),
        }
    }

    /// Whether one thing was asked for and a list of none is the answer, as that of RSGetUserInfo about a user that is not.
    pub(super) fn misses(&self, answer: &Value) -> bool {
        matches!(self, Self::Members { .. }) && answer.as_array().is_some_and(Vec::is_empty)
    }

    pub(super) fn for_people(&self, answer: &Value, width: Width) -> String {
        match self {
            Self::Table { columns, .. } => table(answer.as_array().map_or(&[], Vec::as_slice), columns, width),
            Self::Days => table(&days(answer), DAYS, width),
            Self::Members { of, members } => {
                let thing = part(answer, of);
                let width = members.iter().map(|(title, _)| title.len()).max().unwrap_or_default() + GAP;
                let lines = members
                    .iter()
                    .map(|(title, member)| format!("{title:<width$}{}", text_of(thing, member)));
                lines.collect::<Vec<_>>().join("\n")
            }
            Self::Text { of, member, is_encoded } => {
                let text = text_of(part(answer, of), member);
                if *is_encoded { decoded(&text) } else { text }
            }
            Self::Drawn(draw) => draw(answer),
            Self::Raw(_) => answer.as_str().unwrap_or_default().trim_end().to_owned(),
            Self::Done(sentence) => sentence.clone(),
        }
    }
}

/// The columns of a report by days.
const DAYS: &[Column] = &[
    ("DAY", "Day"),
    ("UPLOADED", "UploadBytes"),
    ("DOWNLOADED", "DownloadBytes"),
    ("DELETED", "DeleteBytes"),
    ("STORED", "UsedSpace"),
    ("GHOST", "GhostSpace"),
    ("OBJECTS", "ObjectCount"),
];

/// The rows of a report by days: what was stored, with what was transferred in all regions.
fn days(report: &Value) -> Vec<Value> {
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let regions = report["Stats"].as_object().cloned().unwrap_or_default();
    let transfers: Vec<Value> = regions.values().flat_map(list).collect();
    let counts = list(&report["ObjectCount"]);
    let mut rows = list(&report["UsedSpace"]);
    for row in &mut rows {
        let date = row["Date"].clone();
        for member in ["UploadBytes", "DownloadBytes", "DeleteBytes"] {
            let of_day = transfers.iter().filter(|transfer| transfer["Date"] == date);
            row[member] = of_day
                .filter_map(|transfer| transfer[member].as_u64())
                .sum::<u64>()
                .into();
        }
        let count = counts.iter().find(|count| count["Date"] == date);
        row["ObjectCount"] = count.map_or(Value::Null, |count| count["ObjectCount"].clone());
        row["Day"] = date.as_str().and_then(|date| date.get(..10)).into();
    }
    rows
}

pub(super) fn part<'a>(answer: &'a Value, of: &str) -> &'a Value {
    match of {
        "" => match answer {
            // RSGetUserInfo answers with a list, also about one.
            Value::Array(things) if things.len() == 1 => &things[0],
            thing => thing,
        },
        of => answer.get(of).unwrap_or(&Value::Null),
    }
}

/// A member as text. What would move the cursor of a terminal is shown as its escape.
pub(super) fn text_of(thing: &Value, member: &str) -> String {
    let found = match member {
        "" => Some(thing),
        member => member.split('.').try_fold(thing, |thing, name| thing.get(name)),
    };
    let text = match found {
        None | Some(Value::Null) => return "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() || text == NEVER => return "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(items)) if items.is_empty() => return "-".to_owned(),
        Some(Value::Array(items)) => {
            let items = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            items.collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    };
    let shown = |c: char| {
        if c.is_control() && c != '\n' {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(shown).collect()
}

fn table(rows: &[Value], columns: &[Column], width: Width) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let wanted = |title: &str| width == Width::Whole || !title.starts_with('+');
    let columns: Vec<&Column> = columns.iter().filter(|(title, _)| wanted(title)).collect();
    let cell = |row: &Value, member: &str| match width {
        Width::Terminal => to_the_minute(text_of(row, member)),
        Width::Whole => text_of(row, member),
    };
    let title = |title: &str| title.trim_start_matches('+').trim_end_matches('…').to_owned();
    let mut lines = vec![columns.iter().map(|(text, _)| title(text)).collect::<Vec<_>>()];
    lines.extend(
        rows.iter()
            .map(|row| columns.iter().map(|(_, member)| cell(row, member)).collect()),
    );
    let width_of = |lines: &[Vec<String>], column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(|column| width_of(&lines, column)).collect();
    let cut = columns.iter().position(|(text, _)| text.ends_with('…'));
    if let (Width::Terminal, Some(cut)) = (width, cut) {
        let others = widths.iter().sum::<usize>() - widths[cut] + GAP * (widths.len() - 1);
        let most = TERMINAL.saturating_sub(others).max(CUT_MIN);
        for line in &mut lines {
            line[cut] = shortened(&line[cut], most);
        }
        widths[cut] = widths[cut].min(most);
    }
    let line = |cells: &Vec<String>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<w$}", w = width + GAP));
        padded.collect::<String>().trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A time without its seconds; any other text as it is.
fn to_the_minute(text: String) -> String {
    let is_time = text.len() >= 20
        && text.ends_with('Z')
        && text
            .bytes()
            .zip(*b"0000-00-00T00:00:00")
            .all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                form => byte == form,
            });
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) if is_time => format!("{day} {minute}"),
        _ => text,
    }
}

/// A text of so many characters at most; the end of a longer one is left, since names end with what tells them apart.
fn shortened(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let end = text.chars().skip(count + 1 - most);
    std::iter::once('…').chain(end).collect()
}

/// Undoes percent-encoding; what is no such code stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TABLE: Show = Show::Table {
        list: "Users",
        columns: &[("NAME", "UserName"), ("REGIONS", "Regions"), ("ACTIVE", "Active")],
    };

    #[test]
    fn tables_are_as_wide_as_what_is_in_them() {
        let rows = json!([
            { "UserName": "ann@example.com", "Regions": ["a", "b"], "Active": true },
            { "UserName": "nobody", "Regions": [], "Active": null },
            { "UserName": "bo\u{1b}[2J", "Regions": "0001-01-01T00:00:00Z", "Active": false },
        ]);
        assert_eq!(
            TABLE.for_people(&rows, Width::Terminal),
            "NAME             REGIONS  ACTIVE\n\
             ann@example.com  a,b      yes\n\
             nobody           -        -\n\
             bo\\u{1b}[2J      -        no"
        );
        assert_eq!(TABLE.for_people(&json!([]), Width::Terminal), "");
        let names = Show::Table {
            list: "PolicyNames",
            columns: &[("NAME", "")],
        };
        assert_eq!(names.for_people(&json!(["a", "b"]), Width::Terminal), "NAME\na\nb");
        assert_eq!(TABLE.for_scripts(&rows), rows);
    }

    #[test]
    fn tables_fit_a_terminal() {
        const LOG: Show = Show::Table {
            list: "Entries",
            columns: &[
                ("TIME", "time"),
                ("RESOURCE…", "resource"),
                ("+FROM", "source"),
                ("USER", "user"),
            ],
        };
        let long = format!("arn:aws:iam::100000000288:user/{}", "x".repeat(60));
        let rows = json!([
            { "time": "2026-01-02T03:04:05.000000Z", "resource": long, "user": "ann@example.com", "source": "8.8.8.8" },
            { "time": "2026-01-02T03:04:05Zz", "resource": "r", "user": "root" },
        ]);
        let narrow = LOG.for_people(&rows, Width::Terminal);
        let lines: Vec<_> = narrow.lines().collect();
        assert_eq!(lines[1].chars().count(), 80, "{narrow}");
        assert!(lines[1].starts_with("2026-01-02 03:04       …"), "{narrow}");
        assert!(
            lines[1].ends_with("xx  ann@example.com") && !narrow.contains("FROM"),
            "{narrow}"
        );
        assert!(lines[2].starts_with("2026-01-02T03:04:05Zz  r "), "{narrow}");
        let whole = LOG.for_people(&rows, Width::Whole);
        assert!(
            whole.contains(&long) && whole.contains("05.000000Z") && whole.contains("8.8.8.8"),
            "{whole}"
        );
        assert_eq!(
            (shortened("abcdef", 6), shortened("abcdefg", 6)),
            ("abcdef".to_owned(), "…cdefg".to_owned())
        );
    }

    #[test]
    fn days_are_one_table() {
        let day = |member: &str, value: u64| json!({ "Date": "2020-04-03T00:00:00Z", member: value });
        let mut stored = day("UsedSpace", 7);
        stored["GhostSpace"] = 1.into();
        let report = json!({
            "Stats": { "A": [day("UploadBytes", 2)], "B": [day("UploadBytes", 3), { "Date": "2020-04-02T00:00:00Z", "UploadBytes": 9 }] },
            "UsedSpace": [stored, { "Date": "2020-04-01T00:00:00Z", "UsedSpace": 0, "GhostSpace": 0 }],
            "ObjectCount": [day("ObjectCount", 4)],
        });
        assert_eq!(
            Show::Days.for_people(&report, Width::Terminal),
            "DAY         UPLOADED  DOWNLOADED  DELETED  STORED  GHOST  OBJECTS\n\
             2020-04-03  5         0           0        7       1      4\n\
             2020-04-01  0         0           0        0       0      -"
        );
        assert_eq!(Show::Days.for_scripts(&report), report);
        for odd in [Value::Null, json!([]), json!({ "UsedSpace": [{}], "Stats": [] })] {
            Show::Days.for_people(&odd, Width::Terminal);
        }
    }

    #[test]
    fn members_texts_and_sentences() {
        let answer = json!({ "AccessKey": { "AccessKeyId": "AKIA", "SecretAccessKey": "s" } });
        let key = Show::Members {
            of: "AccessKey",
            members: &[
                ("access key id", "AccessKeyId"),
                ("secret", "SecretAccessKey"),
                ("path", "Path"),
            ],
        };
        assert_eq!(
            key.for_people(&answer, Width::Terminal),
            "access key id  AKIA\nsecret         s\npath           -"
        );
        assert_eq!(key.for_scripts(&answer), answer["AccessKey"]);
        assert_eq!((key.misses(&json!([])), key.misses(&answer)), (true, false));
        let document = Show::Text {
            of: "PolicyVersion",
            member: "Document",
            is_encoded: true,
        };
        let answer = json!({ "PolicyVersion": { "Document": "%7B%22a%22%3A%22100%25%22%7D" } });
        assert_eq!(document.for_people(&answer, Width::Terminal), r#"{"a":"100%"}"#);
        assert_eq!(document.for_scripts(&answer), json!({ "a": "100%" }));
        let done = Show::Done("gone".to_owned());
        assert_eq!(
            (
                done.for_people(&Value::Null, Width::Terminal),
                done.for_scripts(&Value::Null)
            ),
            ("gone".to_owned(), json!({ "ok": true }))
        );
        for (text, expected) in [
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("a%41", "aA"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decoded(text), expected);
        }
    }
}
