//! Records of a topic and their bytes within a frame.

/// A named value that travels with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name; names may repeat.
    pub name: String,
    /// Its value; `None` is Kafka's null.
    pub value: Option<Vec<u8>>,
}

/// A record to be appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicRecord {
    /// Decides the partition; records without one go round robin.
    pub key: Option<Vec<u8>>,
    /// The content; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// What travels with it.
    pub headers: Vec<Header>,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub timestamp: i64,
}

/// A record of a frame, borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Its place in the partition.
    pub offset: u64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its content; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

/// The length that stands for "absent".
const ABSENT: u32 = u32::MAX;

impl TopicRecord {
    /// Appends the record's bytes: time, key, value and the block of headers, each with its length before it (little endian).
    /// `None` if a part is longer than a length can say.
    pub(super) fn encode(&self, into: &mut Vec<u8>) -> Option<()> {
        into.extend_from_slice(&self.timestamp.to_le_bytes());
        encode_part(self.key.as_deref(), into)?;
        encode_part(self.value.as_deref(), into)?;
        let block = into.len();
        into.extend_from_slice(&[0; 4]);
        for header in &self.headers {
            encode_part(Some(header.name.as_bytes()), into)?;
            encode_part(header.value.as_deref(), into)?;
        }
        let length = u32::try_from(into.len() - block - 4).ok()?;
        into[block..block + 4].copy_from_slice(&length.to_le_bytes());
        Some(())
    }

    /// About how many bytes [`TopicRecord::encode`] writes.
    pub(super) fn size(&self) -> usize {
        let part = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len) + 4;
        let headers: usize = self.headers.iter().map(|header| header.name.len() + 4 + part(&header.value)).sum();
        12 + part(&self.key) + part(&self.value) + headers
    }
}

impl<'a> RecordView<'a> {
    /// Takes one record from the front of `bytes`; `None` if they are not a record.
    pub(super) fn decode(offset: u64, bytes: &mut &'a [u8]) -> Option<Self> {
        let timestamp = i64::from_le_bytes(*take(bytes, 8)?.first_chunk()?);
        let key = decode_part(bytes)?;
        let value = decode_part(bytes)?;
        let headers = decode_part(bytes)??;
        Some(Self { offset, timestamp, key, value, headers })
    }

    /// The headers, in order.
    #[must_use]
    pub fn headers(&self) -> Vec<Header> {
        let mut bytes = self.headers;
        let mut headers = Vec::new();
        while let Some(header) = decode_header(&mut bytes) {
            headers.push(header);
        }
        headers
    }
}

fn decode_header(bytes: &mut &[u8]) -> Option<Header> {
    let name = String::from_utf8_lossy(decode_part(bytes)??).into_owned();
    Some(Header { name, value: decode_part(bytes)?.map(<[u8]>::to_vec) })
}

fn encode_part(part: Option<&[u8]>, into: &mut Vec<u8>) -> Option<()> {
    match part {
        None => into.extend_from_slice(&ABSENT.to_le_bytes()),
        Some(bytes) => {
            let length = u32::try_from(bytes.len()).ok().filter(|length| *length != ABSENT)?;
            into.extend_from_slice(&length.to_le_bytes());
            into.extend_from_slice(bytes);
        }
    }
    Some(())
}

/// The outer `None` is malformed, the inner one is absent.
fn decode_part<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match u32::from_le_bytes(*take(bytes, 4)?.first_chunk()?) {
        ABSENT => Some(None),
        length => take(bytes, length as usize).map(Some),
    }
}

/// Takes `count` bytes from the front.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_bytes_and_no_prefix_of_them_is_one() {
        let record = TopicRecord {
            key: Some(b"k".to_vec()),
            value: None,
            headers: vec![
                Header { name: "a".into(), value: Some(b"1".to_vec()) },
                Header { name: "b".into(), value: None },
            ],
            timestamp: -5,
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes).expect("short parts");
        assert_eq!(bytes.len(), record.size());
        let view = RecordView::decode(7, &mut bytes.as_slice()).expect("whole");
        assert_eq!((view.offset, view.timestamp, view.key, view.value), (7, -5, Some(&b"k"[..]), None));
        assert_eq!(view.headers(), record.headers);
        for length in 0..bytes.len() {
            assert_eq!(RecordView::decode(7, &mut &bytes[..length]), None, "{length}");
        }
    }
}
