//! Frames of the milter protocol, cut out of whatever a read brought.
//!
//! A frame is a length (32 bits, network order), a command letter counted in it, and a payload.
//! Whole frames are borrowed from the read buffer; only a frame that a read cut in two is copied.
//! Body octets (`B`, and those inside `E`) are handed on as they come and never kept.

use std::mem;

/// The largest frame, its command letter included. Header fields come whole, in one frame.
pub const MAX_FRAME: usize = 1024 * 1024 + 1;

/// What an incomplete frame's buffer may hold on to between frames.
const KEPT_CAPACITY: usize = 1024;

/// An incomplete frame of no more octets than this is not worth being let go.
const SMALL_FRAME: usize = 4096;

/// Octets of the length field.
const LENGTH: usize = 4;

/// Octets of the length field and the command letter.
const HEAD: usize = LENGTH + 1;

/// Why the stream of frames can't be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame must hold at least its command letter.
    #[error("a frame of no octets")]
    Empty,
    /// More than [`MAX_FRAME`].
    #[error("a frame of {0} octets, more than {MAX_FRAME}")]
    TooLong(usize),
}

/// A part of the conversation, in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole frame that carries no body.
    Command {
        /// Its letter.
        command: u8,
        /// What follows the letter.
        payload: &'a [u8],
    },
    /// Some body octets, never none.
    Body(&'a [u8]),
    /// The end of a `B` frame.
    ChunkEnd,
    /// The end of an `E` frame: the end of the message.
    MessageEnd,
    /// The end of a frame that was not kept, see [`FrameReader::skip`].
    Skipped(u8),
}

/// The rest of a frame that is not kept.
#[derive(Debug)]
struct Streaming {
    left: usize,
    /// Whether it carries body octets, which are handed on.
    body: bool,
    end: Piece<'static>,
}

/// Cuts the stream into pieces; holds at most one incomplete frame.
#[derive(Debug, Default)]
pub struct FrameReader {
    partial: Vec<u8>,
    handed_out: bool,
    streaming: Option<Streaming>,
}

impl FrameReader {
    /// Takes the next piece off the front of `input`; says how many octets were used. `None` means
    /// that all of `input` was used and the piece is not complete.
    pub fn next<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Piece<'a>>), FrameError> {
        if mem::take(&mut self.handed_out) {
            self.partial.clear();
            self.partial.shrink_to(KEPT_CAPACITY);
        }
        if self.streaming.is_some() {
            return Ok(self.stream(input));
        }
        if !self.partial.is_empty() {
            return self.complete(input);
        }
        if input.len() >= LENGTH {
            let length = frame_length(input)?;
            if input.len() >= HEAD && self.begin_body(input[LENGTH], length) {
                let (used, piece) = self.stream(&input[HEAD..]);
                return Ok((HEAD + used, piece));
            }
            if let Some(frame) = input.get(LENGTH..LENGTH + length) {
                return Ok((LENGTH + length, Some(command(frame))));
            }
        }
        self.partial.extend_from_slice(input);
        Ok((input.len(), None))
    }

    /// Octets that are held of an incomplete frame.
    pub fn held(&self) -> usize {
        self.partial.capacity()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_in_frame(&self) -> bool {
        self.streaming.is_some() || (!self.partial.is_empty() && !self.handed_out)
    }

    /// Octets that are still to come and will not be held.
    pub fn passing(&self) -> usize {
        self.streaming
            .as_ref()
            .map_or(0, |streaming| streaming.left)
    }

    /// Lets go of a recipient or a header field that is not complete; the rest of it is passed over.
    /// `false` where another large frame is incomplete, without which nothing can go on.
    pub fn skip(&mut self) -> bool {
        if mem::take(&mut self.handed_out) {
            self.partial = Vec::new();
        }
        if self.partial.len() <= SMALL_FRAME {
            return true;
        }
        let command = self.partial.get(LENGTH).copied();
        let (Some(command @ (b'L' | b'R')), Ok(length)) = (command, frame_length(&self.partial))
        else {
            return false;
        };
        self.streaming = Some(Streaming {
            left: LENGTH + length - self.partial.len(),
            body: false,
            end: Piece::Skipped(command),
        });
        self.partial = Vec::new();
        true
    }

    /// Goes on with a frame that earlier reads began.
    fn complete<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Piece<'a>>), FrameError> {
        let mut used = self.fill(HEAD, input);
        if self.partial.len() < LENGTH {
            return Ok((used, None));
        }
        let length = frame_length(&self.partial)?;
        if self.partial.len() < HEAD {
            return Ok((used, None));
        }
        if self.begin_body(self.partial[LENGTH], length) {
            self.partial.clear();
            let (streamed, piece) = self.stream(&input[used..]);
            return Ok((used + streamed, piece));
        }
        used += self.fill(LENGTH + length, &input[used..]);
        if self.partial.len() < LENGTH + length {
            return Ok((used, None));
        }
        self.handed_out = true;
        Ok((used, Some(command(&self.partial[LENGTH..]))))
    }

    /// Lengthens the incomplete frame towards `wanted` octets.
    fn fill(&mut self, wanted: usize, input: &[u8]) -> usize {
        let taken = wanted.saturating_sub(self.partial.len()).min(input.len());
        let needed = self.partial.len() + taken;
        if needed > self.partial.capacity() {
            // Twice as much, but never more than the frame will need.
            let room = needed.max(2 * self.partial.capacity()).min(wanted);
            self.partial.reserve_exact(room - self.partial.len());
        }
        self.partial.extend_from_slice(&input[..taken]);
        taken
    }

    /// Whether the frame carries body octets, which then are streamed.
    fn begin_body(&mut self, command: u8, length: usize) -> bool {
        let end = match command {
            b'B' => Piece::ChunkEnd,
            b'E' => Piece::MessageEnd,
            _ => return false,
        };
        let left = length - 1;
        self.streaming = Some(Streaming {
            left,
            body: true,
            end,
        });
        true
    }

    fn stream<'a>(&mut self, input: &'a [u8]) -> (usize, Option<Piece<'a>>) {
        let Some(streaming) = &mut self.streaming else {
            return (0, None);
        };
        let octets = &input[..streaming.left.min(input.len())];
        if streaming.body && !octets.is_empty() {
            streaming.left -= octets.len();
            return (octets.len(), Some(Piece::Body(octets)));
        }
        streaming.left -= octets.len();
        let end = (streaming.left == 0).then_some(streaming.end);
        if end.is_some() {
            self.streaming = None;
        }
        (octets.len(), end)
    }
}

fn command(frame: &[u8]) -> Piece<'_> {
    Piece::Command {
        command: frame[0],
        payload: &frame[1..],
    }
}

/// The length that the first four octets announce; `octets` holds at least these.
fn frame_length(octets: &[u8]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]) as usize;
    match length {
        0 => Err(FrameError::Empty),
        1..=MAX_FRAME => Ok(length),
        _ => Err(FrameError::TooLong(length)),
    }
}

/// Appends a frame.
pub fn put(out: &mut Vec<u8>, letter: u8, payload: &[u8]) {
    // What is sent is far smaller than 4 GiB.
    let length = u32::try_from(payload.len() + 1).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(letter);
    out.extend_from_slice(payload);
}

/// A payload of strings, each with its NUL.
pub fn nul_ended<S: AsRef<[u8]>>(parts: &[S]) -> Vec<u8> {
    let mut payload = Vec::new();
    for part in parts {
        payload.extend_from_slice(part.as_ref());
        payload.push(0);
    }
    payload
}

/// The NUL-ended strings of a payload, without their NULs; what follows the last NUL is no string.
pub fn strings(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let end = memchr::memchr(0, rest)?;
        let string = &rest[..end];
        rest = &rest[end + 1..];
        Some(string)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces without borrows; neighbouring body pieces are joined, since cuts fall anywhere.
    #[derive(Clone, Debug, PartialEq, Eq)]
    enum Event {
        Command(u8, Vec<u8>),
        Body(Vec<u8>),
        ChunkEnd,
        MessageEnd,
    }

    fn frame(letter: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        put(&mut frame, letter, payload);
        frame
    }

    fn read<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, FrameError> {
        let mut reader = FrameReader::default();
        let mut events = Vec::new();
        for part in parts {
            let mut rest = part;
            while let (used, Some(piece)) = reader.next(rest)? {
                rest = &rest[used..];
                match (piece, events.last_mut()) {
                    (Piece::Body(octets), Some(Event::Body(body))) => {
                        body.extend_from_slice(octets);
                    }
                    (Piece::Body(octets), _) => events.push(Event::Body(octets.to_vec())),
                    (Piece::Command { command, payload }, _) => {
                        events.push(Event::Command(command, payload.to_vec()));
                    }
                    (Piece::ChunkEnd, _) => events.push(Event::ChunkEnd),
                    (Piece::MessageEnd, _) => events.push(Event::MessageEnd),
                    (Piece::Skipped(command), _) => {
                        events.push(Event::Command(command, b"skipped".to_vec()));
                    }
                }
            }
        }
        Ok(events)
    }

    fn small_message() -> Vec<u8> {
        [
            frame(b'M', b"<a@example.com>\0"),
            frame(b'L', b"From\0 a@example.com\0"),
            frame(b'N', b""),
            frame(b'B', b"first\r\n"),
            frame(b'B', b""),
            frame(b'E', b"last\r\n"),
            frame(b'A', b""),
        ]
        .concat()
    }

    #[test]
    fn a_stream_cut_at_any_octet_gives_the_same_events() {
        let stream = small_message();
        let whole = read([stream.as_slice()]).unwrap();
        assert_eq!(whole.len(), 9);
        for cut in 0..stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(read([first, second]).unwrap(), whole, "cut at {cut}");
        }
        assert_eq!(read(stream.chunks(1)).unwrap(), whole);
    }

    #[test]
    fn data_inside_the_end_of_the_body_comes_before_the_end() {
        assert_eq!(
            read([frame(b'E', b"tail").as_slice()]).unwrap(),
            [Event::Body(b"tail".to_vec()), Event::MessageEnd]
        );
    }

    #[test]
    fn body_octets_are_handed_on_before_their_frame_is_complete() {
        let frame = frame(b'B', &[b'x'; 1000]);
        let mut reader = FrameReader::default();
        let (used, piece) = reader.next(&frame[..10]).unwrap();
        assert_eq!((used, piece), (10, Some(Piece::Body(b"xxxxx"))));
    }

    #[test]
    fn a_frame_of_no_octets_is_an_error_at_once() {
        assert_eq!(read([[0, 0, 0, 0].as_slice()]), Err(FrameError::Empty));
    }

    #[test]
    fn an_oversize_frame_is_an_error_before_its_payload_comes() {
        let length = u32::try_from(MAX_FRAME).unwrap();
        assert_eq!(read([length.to_be_bytes().as_slice()]), Ok(vec![]));
        assert_eq!(
            read([(length + 1).to_be_bytes().as_slice()]),
            Err(FrameError::TooLong(MAX_FRAME + 1))
        );
    }

    #[test]
    fn a_header_field_of_a_megabyte_passes_and_its_buffer_is_given_back() {
        let stream = frame(b'L', &vec![b'h'; MAX_FRAME - 1]);
        let mut reader = FrameReader::default();
        let mut seen = 0;
        for part in stream.chunks(65_536) {
            if let (_, Some(Piece::Command { payload, .. })) = reader.next(part).unwrap() {
                seen = payload.len();
            }
        }
        assert_eq!(seen, MAX_FRAME - 1);
        reader.next(&[]).unwrap();
        assert!(reader.partial.capacity() <= KEPT_CAPACITY);
    }

    #[test]
    fn strings_end_with_nul() {
        let all: Vec<_> = strings(b"i\0ABC\0\0left").collect();
        assert_eq!(all, [b"i".as_slice(), b"ABC", b""]);
    }

    #[test]
    fn a_field_can_be_let_go_in_its_middle_and_the_next_frame_is_found() {
        let long = frame(b'L', &[b'x'; 100_000]);
        let stream = [long.as_slice(), &frame(b'N', b"")].concat();
        for cut in [SMALL_FRAME + 1, 70_000, long.len() - 1] {
            let mut reader = FrameReader::default();
            assert_eq!(reader.next(&stream[..cut]), Ok((cut, None)));
            assert!(reader.held() >= cut && reader.held() <= long.len());
            assert!(reader.skip());
            assert_eq!((reader.held(), reader.passing()), (0, long.len() - cut));
            let (used, piece) = reader.next(&stream[cut..]).unwrap();
            assert_eq!(
                (used, piece),
                (long.len() - cut, Some(Piece::Skipped(b'L')))
            );
            let (_, piece) = reader.next(&stream[cut + used..]).unwrap();
            let payload = &[][..];
            assert_eq!(
                piece,
                Some(Piece::Command {
                    command: b'N',
                    payload
                })
            );
        }
    }

    #[test]
    fn what_nothing_can_go_on_without_is_not_let_go_and_small_frames_stay() {
        for (command, octets, let_go) in [
            (b'D', 100_000, false),
            (b'M', 100_000, false),
            (b'R', 100_000, true),
            (b'D', 1000, true),
        ] {
            let frame = frame(command, &vec![b'x'; octets]);
            let mut reader = FrameReader::default();
            reader.next(&frame[..octets]).unwrap();
            assert_eq!(reader.skip(), let_go, "{}", char::from(command));
            assert_eq!(reader.held() == 0, command == b'R');
        }
    }

    proptest! {
        #[test]
        fn any_frames_cut_anywhere_give_the_same_events(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
            cuts in prop::collection::vec(1_usize..9, 1..200),
        ) {
            let stream: Vec<u8> = frames.iter().flat_map(|(c, p)| frame(*c, p)).collect();
            let mut parts = Vec::new();
            let mut rest = stream.as_slice();
            for size in cuts {
                let (part, left) = rest.split_at(size.min(rest.len()));
                parts.push(part);
                rest = left;
            }
            parts.push(rest);
            prop_assert_eq!(read(parts).unwrap(), read([stream.as_slice()]).unwrap());
        }
    }
}
