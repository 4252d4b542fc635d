//! Reads settings out of their sources, and keeps account: which keys exist, which were used, what was wrong.
//!
//! A setting is declared where it is read, once: its key, default and description are arguments of the read. So the list
//! of keys (for the refusal of unknown ones and for `docs/reference/settings.md`) cannot differ from the code, and the
//! default in the documentation is the text that the code itself parses.

use super::{Mistake, Origin};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Prefix of the environment variables; `listen.s3` is `BALEEN_LISTEN_S3`.
const ENVIRONMENT_PREFIX: &str = "BALEEN_";

/// The form of settings that are on or off.
const SWITCH: &str = "`on` or `off`";

/// One setting, as the reference shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The key in the file, dotted.
    pub(crate) key: &'static str,
    /// What a value looks like.
    pub(crate) form: &'static str,
    /// The value when nothing is set, as text; empty for "not set".
    pub(crate) default: &'static str,
    /// What it does, in a sentence.
    pub(crate) about: &'static str,
    /// Whether the value must not be shown.
    pub(crate) secret: bool,
}

impl Setting {
    /// The kinds of TOML values that it takes, and their name.
    fn kinds(&self) -> (&'static [Kind], &'static str) {
        match self.form {
            "number" => (&[Kind::Integer], "a whole number without quotes"),
            "size" => (&[Kind::Text, Kind::Integer], "a size in quotes or a whole number"),
            form if form.starts_with("list") => (&[Kind::List], "an array of texts"),
            SWITCH => (&[Kind::Text], "\"on\" or \"off\", with the quotes,"),
            _ => (&[Kind::Text], "a text in quotes"),
        }
    }

    /// What is wrong with a value of another kind.
    fn of_wrong_kind(&self, found: Kind) -> String {
        let (_, wanted) = self.kinds();
        match found {
            Kind::Flag(flag) if self.form == SWITCH => {
                format!("{wanted} is expected, here \"{}\"", if flag { "on" } else { "off" })
            }
            _ => format!("{wanted} is expected"),
        }
    }

    /// The environment variable of this setting.
    pub(crate) fn variable(&self) -> String {
        format!(
            "{ENVIRONMENT_PREFIX}{}",
            self.key.replace('.', "_").to_ascii_uppercase()
        )
    }
}

/// Where the values come from, strongest first: flags, environment, file.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Values of flags, by key; more than one for a flag that may be repeated.
    pub(crate) flags: BTreeMap<&'static str, Vec<String>>,
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// The text of the configuration file and its path.
    pub(crate) file: Option<(PathBuf, String)>,
}

impl Sources {
    /// Sets the value of a flag, if it was given.
    pub(crate) fn flag(&mut self, key: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.flags.entry(key).or_default().push(value);
        }
    }
}

/// What the reader says of one setting after reading.
#[derive(Clone, Debug)]
pub(crate) struct Effective {
    /// The setting.
    pub(crate) setting: Setting,
    /// The text in force, empty for "not set". Hidden when the setting is secret.
    pub(crate) value: String,
    /// Where it came from.
    pub(crate) origin: Origin,
}

impl Effective {
    /// Tells whether the value was set, and is not the default.
    pub(crate) fn is_set(&self) -> bool {
        self.origin != Origin::Default
    }
}

/// The kinds of TOML values, as far as settings tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    /// An array of texts.
    List,
    /// True or false, which no setting takes: what is on or off says so.
    Flag(bool),
    /// What no setting takes either.
    Other,
}

/// A value of the file.
#[derive(Debug)]
struct Found {
    texts: Vec<String>,
    kind: Kind,
}

/// Hands out settings one by one.
pub(crate) struct Reader {
    flags: BTreeMap<&'static str, Vec<String>>,
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, (Found, Origin)>,
    mistakes: Vec<Mistake>,
    seen: Vec<Effective>,
}

impl Reader {
    pub(crate) fn new(sources: Sources) -> Self {
        let mut mistakes = Vec::new();
        let file = sources
            .file
            .map(|(path, text)| flatten(&path, &text, &mut mistakes))
            .unwrap_or_default();
        Self {
            flags: sources.flags,
            environment: sources.environment,
            file,
            mistakes,
            seen: Vec::new(),
        }
    }

    /// Reads a setting that has a default. After a mistake the default is handed out, so that reading goes on and
    /// finds the other mistakes too.
    pub(crate) fn value<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> T {
        self.optional(setting, &parse)
            .unwrap_or_else(|| parse(setting.default).expect("each default is parsed by a test"))
    }

    /// Reads a setting that may be absent.
    pub(crate) fn optional<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let texts = self.take(setting);
        match texts.as_slice() {
            [] => None,
            [text] => match parse(text) {
                Ok(value) => Some(value),
                Err(why) => {
                    self.refuse(setting.key, why);
                    None
                }
            },
            _ => {
                self.refuse(setting.key, format!("one value is expected: {}", setting.form));
                None
            }
        }
    }

    /// Reads a setting that is a list: an array in the file, commas in the environment, a repeated flag.
    pub(crate) fn list<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let texts: Vec<String> = self.take(setting).iter().flat_map(|text| split(text)).collect();
        let mut values = Vec::new();
        for text in &texts {
            match parse(text) {
                Ok(value) => values.push(value),
                Err(why) => self.refuse(setting.key, format!("\"{text}\": {why}")),
            }
        }
        values
    }

    /// Records a mistake in a setting that was read.
    pub(crate) fn refuse(&mut self, key: &'static str, why: impl Into<String>) {
        let read = self.seen.iter().find(|seen| seen.setting.key == key);
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            origin: read.map_or(Origin::Default, |seen| seen.origin.clone()),
            why: why.into(),
        });
    }

    /// The same, for a value that is called missing: one which is there and wrong was refused already.
    pub(crate) fn refuse_unless_wrong(&mut self, key: &'static str, why: &str) {
        if !self.mistakes.iter().any(|mistake| mistake.key == key) {
            self.refuse(key, why);
        }
    }

    /// Tells whether a setting that was read has a value other than its default, be it right or wrong.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.seen.iter().any(|seen| seen.setting.key == key && seen.is_set())
            || self.mistakes.iter().any(|mistake| mistake.key == key)
    }

    /// Ends reading: everything in the file that nobody asked for is a mistake.
    ///
    /// Unknown variables of the environment are only told of: Kubernetes, for one, sets `BALEEN_SERVICE_HOST` and its
    /// like in every pod beside a service of that name, and a server that refuses to start for it helps nobody.
    pub(crate) fn finish(mut self) -> (Vec<Effective>, Vec<Mistake>, Vec<String>) {
        let known: HashSet<&str> = self.seen.iter().map(|seen| seen.setting.key).collect();
        for (key, (_, origin)) in std::mem::take(&mut self.file) {
            let why = unknown_in_words(&key, &known);
            self.mistakes.push(Mistake { key, origin, why });
        }
        let variables: HashSet<String> = self.seen.iter().map(|seen| seen.setting.variable()).collect();
        let unknown = |name: &&String| {
            name.starts_with(ENVIRONMENT_PREFIX)
                && !variables.contains(*name)
                && !super::OTHER_VARIABLES.contains(&name.as_str())
        };
        let strange = self.environment.keys().filter(unknown).cloned().collect();
        self.mistakes.sort_by(|a, b| a.key.cmp(&b.key));
        (self.seen, self.mistakes, strange)
    }

    /// Takes a setting out of the file; a value of the wrong kind is a mistake even where a stronger source hides it.
    fn of_file(&mut self, setting: &Setting) -> Option<(Vec<String>, Origin)> {
        let (found, origin) = self.file.remove(setting.key)?;
        let (kinds, _) = setting.kinds();
        if kinds.contains(&found.kind) {
            return Some((found.texts, origin));
        }
        self.mistakes.push(Mistake {
            key: setting.key.to_owned(),
            origin,
            why: setting.of_wrong_kind(found.kind),
        });
        None
    }

    /// Takes the strongest value of a setting out of the sources, and notes it as the one in force. Empty: not set.
    fn take(&mut self, setting: &Setting) -> Vec<String> {
        let in_file = self.of_file(setting);
        let variable = setting.variable();
        // An empty variable means "not set", as it is the only way to unset one in many process managers.
        let in_environment = self.environment.get(&variable).filter(|text| !text.is_empty());
        let (texts, origin) = if let Some(texts) = self.flags.remove(setting.key) {
            (texts, Origin::Flag)
        } else if let Some(text) = in_environment {
            (vec![text.clone()], Origin::Environment(variable))
        } else if let Some((texts, origin)) = in_file {
            (texts, origin)
        } else if setting.default.is_empty() {
            (Vec::new(), Origin::Default)
        } else {
            (vec![setting.default.to_owned()], Origin::Default)
        };
        let hidden = setting.secret && !texts.is_empty();
        self.seen.push(Effective {
            setting: *setting,
            value: if hidden { "(hidden)".to_owned() } else { texts.join(",") },
            origin,
        });
        texts
    }
}

/// Splits a list at commas; blanks around the members do not count.
fn split(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Turns the file's tables into dotted keys with the lines they stand on.
fn flatten(path: &Path, text: &str, mistakes: &mut Vec<Mistake>) -> BTreeMap<String, (Found, Origin)> {
    let mut keys = BTreeMap::new();
    let line_of = |offset: usize| text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
    let origin_at = |offset: usize| Origin::File {
        path: path.to_owned(),
        line: line_of(offset),
    };
    let (root, errors) = DeTable::parse_recoverable(text);
    let is_broken = !errors.is_empty();
    for error in errors {
        mistakes.push(Mistake {
            key: "syntax".to_owned(),
            origin: origin_at(error.span().map_or(0, |span| span.start)),
            why: error.message().to_owned(),
        });
    }
    if is_broken {
        // What was guessed past a syntax error would be called a mistake that nobody made.
        return keys;
    }
    let mut open = vec![(String::new(), root.into_inner())];
    while let Some((prefix, table)) = open.pop() {
        for (name, value) in table {
            let key = match prefix.as_str() {
                "" => name.get_ref().to_string(),
                prefix => format!("{prefix}.{}", name.get_ref()),
            };
            let origin = origin_at(name.span().start);
            let (kind, texts) = match value.into_inner() {
                DeValue::Table(inner) => {
                    open.push((key, inner));
                    continue;
                }
                DeValue::String(text) => (Kind::Text, vec![text.to_string()]),
                DeValue::Integer(number) => (Kind::Integer, vec![number.to_string()]),
                DeValue::Array(members) => match members.into_iter().map(|m| member(&m.into_inner())).collect() {
                    Some(texts) => (Kind::List, texts),
                    None => (Kind::Other, Vec::new()),
                },
                DeValue::Boolean(flag) => (Kind::Flag(flag), Vec::new()),
                DeValue::Float(_) | DeValue::Datetime(_) => (Kind::Other, Vec::new()),
            };
            keys.insert(key, (Found { texts, kind }, origin));
        }
    }
    keys
}

/// The text of a member of a list; `None` for what no list has.
fn member(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    }
}

/// What is said of a key that no setting has. Its table comes first: with another one a setting of the same name is another setting.
fn unknown_in_words(key: &str, known: &HashSet<&str>) -> String {
    const ALL: &str = "docs/reference/settings.md lists all";
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let tables: BTreeSet<&str> = known.iter().filter_map(|key| Some(key.rsplit_once('.')?.0)).collect();
    if tables.contains(key) {
        return format!("it is a table, [{key}], which has settings below it; {ALL}");
    }
    let in_table = |table: &str| {
        let prefix = if table.is_empty() {
            String::new()
        } else {
            format!("{table}.")
        };
        let names = known.iter().filter_map(move |key| key.strip_prefix(&prefix));
        names.filter(|name| !name.contains('.')).collect::<Vec<_>>()
    };
    if table.is_empty() || tables.contains(table) {
        return match nearest(name, in_table(table)) {
            Some(meant) if table.is_empty() => format!("there is no such setting; did you mean {meant}?"),
            Some(meant) => format!("there is no such setting; did you mean {table}.{meant}?"),
            None => format!("there is no such setting; {ALL}"),
        };
    }
    match nearest(table, tables) {
        Some(meant) if in_table(meant).contains(&name) => {
            format!("there is no table [{table}]; did you mean {meant}.{name}?")
        }
        Some(meant) => format!("there is no table [{table}]; did you mean [{meant}]?"),
        None => format!("there is no table [{table}]; {ALL}"),
    }
}

/// The known name which differs least, if it differs by at most a third of its letters.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= candidate.len() / 3)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
