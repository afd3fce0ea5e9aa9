//! One frame of a partition's file: a checksum over some consecutive records.
//!
//! ```text
//! file   = "FCTOPIC1" salt:u64 frame*
//! frame  = "FCfr" length:u32 crc32c:u32 body[length]
//! body   = first_offset:u64 count:u32 mark record[count]
//! mark   = 0:u8 | 1:u8 epoch_mark | 2:u8 epoch_mark digest:hex[32]
//! epoch_mark = writer_length:u16 writer epoch:u64 parts:u32 partitions:u32
//! ```
//! Marks without a digest are from earlier versions. Numbers are little endian. The checksum covers salt, length and body: bytes that were copied from another log into a
//! record can never pass for a frame of this one.

use engine::connector::Mark;
use engine::digest::Digest;

use super::record::{RecordView, TopicRecord, take};

/// What every file begins with.
pub(super) const FILE_MAGIC: &[u8; 8] = b"FCTOPIC1";
/// Bytes before the first frame.
pub(super) const FILE_HEADER: usize = 16;
/// What every frame begins with.
pub(super) const FRAME_MAGIC: &[u8; 4] = b"FCfr";
/// Bytes of a frame before its body.
pub(super) const FRAME_HEADER: usize = 12;
/// The largest body.
pub(super) const BODY_MAX: usize = 1 << 30;
/// The smallest body.
const BODY_MIN: usize = 13;
/// Bytes of a digest.
const DIGEST_LENGTH: usize = 32;

/// Says that a frame is one partition's share of an epoch that a sink has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochMark {
    /// Who committed it.
    pub writer: String,
    /// The epoch.
    pub epoch: u64,
    /// How many partitions hold a share of it.
    pub parts: u32,
    /// How many partitions the topic had.
    pub partitions: u32,
    /// Of all rows that the writer has in the topic after the epoch.
    pub digest: Digest,
}

impl EpochMark {
    /// What it says of the writer's rows.
    pub(crate) fn to_mark(&self) -> Mark {
        Mark { epoch: self.epoch, digest: self.digest }
    }
}

/// A frame whose checksum was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The offset of its first record.
    pub first: u64,
    /// How many records it has.
    pub count: u32,
    /// Set if a sink's epoch wrote it.
    pub mark: Option<EpochMark>,
    records: Vec<u8>,
}

impl Frame {
    /// The offset after its last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// Its records, in order. Ends early if the bytes are not records, which a right checksum rules out.
    pub fn records(&self) -> impl Iterator<Item = RecordView<'_>> {
        let mut bytes = self.records.as_slice();
        (0..u64::from(self.count)).map_while(move |index| RecordView::decode(self.first + index, &mut bytes))
    }

    /// The bytes of its records.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.records
    }

    /// Reads a body whose checksum was right; `None` if it is no frame all the same.
    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let mut rest = body;
        let (first, count) = decode_range(take(&mut rest, 12)?)?;
        let mark = match take(&mut rest, 1)? {
            [0] => None,
            [1] => Some(decode_mark(&mut rest)?),
            [2] => {
                let mark = decode_mark(&mut rest)?;
                Some(EpochMark { digest: decode_digest(&mut rest)?, ..mark })
            }
            _ => return None,
        };
        first.checked_add(u64::from(count))?;
        Some(Self { first, count, mark, records: rest.to_vec() })
    }
}

/// First offset and count, from the first 12 bytes of a body.
pub(super) fn decode_range(bytes: &[u8]) -> Option<(u64, u32)> {
    let first = u64::from_le_bytes(*bytes.first_chunk()?);
    let count = u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    Some((first, count))
}

fn decode_mark(rest: &mut &[u8]) -> Option<EpochMark> {
    let length = u16::from_le_bytes(*take(rest, 2)?.first_chunk()?);
    let writer = std::str::from_utf8(take(rest, usize::from(length))?).ok()?.to_owned();
    let epoch = u64::from_le_bytes(*take(rest, 8)?.first_chunk()?);
    let parts = u32::from_le_bytes(*take(rest, 4)?.first_chunk()?);
    let partitions = u32::from_le_bytes(*take(rest, 4)?.first_chunk()?);
    Some(EpochMark { writer, epoch, parts, partitions, digest: Digest::default() })
}

fn decode_digest(rest: &mut &[u8]) -> Option<Digest> {
    std::str::from_utf8(take(rest, DIGEST_LENGTH)?).ok()?.parse().ok()
}

/// The bytes of a frame; `None` if they would be too many.
pub(super) fn encode_frame(
    salt: u64,
    first: u64,
    mark: Option<&EpochMark>,
    records: &[&TopicRecord],
) -> Option<Vec<u8>> {
    let size: usize = records.iter().map(|record| record.size()).sum();
    let mut bytes = Vec::with_capacity(FRAME_HEADER + 64 + size);
    bytes.extend_from_slice(FRAME_MAGIC);
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(records.len()).ok()?.to_le_bytes());
    match mark {
        None => bytes.push(0),
        Some(mark) => {
            bytes.push(2);
            bytes.extend_from_slice(&u16::try_from(mark.writer.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(mark.writer.as_bytes());
            bytes.extend_from_slice(&mark.epoch.to_le_bytes());
            bytes.extend_from_slice(&mark.parts.to_le_bytes());
            bytes.extend_from_slice(&mark.partitions.to_le_bytes());
            bytes.extend_from_slice(mark.digest.to_string().as_bytes());
        }
    }
    for record in records {
        record.encode(&mut bytes)?;
    }
    let length = bytes.len() - FRAME_HEADER;
    if length > BODY_MAX {
        return None;
    }
    bytes[4..8].copy_from_slice(&(length as u32).to_le_bytes());
    let sum = checksum(salt, &bytes[FRAME_HEADER..]);
    bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    Some(bytes)
}

/// What the 12 bytes before a body say.
#[derive(Clone, Copy)]
pub(super) struct FrameHeader {
    /// Bytes of the body.
    pub(super) length: usize,
    sum: u32,
}

impl FrameHeader {
    /// `None` if the bytes cannot begin a frame.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(FRAME_MAGIC)?;
        let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
        let sum = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?);
        (BODY_MIN..=BODY_MAX).contains(&length).then_some(Self { length, sum })
    }

    /// Whether this is the body that the header speaks of.
    pub(super) fn fits(&self, salt: u64, body: &[u8]) -> bool {
        body.len() == self.length && checksum(salt, body) == self.sum
    }
}

fn checksum(salt: u64, body: &[u8]) -> u32 {
    let seed = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &(body.len() as u32).to_le_bytes());
    crc32c::crc32c_append(seed, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_keep_their_digest_and_those_of_earlier_versions_are_read_too() {
        let mut digest = Digest::default();
        digest.add(b"a row", 1);
        let mark = EpochMark { writer: "w".into(), epoch: 3, parts: 1, partitions: 2, digest };
        let record = TopicRecord { value: Some(b"v".to_vec()), ..TopicRecord::default() };
        let bytes = encode_frame(1, 0, Some(&mark), &[&record]).expect("small");
        let body = &bytes[FRAME_HEADER..];
        assert_eq!(Frame::decode(body).expect("a frame").mark, Some(mark.clone()));
        let at =
            body.windows(DIGEST_LENGTH).position(|part| part == digest.to_string().as_bytes()).expect("it is there");
        let mut earlier = [&body[..at], &body[at + DIGEST_LENGTH..]].concat();
        earlier[12] = 1;
        let read = Frame::decode(&earlier).expect("a frame");
        assert_eq!(read.mark, Some(EpochMark { digest: Digest::default(), ..mark }));
        assert_eq!(read.records().next().expect("a record").value, Some(&b"v"[..]));
    }
}
