//! Finding the chunks of a segment by their heads, where its contents are missing or a block's table is damaged.

use crate::chunk::{ALIGNMENT, Codec, HEAD_BYTES, Head, Kind, MAGIC};
use crate::limits::CHUNK_STORED_MAX;
use crate::segment::{Block, FRONT_BYTES, Found, place_of, read_up_to};
use std::fs::File;
use std::io;

/// Bytes that are read at once; a chunk fits into it wherever it begins.
const WINDOW: usize = 1 << 20;
const _: () = assert!(WINDOW > 2 * (CHUNK_STORED_MAX + HEAD_BYTES));

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// A chunk that is wholly there.
    Chunk(Head),
    /// A head, and fewer bytes than it says.
    Cut,
    /// None, until that many bytes further on.
    Nothing(usize),
}

/// Looks at the beginning of some bytes, which lies on a multiple of 64.
pub(crate) fn at(codec: &Codec, bytes: &[u8]) -> At {
    match codec.head(bytes) {
        Some(head) if head.bytes() <= bytes.len() => At::Chunk(head),
        Some(_) => At::Cut,
        None => {
            // The next place where a head may be.
            let places = (ALIGNMENT..bytes.len()).step_by(ALIGNMENT);
            let is_head = |at: &usize| bytes[*at..].starts_with(&MAGIC) && codec.head(&bytes[*at..]).is_some();
            At::Nothing(places.into_iter().find(is_head).unwrap_or(bytes.len()))
        }
    }
}

/// Goes through a segment of so many bytes. With `is_thorough` the content of chunks is checked too.
pub(crate) fn walk(file: &File, codec: &Codec, bytes: u64, is_thorough: bool) -> io::Result<Found> {
    let mut found = Found::default();
    // The block that is being gathered, and its number.
    let mut block: Option<(u32, Block)> = None;
    let mut window = Vec::new();
    let mut offset = FRONT_BYTES;
    let mut from = 0usize;
    while offset + from as u64 + (HEAD_BYTES as u64) <= bytes {
        if window.len() - from.min(window.len()) < CHUNK_STORED_MAX + HEAD_BYTES {
            offset += from as u64;
            from = 0;
            let rest = usize::try_from(bytes - offset).unwrap_or(usize::MAX);
            window.resize(rest.min(WINDOW), 0);
            let filled = read_up_to(file, &mut window, offset)?;
            window.truncate(filled);
            if filled < HEAD_BYTES {
                break;
            }
        }
        let here = &window[from..];
        match at(codec, here) {
            At::Chunk(head) => {
                if is_thorough && !codec.is_whole(&head, here) {
                    found.damaged += 1;
                }
                // A segment is below 4 GiB by its settings; what lies beyond is none of ours.
                let Ok(place) = u32::try_from(offset + from as u64) else {
                    break;
                };
                gather(&mut found.blocks, &mut block, place, &head);
                from += head.bytes().next_multiple_of(ALIGNMENT);
            }
            At::Cut => {
                found.is_torn = true;
                break;
            }
            At::Nothing(skip) => {
                let skipped = &here[..skip];
                let is_end = offset + (from + skip) as u64 == bytes;
                if skipped.iter().all(|byte| *byte == 0) && is_end {
                    // Room that was never written.
                } else if is_end {
                    found.is_torn = true;
                } else {
                    found.damaged += 1;
                }
                from += skip;
            }
        }
    }
    found.blocks.extend(block.map(|(_, block)| block).filter(has_packets));
    Ok(found)
}

fn has_packets(block: &Block) -> bool {
    block.start < block.end
}

fn gather(blocks: &mut Vec<Block>, block: &mut Option<(u32, Block)>, offset: u32, head: &Head) {
    if head.kind == Kind::Contents {
        return;
    }
    if block.as_ref().is_none_or(|(number, _)| *number != head.block) {
        blocks.extend(block.take().map(|(_, block)| block).filter(has_packets));
        *block = Some((head.block, Block::EMPTY));
    }
    let Some((_, block)) = block else { return };
    let place = place_of(offset, head);
    match head.kind {
        Kind::Packets => block.take(&place, &head.summary),
        Kind::Sieve => block.sieve = Some((place.offset, place.bytes)),
        Kind::Table => block.table = Some((place.offset, place.bytes)),
        Kind::Contents => {}
    }
}
