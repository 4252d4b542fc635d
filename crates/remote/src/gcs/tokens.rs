//! Tokens of a service account: asked for when there is none, and again before the one there is ends.

use super::ServiceAccount;
use crate::error::tame;
use crate::exchange::{AGENT, Exchanged, exchange};
use crate::retry::Failed;
use crate::s3::{Parts, Settings};
use crate::transport::{Bound, Watch};
use crate::{Answer, Error, Operation};
use baleen_types::Secret;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{Request, StatusCode};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long before its end a token is used no more: an upload of one part takes as long at most.
const SPARE: Duration = Duration::from_mins(5);
/// The longest that a token is kept, whatever its issuer says.
const KEPT_MAX: Duration = Duration::from_hours(1);
/// Bytes of an answer with a token; real ones have one or two KiB.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// What a header takes.
const TOKEN_BYTES_MAX: usize = 4096;

/// The tokens of one service account, for all clients of a process: one is asked for at a time, and all use it, or hear why there is none.
pub struct Tokens {
    account: ServiceAccount,
    now: Mutex<Now>,
    /// Requests for a token that failed, ever.
    failures: AtomicU64,
}

#[derive(Default)]
struct Now {
    held: Option<Held>,
    /// Why there is none, if the last request for one failed.
    failed: Option<Failed>,
}

struct Held {
    token: Secret,
    /// By the monotonic clock.
    until: Duration,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
    error_description: Option<String>,
}

impl Tokens {
    /// Tokens of an account; none is asked for yet.
    pub fn new(account: ServiceAccount) -> Arc<Self> {
        Arc::new(Self {
            account,
            now: Mutex::default(),
            failures: AtomicU64::new(0),
        })
    }

    /// A token; another one than `refused`, which the store did not take.
    pub(crate) async fn get(
        &self,
        parts: &Parts,
        settings: &Settings,
        refused: Option<&Secret>,
    ) -> Result<Secret, Failed> {
        let failures = self.failures.load(Ordering::Relaxed);
        let mut now = self.now.lock().await;
        if let Some(held) = &now.held
            && parts.clock.monotonic() < held.until
            && refused.is_none_or(|refused| refused.expose() != held.token.expose())
        {
            return Ok(held.token.clone());
        }
        // One failed while this one waited. Were each to ask for itself, one behind the other, then while the issuer hangs the last
        // would wait for all their timeouts.
        if let Some(failed) = &now.failed
            && self.failures.load(Ordering::Relaxed) != failures
        {
            return Err(failed.clone());
        }
        *now = Now::default();
        let given = match self.ask(parts, settings).await {
            Ok(given) => given,
            Err(failed) => {
                now.failed = Some(failed.clone());
                self.failures.fetch_add(1, Ordering::Relaxed);
                return Err(failed);
            }
        };
        let life = Duration::from_secs(given.expires_in)
            .min(KEPT_MAX)
            .saturating_sub(SPARE);
        let token = Secret::new(given.access_token);
        now.held = Some(Held {
            token: token.clone(),
            until: parts.clock.monotonic() + life,
        });
        Ok(token)
    }

    async fn ask(&self, parts: &Parts, settings: &Settings) -> Result<Given, Failed> {
        let operation = Operation::GetToken;
        let assertion = self.account.assertion(parts.clock.now());
        let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
        let request = Request::post(self.account.token_uri())
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CONTENT_LENGTH, body.len())
            .body(Bytes::from(body))
            .map_err(|_| garbled("its address makes no request"))?;
        let watch = Watch::new(parts.clock.clone(), settings.stall_timeout);
        match exchange(parts, settings, operation, request, &watch).await? {
            Exchanged::Answered(response) => {
                let bound = Bound {
                    bytes: ANSWER_BYTES_MAX,
                    within: settings.answer_timeout,
                };
                let body = watch.collect(operation, response.into_body(), bound).await?;
                let body = body.ok_or_else(|| garbled(&format!("it is longer than {ANSWER_BYTES_MAX} bytes")))?;
                let given: Given = serde_json::from_slice(&body).map_err(|_| garbled("it is no token"))?;
                let is_token = (1..=TOKEN_BYTES_MAX).contains(&given.access_token.len())
                    && given.access_token.bytes().all(|b| b.is_ascii_graphic());
                if is_token {
                    Ok(given)
                } else {
                    Err(garbled("its token fits no header").into())
                }
            }
            Exchanged::Refused(status, _, body) => Err(refused(status, &body).into()),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

fn garbled(why: &str) -> Error {
    Error::Garbled {
        operation: Operation::GetToken,
        why: why.to_owned(),
    }
}

/// Source: RFC 6749, 5.2: 400 or 401, and why in JSON.
fn refused(status: StatusCode, body: &[u8]) -> Error {
    let told = serde_json::from_slice::<Refusal>(body).ok();
    let (code, message) = told.map_or((None, None), |told| (told.error, told.error_description));
    let answer = Answer {
        status: status.as_u16(),
        code: code.as_deref().and_then(tame),
        message: message.as_deref().and_then(tame),
        request_id: None,
    };
    let operation = Operation::GetToken;
    match answer.status {
        429 => Error::Throttled(operation, answer),
        408 | 500.. => Error::Unavailable(operation, answer),
        400..=403 => Error::Denied(operation, answer),
        _ => Error::Refused(operation, answer),
    }
}
