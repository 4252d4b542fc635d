//! The filter of a capture request.

use crate::pcaps::fields::Fields;
use baleen_capture::limits::EXPRESSION_BYTES_MAX;
use baleen_capture::{CaptureFilter, SentFilter};
use baleen_filter::{End, FiveTuple, Rules};
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Reads the members that say which packets; what is wrong is noted in `fields`.
pub(super) fn decode(fields: &mut Fields<'_>) -> (CaptureFilter, SentFilter) {
    let tuple = fields.object("filter_v1").filter(|object| !object.is_empty());
    let rules = fields.text("filter_v2").filter(|text| !text.trim().is_empty());
    let expression = fields.text("filter_expression").filter(|text| !text.trim().is_empty());
    let bidirectional = fields.boolean("bidirectional").unwrap_or(false);
    let sent = SentFilter {
        tuple: tuple.map(|object| Value::Object(object.clone()).to_string()),
        bidirectional,
        expression: expression.map(str::to_owned),
        rules: rules.map(str::to_owned),
    };
    let filter = match (tuple, rules, expression) {
        (None, None, None) => CaptureFilter::All,
        (Some(object), None, None) => decode_tuple(fields, object, bidirectional),
        // Both say themselves which directions they take.
        (None, Some(text), None) => decode_rules(fields, text),
        (None, None, Some(text)) => decode_expression(fields, text),
        _ => {
            let given = [
                ("filter_v1", tuple.is_some()),
                ("filter_v2", rules.is_some()),
                ("filter_expression", expression.is_some()),
            ];
            let given: Vec<&str> = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
            let message = format!("{} cannot be given together", given.join(" and "));
            fields.refuse(given.last().copied().unwrap_or_default(), message);
            CaptureFilter::All
        }
    };
    (filter, sent)
}

/// Reads a text in the Rules language, at once: its mistakes are told with the others of the body.
fn decode_rules(fields: &mut Fields<'_>, text: &str) -> CaptureFilter {
    match Rules::parse(text) {
        Ok(rules) => CaptureFilter::Rules(rules),
        Err(error) => {
            fields.refuse("filter_v2", format!("filter_v2: {error}"));
            CaptureFilter::All
        }
    }
}

/// Compiling an expression takes time, and is left to the service.
fn decode_expression(fields: &mut Fields<'_>, text: &str) -> CaptureFilter {
    if text.len() > EXPRESSION_BYTES_MAX {
        let message = format!("filter_expression has at most {EXPRESSION_BYTES_MAX} bytes");
        fields.refuse("filter_expression", message);
        return CaptureFilter::All;
    }
    CaptureFilter::Expression(text.to_owned())
}

/// Reads a five-tuple (capture contract, A.2, `filter_v1`). One whose members are all
/// null means every packet; for unknown members see `docs/decisions/0006-unknown-filter-members-are-refused.md`.
fn decode_tuple(fields: &mut Fields<'_>, object: &Map<String, Value>, bidirectional: bool) -> CaptureFilter {
    // That of the captures, or of what a schedule waits for.
    let at = if fields.is_whole_body() {
        "/filter_v1"
    } else {
        "/trigger/filter_v1"
    };
    let mut inner = Fields::new(object, at);
    inner.only(&[
        "source_address",
        "destination_address",
        "source_port",
        "destination_port",
        "protocol",
    ]);
    let source = decode_end(&mut inner, "source_address", "source_port");
    let destination = decode_end(&mut inner, "destination_address", "destination_port");
    let protocol = inner.whole("protocol", &(0..=u64::from(u8::MAX)));
    fields.take_problems(inner);
    let tuple = FiveTuple {
        source,
        destination,
        protocol: protocol.and_then(|p| u8::try_from(p).ok()),
        bidirectional,
    };
    let any = FiveTuple {
        bidirectional,
        ..FiveTuple::default()
    };
    if tuple == any {
        CaptureFilter::All
    } else {
        CaptureFilter::Tuple(tuple)
    }
}

fn decode_end(fields: &mut Fields<'_>, address: &'static str, port: &'static str) -> End {
    let mut end = End::default();
    if let Some(text) = fields.text(address) {
        match parse_block(text) {
            Some(block) => end.addresses.push(block),
            None => fields.refuse(
                address,
                format!("{address} must be an IPv4 or IPv6 address, or a block such as 10.0.0.0/8"),
            ),
        }
    }
    let number = fields.whole(port, &(0..=u64::from(u16::MAX)));
    end.ports
        .extend(number.and_then(|n| u16::try_from(n).ok()).map(|n| n..=n));
    end
}

fn parse_block(text: &str) -> Option<IpNet> {
    let block = text
        .parse::<IpAddr>()
        .map(IpNet::from)
        .or_else(|_| text.parse::<IpNet>())
        .ok()?;
    Some(block.trunc())
}
