//! The profiles file: servers, and who asks there, by names. People write it; `baleen admin login --save` puts sessions into it.

use crate::access::variable;
use crate::failure::Failure;
use crate::output;
use baleen_types::AccessKeyId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bits by which others than the owner would read it.
const OTHERS: u32 = 0o077;

/// One entry.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_access_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_token: Option<String>,
    /// The capture API, for commands that watch captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_token: Option<String>,
    /// The account there, as 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
}

impl Profile {
    /// The profile of this name.
    pub(crate) fn read(name: &str) -> Result<Self, Failure> {
        let file = file();
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Failure::because(format!("{} cannot be read", file.display()), &error))?;
        let mut profiles = parse(&text, &file)?;
        warn_of_readers(&file);
        let known = profiles.keys().cloned().collect::<Vec<_>>().join(", ");
        profiles.remove(name).ok_or_else(|| {
            Failure::usage(format!("there is no profile {name} in {}", file.display()))
                .advise(format!("it has: {known}"))
        })
    }

    /// The profile of this name, if there is one.
    pub(crate) fn find(name: &str) -> Result<Option<Self>, Failure> {
        let file = file();
        let found = parse(&text_of(&file)?, &file)?.remove(name);
        if found.is_some() {
            warn_of_readers(&file);
        }
        Ok(found)
    }

    /// Puts it into the file under this name, in place of an older session; gives the file.
    pub(crate) fn store(&self, name: &str) -> Result<PathBuf, Failure> {
        let file = file();
        let next = self.put_into(&text_of(&file)?, name, &file)?;
        write(&file, &next)
            .map_err(|error| Failure::because(format!("{} cannot be written", file.display()), &error))?;
        Ok(file)
    }

    /// The text of the file with this in it. What others have in there stays to the letter.
    fn put_into(&self, text: &str, name: &str, file: &Path) -> Result<String, Failure> {
        check_name(name)?;
        let mut expected = parse(text, file)?;
        let before = expected.remove(name).unwrap_or_default();
        let is_lasting = |id: String| !AccessKeyId::parse(&id).is_ok_and(|id| id.is_of_session());
        // What a session says nothing of stays.
        let this = Self {
            api: self.api.clone().or(before.api),
            api_token: self.api_token.clone().or(before.api_token),
            project: self.project.clone().or(before.project),
            ..self.clone()
        };
        expected.insert(name.to_owned(), this.clone());
        if before.access_key_id.is_some_and(is_lasting) {
            return Err(Failure::new(format!(
                "the profile {name} in {} has an access key that does not end",
                file.display()
            ))
            .advise("a session would take its place, and its secret with it: save under another name"));
        }
        let section =
            toml::to_string(&this).map_err(|error| Failure::because("the profile cannot be written", &error))?;
        let rest = without(text, name);
        let gap = match &*rest {
            "" => "",
            rest if rest.ends_with("\n\n") => "",
            rest if rest.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        let next = format!("{rest}{gap}[{name}]\n{section}");
        // A file in a form that the lines above do not understand is not written over.
        if parse(&next, file).is_ok_and(|found| found == expected) {
            return Ok(next);
        }
        Err(Failure::new(format!(
            "{} is written in a way that this command does not follow",
            file.display()
        ))
        .advise(format!("take the profile {name} out of it, or save under another name")))
    }
}

/// Says so if others may read the file, which holds secrets.
fn warn_of_readers(file: &Path) {
    if std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & OTHERS != 0) {
        output::note(&format!(
            "others may read the secrets in {0}; close it with: chmod 600 {0}",
            file.display()
        ));
    }
}

/// Refuses a name under which [`Profile::store`] would put nothing, before a session is opened that would be lost.
pub(crate) fn check_place(name: &str) -> Result<(), Failure> {
    let file = file();
    Profile::default().put_into(&text_of(&file)?, name, &file).map(drop)
}

/// Refuses a name that cannot be saved, before anything is asked that would be lost.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    Err(Failure::usage(
        "a profile that is saved has a name of 1 to 64 letters, digits, - or _",
    ))
}

fn file() -> PathBuf {
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    folder.unwrap_or_default().join("baleen/profiles.toml")
}

/// What is in the file; nothing if there is none yet.
fn text_of(file: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| Failure::because(format!("{} cannot be read", file.display()), &error)),
    }
}

/// The message of a TOML error quotes the line, which may hold a secret: only its place is told.
fn parse(text: &str, file: &Path) -> Result<BTreeMap<String, Profile>, Failure> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(0, |before| before.matches('\n').count());
        Failure::new(format!("{}:{}: {}", file.display(), line + 1, error.message()))
    })
}

/// The text without the section of a name, up to the next one; its notes stay, since those at its end are on the next.
fn without(text: &str, name: &str) -> String {
    let header = format!("[{name}]");
    let mut is_within = false;
    let mut rest = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            is_within = line.trim_end() == header;
        }
        if !is_within || line.starts_with('#') {
            rest.push_str(line);
        }
    }
    rest
}

/// Writes the file anew, for its owner alone; there is always a whole one under the name.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = file.with_extension("toml.new");
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&draft, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> Profile {
        Profile {
            endpoint: Some("http://127.0.0.1:9000".to_owned()),
            access_key_id: Some(id.to_owned()),
            secret_access_key: Some("s\"\\".to_owned()),
            ..Profile::default()
        }
    }

    #[test]
    fn a_session_takes_the_place_of_an_older_one_alone() {
        let file = Path::new("profiles.toml");
        let put = |text: &str, name: &str| {
            session("STX1")
                .put_into(text, name, file)
                .map_err(|error| error.to_string())
        };
        let section =
            "[a]\nendpoint = \"http://127.0.0.1:9000\"\naccess_key_id = \"STX1\"\nsecret_access_key = 's\"\\'\n";
        assert_eq!(put("", "a"), Ok(section.to_owned()));
        let others = "# mine\n[b]\naccess_key_id = \"AKIA\" # kept\nsecret_access_key = \"x\"\n";
        assert_eq!(put(others, "a"), Ok(format!("{others}\n{section}")));
        let older = format!("[a]\naccess_key_id = \"STX000000000000000000000\"\nsecret_access_key = \"y\"\n{others}");
        assert_eq!(put(&older, "a"), Ok(format!("{others}\n{section}")));
        for (text, name, why) in [
            (others, "b", "does not end"),
            ("[a]\naccess_key_id = \"STX_A_KEY_OF_MY_OWN\"\n", "a", "does not end"),
            ("[ a ]\nregion = \"r\"\n", "a", "does not follow"),
            ("[\"a\"]\nregion = \"r\"\n", "a", "does not follow"),
            ("a = { region = \"r\" }\n", "a", "does not follow"),
            ("[b]\nregion = 5 # canary\n", "a", "profiles.toml:2"),
            ("", "a.b", "letters"),
            ("", "", "letters"),
        ] {
            let told = put(text, name).expect_err(why);
            assert!(told.contains(why) && !told.contains("canary"), "{text}: {told}");
        }
    }

    #[test]
    fn the_file_is_its_owners() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("deep/profiles.toml");
        for text in ["one", "two"] {
            write(&file, text).expect("it can be written");
            assert_eq!(std::fs::read_to_string(&file).expect("it is there"), text);
            let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
