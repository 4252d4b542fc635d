//! The first shape of a capture: its parts were in its record, from when all of them were in the store.

use super::{StoredCapture, StoredKind, StoredOrigin, StoredState};
use crate::sink::SentPart;
use baleen_meta::record::first_version;
use baleen_types::OwnershipId;
use serde::{Deserialize, Serialize};

/// A capture as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCaptureV1 {
    pub(crate) site: String,
    pub(crate) destination: String,
    pub(crate) ownership: [u8; OwnershipId::BYTES],
    pub(crate) object: String,
    pub(crate) time_limit_ns: u64,
    pub(crate) packet_limit: u64,
    pub(crate) byte_limit: u64,
    pub(crate) is_pcapng: bool,
    pub(crate) sent_tuple: Option<String>,
    pub(crate) sent_bidirectional: bool,
    pub(crate) sent_expression: Option<String>,
    pub(crate) state: StoredState,
    pub(crate) submitted_ns: i64,
    pub(crate) started_ns: Option<i64>,
    pub(crate) ended_ns: Option<i64>,
    pub(crate) stop_requested_ns: Option<i64>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) dropped: u64,
    pub(crate) message: Option<String>,
    /// The store's id of the multipart upload, from before the first packet on.
    pub(crate) upload: Option<String>,
    /// The parts, from when all of them are in the store.
    pub(crate) parts: Vec<SentPart>,
}
first_version!(StoredCaptureV1, "capture");

impl From<StoredCaptureV1> for StoredCapture {
    fn from(before: StoredCaptureV1) -> Self {
        Self {
            // There was no other kind, and no other door.
            origin: StoredOrigin::Pcaps,
            kind: StoredKind::Full,
            task: None,
            site: before.site,
            destination: before.destination,
            ownership: before.ownership,
            object: before.object,
            time_limit_ns: before.time_limit_ns,
            packet_limit: before.packet_limit,
            byte_limit: before.byte_limit,
            is_pcapng: before.is_pcapng,
            snaplen: None,
            mask: None,
            rotation: None,
            merge: false,
            offset_ns: None,
            sent_tuple: before.sent_tuple,
            sent_bidirectional: before.sent_bidirectional,
            sent_expression: before.sent_expression,
            sent_rules: None,
            asked_sha256: None,
            agents: Vec::new(),
            generation: 0,
            interfaces: None,
            state: before.state,
            submitted_ns: before.submitted_ns,
            started_ns: before.started_ns,
            ended_ns: before.ended_ns,
            stop_requested_ns: before.stop_requested_ns,
            modified_ns: [before.ended_ns, before.stop_requested_ns, before.started_ns]
                .into_iter()
                .flatten()
                .fold(before.submitted_ns, i64::max),
            packets: before.packets,
            bytes: before.bytes,
            dropped: before.dropped,
            packets_seen: None,
            message: before.message,
            upload: before.upload,
            parts_v1: before.parts,
        }
    }
}
