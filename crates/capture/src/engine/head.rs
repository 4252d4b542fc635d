//! What each file of a capture begins with.

use super::request::Format;
use super::rotation::Rotation;
use super::section;
use super::source::Description;
use baleen_pcapfile::classic::{self, Precision};
use baleen_pcapfile::ng;
use baleen_types::LinkType;

/// What each file begins with.
pub(crate) struct FileHead<'a> {
    pub(crate) format: Format,
    pub(crate) snaplen: u32,
    pub(crate) filter: String,
    pub(crate) comments: &'a [String],
    pub(crate) rotation: Rotation,
    pub(crate) interfaces: Vec<Description>,
}

impl FileHead<'_> {
    pub(crate) fn put(&self, buffer: &mut Vec<u8>) {
        match self.format {
            Format::Pcap => {
                let link = self
                    .interfaces
                    .first()
                    .map_or(LinkType::ETHERNET, |interface| interface.link);
                classic::put_header(buffer, link, self.snaplen, Precision::Micros);
            }
            Format::PcapNg => {
                ng::put_section(buffer, &section(self.comments.to_vec()));
                for interface in &self.interfaces {
                    ng::put_interface(
                        buffer,
                        &ng::Interface {
                            filter: self.filter.clone(),
                            mac: interface.mac,
                            ..ng::Interface::new(interface.link, self.snaplen, interface.name.clone())
                        },
                    );
                }
            }
        }
    }
}
