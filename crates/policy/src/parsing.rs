//! Numbers, dates, flags, addresses: read from policies, where a wrong one is refused, and from requests, where a wrong one
//! leaves the condition open.

use crate::context::Value;
use baleen_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ipnet::IpNet;
use std::net::IpAddr;

/// A decimal number, exact: in units of 10⁻⁹.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Decimal(i128);

const FRACTION_DIGITS: usize = 9;
const WHOLE_DIGITS_MAX: usize = 19;

impl Decimal {
    fn whole(number: i64) -> Self {
        Self(i128::from(number) * 1_000_000_000)
    }

    fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str, max| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole, WHOLE_DIGITS_MAX) || !plain(fraction, FRACTION_DIGITS) {
            return None;
        }
        let number: i128 = format!("{whole}{fraction:0<FRACTION_DIGITS$}").parse().ok()?;
        Some(Self(if negative { -number } else { number }))
    }
}

pub(crate) fn number_text(text: &str) -> Result<Decimal, String> {
    Decimal::parse(text).ok_or_else(|| format!("{text:?} is no number"))
}

pub(crate) fn number(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(Decimal::whole(*number)),
        Value::Date(at) => Some(Decimal::whole(at.as_secs())),
        Value::Text(text) => Decimal::parse(text),
        Value::Bool(_) | Value::Address(_) | Value::List(_) => None,
    }
}

/// Reads ISO 8601 (date, or date and time with offset) or seconds since 1970.
pub(crate) fn date_text(text: &str) -> Result<Timestamp, String> {
    parse_date(text).ok_or_else(|| format!("{text:?} is no date; 2026-01-02T03:04:05Z is one"))
}

pub(crate) fn date(value: &Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Date(at) => Some(*at),
        Value::Number(secs) => Some(Timestamp::from_secs(*secs)),
        Value::Text(text) => parse_date(text),
        Value::Bool(_) | Value::Address(_) | Value::List(_) => None,
    }
}

fn parse_date(text: &str) -> Option<Timestamp> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(Timestamp::from_secs);
    }
    let spelled = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        // Seconds may be left out (W3C, "Date and time formats").
        17 if text.ends_with('Z') => format!("{}:00Z", &text.strip_suffix('Z')?),
        _ => text.to_owned(),
    };
    Timestamp::parse_rfc3339(&spelled)
        .or_else(|_| Timestamp::parse_basic(text))
        .ok()
}

pub(crate) fn flag_text(text: &str) -> Result<bool, String> {
    parse_flag(text).ok_or_else(|| format!("{text:?} is neither true nor false"))
}

pub(crate) fn flag(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Text(text) => parse_flag(text),
        Value::Number(_) | Value::Date(_) | Value::Address(_) | Value::List(_) => None,
    }
}

fn parse_flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text).map_err(|_| format!("{text:?} is not base64"))
}

/// Reads an address or a network. What is IPv4 within IPv6 is taken for IPv4, as addresses of requests are.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let refuse = || format!("{text:?} is no network; 203.0.113.0/24 is one");
    let net: IpNet = match text.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text.parse().map_err(|_| refuse())?,
    };
    match (net, net.addr().to_canonical()) {
        (IpNet::V6(v6), IpAddr::V4(v4)) => match v6.prefix_len().checked_sub(96) {
            Some(length) => IpNet::new(v4.into(), length).map_err(|_| refuse()),
            None => Ok(net),
        },
        _ => Ok(net),
    }
}

pub(crate) fn address(value: &Value<'_>) -> Option<IpAddr> {
    match value {
        Value::Address(address) => Some(address.to_canonical()),
        Value::Text(text) => text.parse().ok().map(|address: IpAddr| address.to_canonical()),
        Value::Number(_) | Value::Bool(_) | Value::Date(_) | Value::List(_) => None,
    }
}
