//! Any octets as an MTA's: cut anywhere they are the same commands and the same end, and no more of them
//! is held than the frame that is not complete.
#![no_main]

use dkimd_milter::{
    command::Command,
    frame::{FrameReader, MAX_FRAME},
};
use libfuzzer_sys::fuzz_target;

/// What was understood, one line for each command, the octets of a body joined; and what ended it.
fn read<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<String>) {
    let mut reader = FrameReader::default();
    let (mut commands, mut body) = (Vec::new(), Vec::new());
    for mut rest in parts {
        loop {
            let (used, piece) = match reader.next(rest) {
                Ok((used, Some(piece))) => (used, piece),
                Ok((_, None)) => break,
                Err(error) => return (commands, Some(error.to_string())),
            };
            match Command::read(piece) {
                Ok(Command::Body(octets)) => body.extend_from_slice(octets),
                Ok(Command::Macros(macros)) => {
                    commands.extend(macros.pairs().map(|pair| format!("{pair:?}")));
                }
                Ok(command) => {
                    let body = std::mem::take(&mut body);
                    commands.push(format!("{body:?} {command:?}"));
                }
                Err(error) => return (commands, Some(error.to_string())),
            }
            rest = &rest[used..];
        }
        assert!(reader.held() <= MAX_FRAME + 4);
    }
    (commands, None)
}

fuzz_target!(|octets: &[u8]| {
    if let Some((size, stream)) = octets.split_first() {
        let cut = stream.chunks(usize::from(*size).max(1));
        assert_eq!(read(cut), read(std::iter::once(stream)));
    }
});
