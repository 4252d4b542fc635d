//! `baleen admin tfa`.

use crate::admin::call::Call;
use crate::admin::secret_input::{ask, ask_maybe};
use crate::admin::show::{Show, text_of};
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::Subcommand;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde_json::Value;

/// The calls about the own second factor want a session that a password has opened.
const LOG_IN: &str = "log in first: baleen admin login CUSTOMER USER --save NAME, and give --profile NAME here";

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// Begin: show a secret for the authenticator, as a picture to scan and as text. It wants a session of admin login.
    Begin,
    /// Take the secret into use by a code of the authenticator, typed or read from standard input, and show the recovery codes.
    Confirm,
    /// Log in with the password alone again, by a code, or by none in a session that was just opened with one.
    Off,
    /// Clear the second factor of another user, who has lost the device; for admins.
    Clear {
        /// The user's name.
        user: String,
    },
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::Begin => Plan::new(Call::iam("RSPrepareTFA").if_denied(LOG_IN), Show::Drawn(authenticator))
                .noting("scan it and, within 30 minutes: baleen admin tfa confirm"),
            Self::Confirm => {
                let call = Call::iam("RSEnableTFA").secret("OTP", ask("code of the authenticator")?).if_denied(
                    "type the code that the authenticator shows now, and check the clock of its device; in the session of \
                     tfa begin: --profile",
                );
                Plan::new(call, Show::Drawn(recovery_codes)).noting(
                    "the recovery codes are shown this once; each is good for one log-in without the authenticator. \
                     New ones: tfa begin and tfa confirm again",
                )
            }
            Self::Off => {
                let call = Call::iam("RSDisableTFA").if_denied(
                    "in a session of baleen admin login (--profile), give the code that the authenticator shows now, or a recovery code",
                );
                let call = match ask_maybe("code of the authenticator, or a recovery code")? {
                    Some(code) => call.secret("OTP", code),
                    None => call,
                };
                Plan::done(call, "the second factor is off, and its recovery codes are gone")
            }
            Self::Clear { user } => Plan::done(
                Call::iam("RSSetUserInfo")
                    .with("Name", user)
                    .with("TFAEnabled", "false"),
                format!("{user} logs in with the password alone"),
            ),
        })
    }
}

/// The secret for an authenticator. Dark modules are blanks, for terminals are dark more often than not; readers take both.
fn authenticator(answer: &Value) -> String {
    let text = answer["otpauthUrl"].as_str().unwrap_or_default();
    let picture = QrCode::with_error_correction_level(text, EcLevel::L)
        .ok()
        .filter(|_| !text.is_empty());
    let picture = picture.map(|code| {
        let mut picture = code.render::<Dense1x2>();
        picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build()
    });
    format!(
        "{}\n\nsecret  {}",
        picture.unwrap_or_default(),
        text_of(answer, "secret")
    )
}

fn recovery_codes(answer: &Value) -> String {
    let codes = answer["recoveryCodes"].as_array().into_iter().flatten();
    codes.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_shown_of_a_second_factor() {
        let begun = authenticator(&json!({ "secret": "ABC", "otpauthUrl": "otpauth://totp/Baleen:a?secret=ABC" }));
        let lines: Vec<_> = begun.lines().collect();
        let widths: Vec<_> = lines[..lines.len() - 2]
            .iter()
            .map(|line| line.chars().count())
            .collect();
        assert!(
            widths.iter().all(|width| *width == widths[0] && *width <= 80),
            "{begun}"
        );
        assert!(lines.len() > 15 && begun.ends_with("\n\nsecret  ABC"), "{begun}");
        // A server of an older release sends no text for the picture.
        assert_eq!(authenticator(&json!({ "secret": "ABC" })), "\n\nsecret  ABC");
        assert_eq!(recovery_codes(&json!({ "recoveryCodes": ["a", "b"] })), "a\nb");
        assert_eq!(recovery_codes(&json!(null)), "");
    }
}
