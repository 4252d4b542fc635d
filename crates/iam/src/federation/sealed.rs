//! What is handed out to come back: texts that only this store can read, each for one purpose and one time.

use crate::Iam;
use baleen_sealing::{Context, NONCE_BYTES};
use baleen_types::{Secret, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest text that is looked at; ours have about 700 characters.
const SEALED_TEXT_BYTES_MAX: usize = 4096;

/// What is handed out, with its end.
pub(super) trait Sealable: Serialize + DeserializeOwned {
    /// What it is for; nothing sealed for one purpose opens for another.
    const PURPOSE: &'static str;
    /// When it ends.
    fn until_ns(&self) -> i64;
}

/// A login that was begun, in the cookie of the browser that began it.
#[derive(Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) connection: [u8; 16],
    pub(super) request: String,
    pub(super) relay_state: String,
    pub(super) until_ns: i64,
}

impl Sealable for Asked {
    const PURPOSE: &'static str = "saml-login-request";
    fn until_ns(&self) -> i64 {
        self.until_ns
    }
}

/// A login that was proven, in the code that it is exchanged for.
#[derive(Serialize, Deserialize)]
pub(super) struct Proven {
    pub(super) account: u64,
    pub(super) user: u64,
    pub(super) connection: [u8; 16],
    /// Those of the user when it was proven.
    pub(super) generation: u32,
    pub(super) login_generation: u32,
    /// When the identity provider wants the session to end.
    pub(super) session_end_ns: Option<i64>,
    pub(super) until_ns: i64,
}

impl Sealable for Proven {
    const PURPOSE: &'static str = "saml-login-code";
    fn until_ns(&self) -> i64 {
        self.until_ns
    }
}

impl Iam {
    pub(super) fn hand_out<T: Sealable>(&self, value: &T) -> Secret {
        let text = Secret::new(serde_json::to_string(value).expect("numbers and texts are JSON"));
        let nonce: [u8; NONCE_BYTES] = self.parts.entropy.bytes();
        Secret::new(hex::encode(self.parts.sealer.seal(context::<T>(), &text, nonce)))
    }

    /// Reads back what was handed out, unless it has ended or is not ours.
    pub(super) fn take_back<T: Sealable>(&self, text: &str, now: Timestamp) -> Option<T> {
        if text.len() > SEALED_TEXT_BYTES_MAX {
            return None;
        }
        let sealed = hex::decode(text).ok()?;
        let opened = self.parts.sealer.open(context::<T>(), &sealed).ok()?;
        let value: T = serde_json::from_str(opened.expose()).ok()?;
        (now < Timestamp::from_nanos(value.until_ns())).then_some(value)
    }
}

fn context<T: Sealable>() -> Context<'static> {
    Context {
        purpose: T::PURPOSE,
        id: "",
    }
}
