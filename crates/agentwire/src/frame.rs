//! Frames: a length, a mark, and a message.
//!
//! Four bytes of length (little endian, of all that follows), one byte of marks, and the message in postcard. A reader that
//! does not know a message passes over it if it is marked as one that may be left unread, and gives up otherwise: what a newer end
//! must be understood in, it must not say to an older one.

use crate::limits::FRAME_BYTES_MAX;
use crate::message::{Message, Unsound};
use std::marker::PhantomData;

/// Bytes of the length.
const LENGTH_BYTES: usize = 4;

/// The mark of a message that may be left unread.
const OPTIONAL: u8 = 1;

/// Why a stream of frames cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It announces more than any frame may have, or less than it needs.
    #[error("a frame of {0} bytes is announced")]
    Length(u32),
    /// What is in it is no message that we know, and it is not one that may be left unread.
    #[error("a message cannot be read")]
    Unknown,
    /// It is marked in a way that has no meaning.
    #[error("a frame is marked with {0:#04x}")]
    Mark(u8),
    /// It says more than one may.
    #[error(transparent)]
    Unsound(#[from] Unsound),
    /// It would be too long.
    #[error("a message is too long to be sent")]
    TooLong,
}

/// Appends a message in its frame.
///
/// # Errors
/// `TooLong`, and then nothing is appended.
pub fn encode<M: Message>(message: &M, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let payload = postcard::to_allocvec(message).map_err(|_| FrameError::TooLong)?;
    let length = payload.len() + 1;
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong);
    }
    let length = u32::try_from(length).map_err(|_| FrameError::TooLong)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.push(if message.may_be_left_unread() { OPTIONAL } else { 0 });
    out.extend_from_slice(&payload);
    Ok(())
}

/// Reads frames out of bytes as they come. After an error it reads nothing more.
#[derive(Debug)]
pub struct Frames<M> {
    /// Never more than a frame and what came with its end.
    held: Vec<u8>,
    /// Where the next frame begins in it.
    at: usize,
    broken: Option<FrameError>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Default for Frames<M> {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            at: 0,
            broken: None,
            message: PhantomData,
        }
    }
}

impl<M: Message> Frames<M> {
    /// Takes the next bytes; [`Frames::take`] is to be asked until it has no more before others come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.held.drain(..self.at);
        self.at = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next message, when all of it is there.
    ///
    /// # Errors
    /// Why nothing more can be read; the same again when asked again.
    pub fn take(&mut self) -> Result<Option<M>, FrameError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let taken = self.read();
        if let Err(error) = &taken {
            self.broken = Some(error.clone());
            self.held = Vec::new();
            self.at = 0;
        }
        taken
    }

    /// Bytes that are held.
    pub fn held_bytes(&self) -> usize {
        self.held.len() - self.at
    }

    fn read(&mut self) -> Result<Option<M>, FrameError> {
        loop {
            let rest = self.held.get(self.at..).unwrap_or_default();
            let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
                return Ok(None);
            };
            let announced = u32::from_le_bytes(*length);
            let length = usize::try_from(announced).unwrap_or(usize::MAX);
            if !(2..=FRAME_BYTES_MAX).contains(&length) {
                return Err(FrameError::Length(announced));
            }
            let Some(frame) = rest.get(..length) else {
                return Ok(None);
            };
            let (mark, payload) = (frame[0], &frame[1..]);
            self.at += LENGTH_BYTES + length;
            if mark & !OPTIONAL != 0 {
                return Err(FrameError::Mark(mark));
            }
            // Bytes behind the message are none of it: a newer end would have said them in a message of their own.
            match postcard::take_from_bytes::<M>(payload) {
                Ok((message, [])) => {
                    message.check()?;
                    return Ok(Some(message));
                }
                Ok(_) | Err(_) if mark & OPTIONAL != 0 => {}
                Ok(_) | Err(_) => return Err(FrameError::Unknown),
            }
        }
    }
}

#[cfg(test)]
mod tests;
