//! The picture that an authenticator scans, drawn here: a chart service elsewhere would learn the secret.

use baleen_types::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

/// Least width and height of the picture in pixels; it is drawn in whole pixels per module, so it comes out a little larger.
const PIXELS_MIN: u32 = 256;

/// A QR code of a text as a `data:image/svg+xml` URL; `None` when the text is too long for one (about 2,300 bytes).
pub(crate) fn data_url(text: &Secret) -> Option<Secret> {
    let code = QrCode::with_error_correction_level(text.expose(), EcLevel::M).ok()?;
    let picture = code
        .render::<svg::Color<'_>>()
        .min_dimensions(PIXELS_MIN, PIXELS_MIN)
        .build();
    let picture = Zeroizing::new(picture);
    Some(Secret::new(format!(
        "data:image/svg+xml;base64,{}",
        STANDARD.encode(picture.as_bytes())
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_without_the_text_in_clear() {
        let text = Secret::new("otpauth://totp/Baleen:a%40example.com?secret=ABC&issuer=Baleen");
        let url = data_url(&text).unwrap();
        let picture = url.expose().strip_prefix("data:image/svg+xml;base64,").unwrap();
        let svg = String::from_utf8(STANDARD.decode(picture).unwrap()).unwrap();
        assert!(svg.contains("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>"));
        assert!(!svg.contains("script") && !svg.contains("otpauth"));
        assert!(url.expose().len() < 32 * 1024);
    }

    #[test]
    fn the_longest_user_name_fits_and_endless_text_does_not() {
        assert!(data_url(&Secret::new("%2B".repeat(64) + &"x".repeat(200))).is_some());
        assert!(data_url(&Secret::new("x".repeat(3_000))).is_none());
    }
}
