//! Frames: what crosses a control socket in one piece, its length in four bytes (the highest first), then its JSON.
//!
//! A length is the sender's word: it is believed up to a bound, and room is only made for what has arrived.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::ControlError;
use super::protocol::SOCKET;
use crate::files::FileError;
pub use crate::limits::control::{MAX_FRAME, UNREAD};

/// Bytes of a length.
const LENGTH: usize = 4;

/// A value as a frame.
///
/// # Errors
/// [`ControlError::TooLarge`]; [`ControlError::Garbage`] if the value has no JSON form.
pub fn encode(value: &impl Serialize) -> Result<Vec<u8>, ControlError> {
    let mut frame = vec![0; LENGTH];
    serde_json::to_writer(&mut frame, value).map_err(|error| ControlError::garbage(&error))?;
    let bytes = frame.len() - LENGTH;
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= MAX_FRAME);
    let length = length.ok_or(ControlError::TooLarge { bytes })?;
    frame[..LENGTH].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

/// Reads a frame's JSON; none if the sender ended before one began.
///
/// # Errors
/// [`ControlError::Garbage`] for a length that no frame has, [`ControlError::HungUp`] in the midst of one.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>, ControlError> {
    let mut length = Vec::with_capacity(LENGTH);
    take(from, LENGTH, &mut length).await?;
    let length: [u8; LENGTH] = match length.try_into() {
        Ok(length) => length,
        Err(begun) if begun.is_empty() => return Ok(None),
        Err(_) => return Err(ControlError::HungUp),
    };
    let bytes = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if bytes > MAX_FRAME {
        let reason = format!("a frame of {bytes} bytes, and none has more than {MAX_FRAME}");
        return Err(ControlError::Garbage { reason });
    }
    // It grows with what arrives, whatever the length says.
    let mut json = Vec::new();
    take(from, bytes, &mut json).await?;
    if json.len() < bytes {
        return Err(ControlError::HungUp);
    }
    Ok(Some(json))
}

/// Reads so many bytes, fewer if there are no more.
async fn take(
    from: &mut (impl AsyncRead + Unpin),
    count: usize,
    into: &mut Vec<u8>,
) -> Result<(), ControlError> {
    let mut limited = from.take(count as u64);
    match limited.read_to_end(into).await {
        Ok(_) => Ok(()),
        Err(error) if is_over(&error) => Err(ControlError::HungUp),
        Err(source) => Err(FileError::at("read from", SOCKET.as_ref())(source).into()),
    }
}

/// Writes a frame.
///
/// # Errors
/// [`ControlError::HungUp`] if nobody reads it any more, [`ControlError::Unread`] if nobody has for [`UNREAD`].
pub async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Result<(), ControlError> {
    let mut rest = frame;
    while !rest.is_empty() {
        let taken = match timeout(UNREAD, to.write(rest)).await {
            Ok(Ok(0)) => return Err(ControlError::HungUp),
            Ok(Ok(taken)) => taken,
            Ok(Err(error)) if is_over(&error) => return Err(ControlError::HungUp),
            Ok(Err(error)) => return Err(FileError::at("write to", SOCKET.as_ref())(error).into()),
            Err(_) => return Err(ControlError::Unread { limit: UNREAD }),
        };
        rest = &rest[taken..];
    }
    Ok(())
}

fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, ControlError> {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().expect("a runtime");
        runtime.block_on(async {
            let mut from = bytes;
            let mut frames = Vec::new();
            while let Some(frame) = read(&mut from).await? {
                frames.push(frame);
            }
            Ok(frames)
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(values in prop::collection::vec(".{0,200}", 0..5)) {
            let mut bytes = Vec::new();
            for value in &values {
                bytes.extend(encode(value).expect("a frame"));
            }
            let frames = read_all(&bytes).expect("frames");
            let read: Vec<String> = frames
                .iter()
                .map(|frame| serde_json::from_slice(frame).expect("a string"))
                .collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn arbitrary_bytes_are_frames_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            match read_all(&bytes) {
                Ok(frames) => {
                    let taken: usize = frames.iter().map(|frame| frame.len() + LENGTH).sum();
                    prop_assert_eq!(taken, bytes.len());
                }
                Err(ControlError::Garbage { .. } | ControlError::HungUp) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }

        #[test]
        fn a_frame_cut_anywhere_is_no_frame(value in ".{0,100}", at in any::<prop::sample::Index>()) {
            let frame = encode(&value).expect("a frame");
            let cut = at.index(frame.len());
            match read_all(&frame[..cut]) {
                Ok(frames) => prop_assert!(cut == 0 && frames.is_empty()),
                Err(ControlError::HungUp) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }

    /// Says that 16 MiB follow, and sends a few bytes of them at a time.
    struct Boaster {
        sent: usize,
        most_room: usize,
    }

    impl AsyncRead for Boaster {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            into: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            self.most_room = self.most_room.max(into.remaining());
            let length = u32::try_from(MAX_FRAME).expect("it fits").to_be_bytes();
            match self.sent {
                0 => into.put_slice(&length),
                1..=10 => into.put_slice(b"0123456789"),
                _ => {}
            }
            self.sent += 1;
            std::task::Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn room_is_made_for_what_arrives_and_not_for_what_is_promised() {
        let mut boaster = Boaster {
            sent: 0,
            most_room: 0,
        };
        assert!(matches!(
            read(&mut boaster).await,
            Err(ControlError::HungUp)
        ));
        assert!(boaster.most_room < 4_096, "{}", boaster.most_room);
    }

    #[tokio::test]
    async fn a_longer_frame_than_may_be_is_refused_at_its_length() {
        for length in [u32::MAX, MAX_FRAME as u32 + 1] {
            let bytes = length.to_be_bytes();
            assert!(matches!(
                read(&mut &bytes[..]).await,
                Err(ControlError::Garbage { .. })
            ));
        }
        let long = "x".repeat(MAX_FRAME);
        assert!(matches!(encode(&long), Err(ControlError::TooLarge { .. })));
        let frame = encode(&"x".repeat(MAX_FRAME - 2)).expect("a frame");
        let read = read(&mut &frame[..]).await.expect("a frame");
        assert_eq!(read.map(|json| json.len()), Some(MAX_FRAME));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_is_read_slowly_crosses_and_one_that_is_not_read_is_given_up() {
        let frame = encode(&"x".repeat(1_000)).expect("a frame");
        let (mut near, mut far) = tokio::io::duplex(100);
        let reader = async {
            let mut read = Vec::<u8>::new();
            while read.len() < frame.len() {
                tokio::time::sleep(UNREAD / 2).await;
                let mut some = [0; 100];
                let count = far.read(&mut some).await.expect("read");
                read.extend(&some[..count]);
            }
            read
        };
        let (written, read) = tokio::join!(write(&mut near, &frame), reader);
        assert!(written.is_ok() && read == frame);
        // The other end is there, and reads nothing.
        let given_up = write(&mut near, &frame).await;
        assert!(matches!(given_up, Err(ControlError::Unread { .. })));
        drop(far);
    }
}
