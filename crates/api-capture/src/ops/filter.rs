//! The filter of a capture request.

use crate::fields::Fields;
use baleen_capture::limits::EXPRESSION_BYTES_MAX;
use baleen_capture::{CaptureFilter, SentFilter};
use baleen_filter::{End, FiveTuple};
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Reads the members that say which packets; what is wrong is noted in `fields`.
pub(super) fn decode(fields: &mut Fields<'_>) -> (CaptureFilter, SentFilter) {
    let tuple = fields.object("filter_v1").filter(|object| !object.is_empty());
    let expression = fields.text("filter_expression").filter(|text| !text.trim().is_empty());
    let bidirectional = fields.boolean("bidirectional").unwrap_or(false);
    if is_given(fields.get("filter_v2")) {
        fields.refuse(
            "filter_v2",
            "filter_v2 is not supported yet; use filter_v1, or filter_expression with a tcpdump expression",
        );
    }
    let sent = SentFilter {
        tuple: tuple.map(|object| Value::Object(object.clone()).to_string()),
        bidirectional,
        expression: expression.map(str::to_owned),
    };
    let filter = match (tuple, expression) {
        (Some(_), Some(_)) => {
            fields.refuse(
                "filter_expression",
                "filter_v1 and filter_expression cannot be given together",
            );
            CaptureFilter::All
        }
        (Some(object), None) => decode_tuple(fields, object, bidirectional),
        (None, Some(text)) if text.len() > EXPRESSION_BYTES_MAX => {
            let message = format!("filter_expression has at most {EXPRESSION_BYTES_MAX} bytes");
            fields.refuse("filter_expression", message);
            CaptureFilter::All
        }
        // An expression says itself which directions it takes.
        (None, Some(text)) => CaptureFilter::Expression(text.to_owned()),
        (None, None) => CaptureFilter::All,
    };
    (filter, sent)
}

/// Whether a filter that we do not know says anything.
fn is_given(value: Option<&Value>) -> bool {
    match value {
        None => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Object(object)) => !object.is_empty(),
        Some(_) => true,
    }
}

/// Reads a five-tuple (capture contract, A.2, `filter_v1`). One whose members are all
/// null means every packet; for unknown members see `docs/decisions/0006-unknown-filter-members-are-refused.md`.
fn decode_tuple(fields: &mut Fields<'_>, object: &Map<String, Value>, bidirectional: bool) -> CaptureFilter {
    let mut inner = Fields::new(object, "/filter_v1");
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
