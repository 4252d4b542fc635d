//! What a command does about the keys of a store that another process serves: it changes the file, and the server follows.

use crate::{Error, KeyFile, Status};
use baleen_runtime::Entropy;
use baleen_sealing::KeyNumber;

/// Takes the older keys out of the file of a store that is being served; `status` is what its server said last.
///
/// # Errors
/// `StillNeeded` when the server has not found that they are needed no more.
pub fn retire_served(file: &KeyFile, status: &Status) -> Result<Vec<u16>, Error> {
    let ring = file.load()?.ok_or_else(|| file.missing())?;
    let newest = ring.newest().get();
    if status.newest != newest || status.needed != [newest] {
        let why = match status.until {
            None => "the server is sealing secrets anew".to_owned(),
            Some(until) => format!(
                "what is under way in the server may need them until {}; try again then, or stop the server first",
                until.to_rfc3339_millis()
            ),
        };
        return Err(Error::StillNeeded { why });
    }
    let left = if ring.numbers().count() > 1 {
        file.retire(&ring)?
    } else {
        ring
    };
    Ok(left.numbers().map(KeyNumber::get).collect())
}

/// Adds a key to the file of a store that is being served, whose server takes it up; unless a change is under way. Tells
/// which key is the newest then, and whether it was added now.
///
/// # Errors
/// What is wrong with the file.
pub fn rotate_served(file: &KeyFile, status: &Status, entropy: &dyn Entropy) -> Result<(u16, bool), Error> {
    let ring = file.load()?.ok_or_else(|| file.missing())?;
    let newest = ring.newest().get();
    let is_settled = status.newest == newest && status.needed == [newest];
    let ring = if is_settled { file.add(entropy)? } else { ring };
    Ok((ring.newest().get(), is_settled))
}
