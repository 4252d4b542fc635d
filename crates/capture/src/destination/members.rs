//! The members behind the `?` of a destination.

use super::{Endpoint, R2Account, decode, refuse};
use baleen_types::{Invalid, RegionName, Secret};

/// The access keys of the URI itself.
const KEYS: [&str; 2] = ["access-key-id", "secret-access-key"];

#[derive(Default)]
pub(super) struct Members<'u> {
    pub(super) region: Option<RegionName>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) account: Option<R2Account>,
    pub(super) encrypt: bool,
    pub(super) key_id: Option<String>,
    pub(super) secret_key: Option<Secret>,
    /// The members that may be shown, as they were written.
    pub(super) shown: Vec<&'u str>,
}

/// What stands for the id of a key of Azure: which of the two it is.
pub(crate) const ACCOUNT_KEY: &str = "account-key";
pub(crate) const SIGNATURE: &str = "sas";

/// A key has 88 characters, a signature some 200.
const KEY_BYTES_MAX: usize = 256;
const SIGNATURE_BYTES_MAX: usize = 1024;

/// The longest name of a member that is shown.
const NAME_BYTES_MAX: usize = 32;

/// By what each scheme says who asks.
fn keys(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "azure" => &[ACCOUNT_KEY, SIGNATURE],
        _ => &KEYS,
    }
}

/// What else each scheme knows.
fn known(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "r2" => &["account-id"],
        "gs" | "azure" => &[],
        _ => &["region", "endpoint", "sse"],
    }
}

impl<'u> Members<'u> {
    pub(super) fn parse(scheme: &str, query: &'u str) -> Result<Self, Invalid> {
        let mut members = Self::default();
        let mut seen = Vec::new();
        for member in query.split('&').filter(|m| !m.is_empty()) {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            if seen.contains(&name) {
                return Err(refuse("a member of the query is given twice"));
            }
            seen.push(name);
            let (known, keys) = (known(scheme), keys(scheme));
            if !keys.contains(&name) && !known.contains(&name) {
                return Err(refuse(unknown(scheme, name, &seen, &[known, keys].concat())));
            }
            if members.take(name, &decode(value)?)? {
                members.shown.push(member);
            }
        }
        Ok(members)
    }

    /// Takes one member; tells whether it may be shown.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Invalid> {
        match name {
            "region" => self.region = Some(RegionName::parse(value).map_err(|e| refuse(format!("region: {}", e.why)))?),
            "endpoint" => self.endpoint = Some(Endpoint::parse(value)?),
            "account-id" => self.account = Some(R2Account::parse(value)?),
            "sse" if value == "AES256" => self.encrypt = true,
            "sse" => return Err(refuse("sse: only AES256 is supported")),
            ACCOUNT_KEY | SIGNATURE => {
                if self.key_id.is_some() {
                    return Err(refuse(
                        "account-key and sas are two ways for the same; give one of them",
                    ));
                }
                let (name, most) = if name == SIGNATURE {
                    (SIGNATURE, SIGNATURE_BYTES_MAX)
                } else {
                    (ACCOUNT_KEY, KEY_BYTES_MAX)
                };
                // As a link has it, with its question mark, or without.
                let value = value.strip_prefix('?').unwrap_or(value);
                self.key_id = Some(name.to_owned());
                self.secret_key = Some(Secret::new(key_text(name, value, most)?));
                return Ok(false);
            }
            "access-key-id" => {
                self.key_id = Some(key_text("access-key-id", value, KEY_BYTES_MAX)?);
                return Ok(false);
            }
            "secret-access-key" => {
                self.secret_key = Some(Secret::new(key_text("secret-access-key", value, KEY_BYTES_MAX)?));
                return Ok(false);
            }
            // Nothing else is known to a scheme.
            _ => return Err(refuse("unknown member in the query")),
        }
        Ok(true)
    }
}

/// Why a member is refused that its scheme does not know. It is named where it looks like a name: it may be what was behind an `&` in
/// a secret.
fn unknown(scheme: &str, name: &str, seen: &[&str], known: &[&str]) -> String {
    let is_name = name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let named = if is_name { format!(" {name}") } else { String::new() };
    if seen.contains(&SIGNATURE) {
        return format!(
            "unknown member{named} in the query; {SIGNATURE} is one value: percent-encode the signature, & as %26 and = as %3D"
        );
    }
    format!(
        "unknown member{named} in the query; {scheme}:// knows {}",
        known.join(", ")
    )
}

fn key_text(name: &str, value: &str, most: usize) -> Result<String, Invalid> {
    if (1..=most).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(value.to_owned())
    } else {
        Err(refuse(format!("{name}: 1 to {most} visible characters are expected")))
    }
}
