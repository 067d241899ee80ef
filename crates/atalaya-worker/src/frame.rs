//! Frames between server and worker: a header of 16 bytes (body length u32, kind u8, three zero bytes, request id u64,
//! little-endian), then the body. The peer is not trusted: a length is checked before and while the body is read.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Longest body of a frame. A batch of 10,000 rows by 1,000 doubles has 80 MB.
pub(crate) const MAX_FRAME_BYTES: usize = 256 << 20;
const HEADER_BYTES: usize = 16;
/// Longest wait of one system call, so that a deadline in the far future is still a legal timeout.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Server: load the model.
    Load = 1,
    /// Server: answer a batch.
    Call = 2,
    /// Server: say that you are there.
    Ping = 3,
    /// Launcher: the sandbox that was reached.
    Sandbox = 16,
    /// Worker: the model is loaded.
    Ready = 17,
    /// Worker: the answer to a call.
    Answer = 18,
    /// Worker or launcher: an error.
    Error = 19,
    /// Worker: the answer to a ping.
    Pong = 20,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        const ALL: [Kind; 8] = [
            Kind::Load,
            Kind::Call,
            Kind::Ping,
            Kind::Sandbox,
            Kind::Ready,
            Kind::Answer,
            Kind::Error,
            Kind::Pong,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) body: Vec<u8>,
}

/// Why no frame came or went.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// The peer has closed its end, between frames or within one.
    Closed,
    /// The deadline has passed.
    Deadline,
    /// The bytes are no frame.
    Garbage(&'static str),
    /// The socket failed otherwise.
    Io(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Deadline,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// The header of a frame.
///
/// # Panics
/// When the body is longer than a frame may be; callers check before.
pub(crate) fn header(kind: Kind, id: u64, body_bytes: usize) -> [u8; HEADER_BYTES] {
    assert!(body_bytes <= MAX_FRAME_BYTES, "bodies are checked before they are sent");
    let mut bytes = [0; HEADER_BYTES];
    let length = u32::try_from(body_bytes).expect("the limit of a frame fits 32 bits");
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4] = kind as u8;
    bytes[8..].copy_from_slice(&id.to_le_bytes());
    bytes
}

/// Kind, id and body length of a header.
fn parse(bytes: [u8; HEADER_BYTES]) -> Result<(Kind, u64, usize), FrameError> {
    let (length, rest) = bytes.split_at(4);
    let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
    let id = u64::from_le_bytes(rest[4..].try_into().expect("eight bytes"));
    let kind = Kind::of(rest[0]).ok_or(FrameError::Garbage("a frame of an unknown kind"))?;
    if rest[1..4] != [0; 3] {
        return Err(FrameError::Garbage("a frame with a damaged header"));
    }
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::Garbage("a frame longer than a frame may be"));
    }
    Ok((kind, id, length))
}

/// Reads one frame, waiting until `deadline` at most.
pub(crate) fn read(socket: &UnixStream, deadline: Instant) -> Result<Frame, FrameError> {
    let mut bytes = [0; HEADER_BYTES];
    fill(socket, &mut bytes, deadline)?;
    let (kind, id, length) = parse(bytes)?;
    // What the header claims is not allocated before the bytes are there.
    const STEP: usize = 1 << 20;
    let mut body = Vec::new();
    while body.len() < length {
        let start = body.len();
        body.resize((start + STEP.max(start)).min(length), 0);
        fill(socket, &mut body[start..], deadline)?;
    }
    Ok(Frame { kind, id, body })
}

/// Writes one frame, waiting until `deadline` at most.
pub(crate) fn write(
    socket: &UnixStream,
    kind: Kind,
    id: u64,
    parts: &[&[u8]],
    deadline: Instant,
) -> Result<(), FrameError> {
    let length = parts.iter().map(|part| part.len()).sum();
    let header = header(kind, id, length);
    for mut part in std::iter::once(&header[..]).chain(parts.iter().copied()) {
        while !part.is_empty() {
            socket.set_write_timeout(Some(remaining(deadline)?))?;
            match (&*socket).write(part) {
                Ok(0) => return Err(FrameError::Closed),
                Ok(count) => part = &part[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn fill(socket: &UnixStream, mut bytes: &mut [u8], deadline: Instant) -> Result<(), FrameError> {
    while !bytes.is_empty() {
        socket.set_read_timeout(Some(remaining(deadline)?))?;
        match (&*socket).read(bytes) {
            Ok(0) => return Err(FrameError::Closed),
            Ok(count) => bytes = &mut bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn remaining(deadline: Instant) -> Result<Duration, FrameError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(FrameError::Deadline);
    }
    // Shorter than a microsecond would mean "for ever" to the system.
    Ok(left.clamp(Duration::from_micros(1), LONGEST_WAIT))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_frame_arrives_as_it_was_sent() {
        let (here, there) = UnixStream::pair().unwrap();
        write(&here, Kind::Answer, u64::MAX, &[b"ab", b"", b"c"], soon()).unwrap();
        let frame = read(&there, soon()).unwrap();
        assert_eq!(
            (frame.kind, frame.id, frame.body),
            (Kind::Answer, u64::MAX, b"abc".to_vec())
        );
    }

    #[test]
    fn half_frames_huge_lengths_and_unknown_kinds_are_told_apart() {
        let sent = |bytes: &[u8]| {
            let (mut here, there) = UnixStream::pair().unwrap();
            here.write_all(bytes).unwrap();
            drop(here);
            read(&there, soon()).unwrap_err()
        };
        assert!(matches!(sent(b""), FrameError::Closed));
        assert!(matches!(sent(&header(Kind::Pong, 1, 5)), FrameError::Closed));
        let mut huge = header(Kind::Answer, 1, 0);
        huge[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(
            sent(&huge),
            FrameError::Garbage("a frame longer than a frame may be")
        ));
        let mut unknown = header(Kind::Answer, 1, 0);
        unknown[4] = 99;
        assert!(matches!(
            sent(&unknown),
            FrameError::Garbage("a frame of an unknown kind")
        ));
    }

    #[test]
    fn a_silent_peer_ends_at_the_deadline() {
        let (_here, there) = UnixStream::pair().unwrap();
        let deadline = Instant::now() + Duration::from_millis(5);
        assert!(matches!(read(&there, deadline), Err(FrameError::Deadline)));
        assert!(matches!(read(&there, Instant::now()), Err(FrameError::Deadline)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_typed_errors(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut here, there) = UnixStream::pair().unwrap();
            here.write_all(&bytes).unwrap();
            drop(here);
            while read(&there, soon()).is_ok() {}
        }
    }
}
