//! What admins have set of a token, which only admins loosen.
//!
//! While users may define tokens, the owner of a token changes it too, also one that an admin made or has cut down. So what an
//! admin sets is kept beside the options, and the owner moves below it: fewer methods, an earlier end, a login on top.

use super::{TokenChange, TokenOptions};
use crate::Error;
use baleen_types::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a token reaches at most, as admins have set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ceiling {
    /// Its methods; any, if no admin has set them.
    methods: Option<u16>,
    expires_ns: Option<i64>,
    must_log_in: bool,
    /// Not for guests.
    is_private: bool,
    pub(crate) is_disabled: bool,
}

impl Ceiling {
    /// That of a token that an admin makes.
    pub(crate) fn of(options: &TokenOptions) -> Self {
        Self {
            methods: Some(options.methods.to_bits()),
            expires_ns: options.expires.map(Timestamp::as_nanos),
            must_log_in: options.must_log_in,
            is_private: !options.is_public,
            is_disabled: false,
        }
    }

    /// Takes up what an admin changes; what the change leaves alone stays as it was.
    pub(crate) fn set(&mut self, change: &TokenChange) {
        if let Some(methods) = change.methods {
            self.methods = Some(methods.to_bits());
        }
        if let Some(expires) = change.expires {
            self.expires_ns = expires.map(Timestamp::as_nanos);
        }
        self.must_log_in = change.must_log_in.unwrap_or(self.must_log_in);
        self.is_private = change.is_public.map_or(self.is_private, |public| !public);
        self.is_disabled = change.is_enabled.map_or(self.is_disabled, |enabled| !enabled);
    }

    /// Refuses what reaches higher.
    ///
    /// # Errors
    /// `NotAllowed`, which names the option.
    pub(crate) fn admit(&self, options: &TokenOptions, is_enabled: bool) -> Result<(), Error> {
        let beyond = options.methods.to_bits() & !self.methods.unwrap_or(u16::MAX);
        let ends_in_time = |end: i64| options.expires.is_some_and(|expires| expires.as_nanos() <= end);
        let why = if beyond != 0 {
            "an admin has set the methods of this token; ask for no others"
        } else if !self.expires_ns.is_none_or(ends_in_time) {
            "an admin has set the end of this token; ask for no later one"
        } else if self.must_log_in && !options.must_log_in {
            "an admin has set that this token needs a login"
        } else if self.is_private && options.is_public {
            "an admin has set that this token is not for guests"
        } else if self.is_disabled && is_enabled {
            "an admin has disabled this token"
        } else {
            return Ok(());
        };
        Err(Error::NotAllowed(why))
    }
}
