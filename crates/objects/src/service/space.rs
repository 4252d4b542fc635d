//! Counting what lives where.

use super::Objects;
use crate::{ObjectError, Space, live_extent};
use baleen_blob::{Disk, Holder};
use baleen_meta::Scan;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_types::RegionName;

/// Rows that are in memory at a time.
const ROWS_AT_ONCE: usize = 1000;

impl Objects {
    /// The room on the file system of each region, home first; `None` where its folder is not there. Blocks.
    pub fn disks(&self) -> Vec<(Option<RegionName>, Option<Disk>)> {
        let other = |name: &RegionName| {
            let disk = match self.regions.copies_of(name) {
                Some(Holder::Copies(copies)) => copies.disk(),
                _ => None,
            };
            (Some(name.clone()), disk)
        };
        let home = (None, self.blobs.disk());
        std::iter::once(home).chain(self.regions.names().map(other)).collect()
    }

    /// Counts what lives in each region, home first, and what it takes. Bodies that are in their records' rows are not among them.
    ///
    /// # Errors
    /// What cannot be read.
    pub async fn spaces(&self) -> Result<Vec<Space>, ObjectError> {
        let others = self
            .regions
            .names()
            .map(|name| (name.clone(), self.regions.copies_of(name)));
        let others: Vec<_> = others.collect();
        let (mut home, mut live) = (0, vec![0; others.len()]);
        let snapshot = self.meta.snapshot().await?;
        let mut scan = Scan::prefix(&KeyWriter::new(Table::Extent).finish()).limit(ROWS_AT_ONCE);
        loop {
            let page = snapshot.scan(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan = scan.after(last.key.to_vec());
            // One that cannot be read is told of as damage, not here.
            let extents = page.iter().filter_map(|row| live_extent(&row.key, &row.value).ok());
            let extents: Vec<_> = extents.collect();
            home += extents.iter().map(|extent| extent.length).sum::<u64>();
            for ((_, holder), live) in others.iter().zip(&mut live) {
                if let Some(Holder::Copies(copies)) = holder {
                    let there = copies.among(extents.clone()).await?;
                    *live += there.iter().map(|extent| extent.length).sum::<u64>();
                }
            }
        }
        let mut spaces = vec![Space {
            region: None,
            live_bytes: home,
            allocated_bytes: Some(self.blobs.allocated_bytes().await?),
        }];
        for ((name, holder), live_bytes) in others.into_iter().zip(live) {
            let allocated_bytes = match holder {
                Some(Holder::Copies(copies)) => Some(copies.allocated_bytes().await?),
                _ => None,
            };
            spaces.push(Space {
                region: Some(name),
                live_bytes,
                allocated_bytes,
            });
        }
        Ok(spaces)
    }
}
