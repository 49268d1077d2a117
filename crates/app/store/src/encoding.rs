//! How numbers and byte strings are written: big-endian, lengths as LEB128 in their shortest form.

use crate::chunk::{CHUNK_ID_BYTES, ChunkId};

/// Longest LEB128 of a `u64`.
const VARINT_BYTES_MAX: usize = 10;

/// Appends a number as LEB128.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How long a number is as LEB128.
pub(crate) const fn varint_bytes(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    if bits == 0 { 1 } else { bits.div_ceil(7) as usize }
}

/// Appends a byte string with its length before it.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what was written so. Every failure says what is wrong.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

/// Why bytes are not what they should be.
pub(crate) type Malformed = &'static str;

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("it ends too early")?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn chunk_id(&mut self) -> Result<ChunkId, Malformed> {
        Ok(ChunkId(self.array::<CHUNK_ID_BYTES>()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for index in 0..VARINT_BYTES_MAX {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if index == VARINT_BYTES_MAX - 1 && part > 1 {
                return Err("a number is too large");
            }
            value |= part << (7 * index);
            if byte & 0x80 == 0 {
                let shortest = index == 0 || byte != 0;
                return if shortest {
                    Ok(value)
                } else {
                    Err("a number is not in its shortest form")
                };
            }
        }
        Err("a number does not end")
    }

    pub(crate) fn bytes(&mut self, count_max: usize) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(self.varint()?).map_err(|_| "a length is too large")?;
        if count > count_max {
            return Err("a length is too large");
        }
        self.take(count)
    }

    pub(crate) fn magic(&mut self, magic: &[u8; 4]) -> Result<(), Malformed> {
        let found = self.array::<4>()?;
        if found == *magic { Ok(()) } else { Err("it does not begin with its mark") }
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err("something follows its end") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written_and_in_no_other_form() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_bytes(value));
            let mut reader = Reader(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.end(), Ok(()));
        }
        for bytes in [&[0x80_u8, 0][..], &[0x80], &[0xff; 11], &[0xff; 10], &[]] {
            assert!(Reader(bytes).varint().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_length_beyond_the_limit_or_the_end_is_an_error() {
        let mut out = Vec::new();
        put_bytes(&mut out, b"abcd");
        assert_eq!(Reader(&out).bytes(4), Ok(&b"abcd"[..]));
        assert!(Reader(&out).bytes(3).is_err());
        assert!(Reader(&out[..4]).bytes(4).is_err());
        let mut huge = Vec::new();
        put_varint(&mut huge, u64::MAX);
        assert!(Reader(&huge).bytes(usize::MAX).is_err());
    }
}
