//! Frames on the stream: a length of four bytes, big-endian, and a body of one CBOR record.

use crate::limits::FRAME_BYTES_MAX;

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

/// Puts frames together from pieces of the stream, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    bytes: Vec<u8>,
    /// What of `bytes` has been given out.
    used: usize,
}

/// A frame that is longer than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) usize);

impl FrameReader {
    /// Takes in bytes. What is not yet given out stays, and that is less than a frame once
    /// [`Self::next`] has said that there is none.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.used);
        self.used = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame's body.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let rest = &self.bytes[self.used..];
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(TooLong(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.used + LENGTH_BYTES;
        self.used = start + length;
        Ok(Some(&self.bytes[start..self.used]))
    }
}

/// The frame with a body.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("messages are limited");
    assert!(body.len() <= FRAME_BYTES_MAX, "the limits of the fields keep messages below it");
    [&length.to_be_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_the_stream_is_cut() {
        let bodies: [&[u8]; 4] = [b"one", b"", &[7; 1000], b"x"];
        let stream: Vec<u8> = bodies.iter().flat_map(|body| frame(body)).collect();
        for piece in 1..=stream.len() {
            let (mut reader, mut found) = (FrameReader::default(), Vec::new());
            for bytes in stream.chunks(piece) {
                reader.push(bytes);
                while let Some(body) = reader.next().unwrap() {
                    found.push(body.to_vec());
                }
            }
            assert_eq!(found, bodies);
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_at_once() {
        let mut reader = FrameReader::default();
        reader.push(&[0, 0x10, 0, 0]);
        assert_eq!(reader.next(), Ok(None));
        let mut reader = FrameReader::default();
        reader.push(&[0, 0x10, 0, 1]);
        assert_eq!(reader.next(), Err(TooLong(FRAME_BYTES_MAX + 1)));
    }
}
