//! Several capture files as one: whatever the files are, each packet is of an interface that was told before, all of them come, and those of
//! a file in its order.
#![no_main]

use baleen_pcapfile::{Item, Merge, MergeSource, Merged, Reader};
use libfuzzer_sys::fuzz_target;

/// What of a packet no clock changes.
type Packet = (u32, Vec<u8>);

/// The packets of a file whose interfaces are told, up to where it is damaged.
fn alone(file: &[u8]) -> Vec<Packet> {
    let Ok(mut reader) = Reader::new(file) else {
        return Vec::new();
    };
    let mut packets = Vec::new();
    while let Ok(Some(item)) = reader.next_item() {
        if let Item::Packet(packet) = item {
            packets.push((packet.original_length, packet.bytes.to_vec()));
        }
    }
    packets
}

fuzz_target!(|input: (i64, &[u8], i64, &[u8])| {
    let (one_ahead, one, other_ahead, other) = input;
    let source = |name: &str, file, ahead_nanos| MergeSource {
        file,
        name: name.to_owned(),
        description: String::new(),
        ahead_nanos,
    };
    let sources = [source("one", one, one_ahead), source("other", other, other_ahead)];
    let mut merge = Merge::new(sources).expect("memory can be read");
    let mut interfaces: Vec<String> = Vec::new();
    let mut merged = [Vec::new(), Vec::new()];
    while let Some(next) = merge.next_merged().expect("memory can be read") {
        match next {
            Merged::Interface(interface) => interfaces.push(interface.name),
            Merged::Packet(packet) => {
                let name = &interfaces[packet.interface as usize];
                let place = usize::from(!(name == "one" || name.starts_with("one/")));
                merged[place].push((packet.original_length, packet.pieces.concat()));
            }
        }
    }
    assert!(
        merge
            .statistics()
            .all(|statistics| (statistics.interface as usize) < interfaces.len())
    );
    for (merged, file) in merged.iter().zip([one, other]) {
        let alone = alone(file);
        // One with more interfaces than any machine has ends there.
        assert!(merged.len() == alone.len() || interfaces.len() >= 256);
        assert!(alone.starts_with(merged));
    }
});
