//! Capabilities: what root may do, in pieces.

use crate::user::Looking;
use crate::{Error, Needs};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
    set_no_new_privs,
};

/// A right that a process may go on needing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To open packet sockets. Promiscuous mode needs no other (`PACKET_ADD_MEMBERSHIP`).
    CapturePackets,
    /// To listen on the ports that are root's, which are those below 1024 unless the system says otherwise.
    ListenOnLowPorts,
    /// To read and write the files of other users.
    UseFilesOfOthers,
}

impl Right {
    const ALL: [Self; 3] = [Self::CapturePackets, Self::ListenOnLowPorts, Self::UseFilesOfOthers];

    /// What Linux calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CapturePackets => "CAP_NET_RAW",
            Self::ListenOnLowPorts => "CAP_NET_BIND_SERVICE",
            Self::UseFilesOfOthers => "CAP_DAC_OVERRIDE",
        }
    }

    const fn bit(self) -> CapabilitySet {
        match self {
            Self::CapturePackets => CapabilitySet::NET_RAW,
            Self::ListenOnLowPorts => CapabilitySet::NET_BIND_SERVICE,
            Self::UseFilesOfOthers => CapabilitySet::DAC_OVERRIDE,
        }
    }
}

fn bits(rights: &[Right]) -> CapabilitySet {
    rights
        .iter()
        .fold(CapabilitySet::empty(), |bits, right| bits | right.bit())
}

/// Whether this thread may make use of a right.
pub fn holds(right: Right) -> bool {
    capabilities(None).is_ok_and(|now| now.effective.contains(right.bit()))
}

/// What `look` gives when it looks as that user and with these rights alone, which the thread has to have; it is who it was afterwards, with
/// all that it had. Threads that `look` makes stay as it is.
///
/// # Errors
/// When the system does not let go of a right or of who this is, or does not give it back.
pub fn while_holding<T>(needs: &Needs, look: impl FnOnce() -> T) -> Result<T, Error> {
    let before = capabilities(None).map_err(refused("tell which rights there are"))?;
    let mut resting = Resting {
        before,
        as_another: needs.user.as_ref().map(Looking::as_user).transpose()?,
    };
    let held = CapabilitySets {
        effective: bits(&needs.rights) & before.permitted,
        ..before
    };
    set_capabilities(None, held).map_err(refused("rest rights"))?;
    let seen = look();
    resting.end().map_err(refused("take rights up again"))?;
    Ok(seen)
}

/// What comes back, also when who looks panics.
struct Resting {
    before: CapabilitySets,
    as_another: Option<Looking>,
}

impl Resting {
    fn end(&mut self) -> Result<(), Errno> {
        // Who it is first: that decides of rights too.
        drop(self.as_another.take());
        set_capabilities(None, self.before)
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        // Where it failed it was told.
        let _ = self.end();
    }
}

/// Gives up all rights of this thread but those of `needs` that it has. Tells which those are, and whether programs that it would
/// start are bound as well by what no program can change.
pub(crate) fn give_up_all_but(needs: &[Right]) -> Result<(Vec<Right>, bool), Error> {
    let before = capabilities(None).map_err(refused("tell which rights there are"))?;
    let kept: Vec<_> = Right::ALL
        .into_iter()
        .filter(|right| needs.contains(right) && before.permitted.contains(right.bit()))
        .collect();
    let wanted = CapabilitySets {
        effective: bits(&kept),
        permitted: bits(&kept),
        inheritable: CapabilitySet::empty(),
    };
    // This alone binds every program that is started from here on: none gets more than who starts it.
    set_no_new_privs(true).map_err(refused("let no program have more rights"))?;
    let is_sealed = seal(before).is_ok();
    // Older kernels have no such set.
    match clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(refused("hand no right on")(error)),
    }
    match set_capabilities(None, wanted) {
        Ok(()) => {}
        // Who filters the calls of this process from outside may know of no need for this one, having left nothing to give up.
        Err(Errno::PERM) if wanted.permitted.contains(before.permitted) => {}
        Err(error) => return Err(refused("take rights away")(error)),
    }
    let now = capabilities(None).map_err(refused("tell which rights there are"))?;
    if now.permitted != wanted.permitted || !wanted.permitted.contains(now.effective) {
        return Err(Error::Kept);
    }
    Ok((kept, is_sealed))
}

/// Takes from root, and from files with capabilities, what they would give to a program that is started. Only who has `CAP_SETPCAP`
/// may; where nobody starts a program any more it is a second lock on the same door.
fn seal(before: CapabilitySets) -> Result<(), Errno> {
    let changing = CapabilitySet::SETPCAP;
    if !before.permitted.contains(changing) {
        return Err(Errno::PERM);
    }
    let raised = CapabilitySets {
        effective: before.effective | changing,
        ..before
    };
    set_capabilities(None, raised)?;
    set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )?;
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(one) {
            Ok(true) => remove_capability_from_bounding_set(one)?,
            Ok(false) => {}
            // Behind the last that this kernel knows.
            Err(_) => break,
        }
    }
    Ok(())
}

fn refused(doing: &'static str) -> impl Fn(Errno) -> Error {
    move |error| Error::Rights {
        doing,
        source: error.into(),
    }
}
