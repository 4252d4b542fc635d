//! DNS messages: addresses in records and in names.
//!
//! Records of addresses, of names, of mail servers and services are kept, with addresses changed; of any other the data is
//! blanked. A name stays as it is, but for one that spells an address.

use super::names::name;
use super::{Mask, part, u16_at};

pub(super) const HEADER_BYTES: usize = 12;
/// Bytes of a record behind its name: type, class, time to live, length of its data.
const RECORD_BYTES: usize = 10;

const TYPE_A: u16 = 1;
const TYPE_NS: u16 = 2;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;
const TYPE_PTR: u16 = 12;
const TYPE_MX: u16 = 15;
const TYPE_AAAA: u16 = 28;
const TYPE_SRV: u16 = 33;
const TYPE_DNAME: u16 = 39;

impl Mask {
    /// Changes a message; what is behind the last thing that could be read is zero.
    pub(super) fn dns(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        // How far it was read is all there is to know.
        let _ = self.message(bytes, &mut at);
        part(bytes, at, usize::MAX).fill(0);
        bytes.len()
    }

    /// RFC 1035, 4.1. `at` is behind what was changed already.
    fn message(&mut self, bytes: &mut [u8], at: &mut usize) -> Option<()> {
        let questions = u16_at(bytes, 4)?;
        let records = [6, 8, 10]
            .iter()
            .map(|count| u16_at(bytes, *count).map(usize::from))
            .sum::<Option<usize>>()?;
        *at = HEADER_BYTES;
        for _ in 0..questions {
            let behind = name(bytes, *at, bytes.len())?;
            bytes.get(behind..behind + 4)?;
            *at = behind + 4;
        }
        for _ in 0..records {
            let behind = name(bytes, *at, bytes.len())?;
            let kind = u16_at(bytes, behind)?;
            let data = behind + RECORD_BYTES;
            let end = data + usize::from(u16_at(bytes, data - 2)?);
            *at = data;
            bytes.get(data..end)?;
            self.data(kind, bytes, data, end);
            *at = end;
        }
        Some(())
    }

    fn data(&mut self, kind: u16, bytes: &mut [u8], from: usize, to: usize) {
        let behind = match kind {
            TYPE_A if to - from == 4 => {
                self.v4(&mut bytes[from..to]);
                Some(to)
            }
            TYPE_AAAA if to - from == 16 => {
                self.v6(&mut bytes[from..to]);
                Some(to)
            }
            TYPE_NS | TYPE_CNAME | TYPE_PTR | TYPE_DNAME => name(bytes, from, to),
            TYPE_MX => name(bytes, from + 2, to),
            TYPE_SRV => name(bytes, from + 6, to),
            // Five numbers behind two names.
            TYPE_SOA => name(bytes, from, to)
                .and_then(|second| name(bytes, second, to))
                .filter(|numbers| numbers + 20 == to)
                .map(|_| to),
            _ => None,
        };
        if behind != Some(to) {
            part(bytes, from, to).fill(0);
        }
    }
}
