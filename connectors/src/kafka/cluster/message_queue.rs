//! The messages of all partitions that a consumer reads, taken many at a time.
//!
//! Of rdkafka's own way to get them each costs allocations and locks of its own. So this asks librdkafka itself, by its batch interface
//! (`rd_kafka_consume_batch_queue`, see `rdkafka.h`).
#![expect(unsafe_code, reason = "rdkafka has no interface for many messages at once")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::watch::Watch;

/// The most messages that are taken at once.
const TOGETHER: usize = 1_000;

/// A queue of messages.
pub(super) struct MessageQueue {
    queue: *mut native::rd_kafka_queue_t,
    /// Messages that were taken and belong to us: those from `next` on to be handed out, the one before it handed out last.
    taken: Vec<*mut native::rd_kafka_message_t>,
    next: usize,
    /// The client that owns what the queue and the messages refer to; lives longer than they.
    consumer: Arc<BaseConsumer<Watch>>,
}

// SAFETY: librdkafka lets any thread use a queue and its messages, and here only the one that has `self` does.
unsafe impl Send for MessageQueue {}

/// What has come of a partition.
#[derive(Clone, Copy)]
pub(super) enum Arrival<'a> {
    /// A record.
    Record(Taken<'a>),
    /// Nothing stands at this place now; every record before it has come.
    End(Taken<'a>),
    /// What is to come next is no longer there.
    Gone(Taken<'a>),
}

/// A message, until the next is taken.
#[derive(Clone, Copy)]
pub(super) struct Taken<'a>(&'a native::rd_kafka_message_t);

impl MessageQueue {
    /// A queue of a consumer, into which nothing flows yet.
    pub(super) fn new(consumer: &Arc<BaseConsumer<Watch>>) -> Self {
        // SAFETY: the client lives: `consumer` holds it.
        let queue = unsafe { native::rd_kafka_queue_new(consumer.client().native_ptr()) };
        Self { queue, taken: Vec::with_capacity(TOGETHER), next: 0, consumer: Arc::clone(consumer) }
    }

    /// Lets the messages of a partition flow here, which must not be assigned yet.
    pub(super) fn adopt(&self, topic: &str, partition: i32) {
        let Ok(topic) = CString::new(topic) else { return };
        // SAFETY: client, queue and name live; the partition's queue is a handle of our own until it is given back, and may be null.
        unsafe {
            let of_partition =
                native::rd_kafka_queue_get_partition(self.consumer.client().native_ptr(), topic.as_ptr(), partition);
            if !of_partition.is_null() {
                native::rd_kafka_queue_forward(of_partition, self.queue);
                native::rd_kafka_queue_destroy(of_partition);
            }
        }
    }

    /// What comes next, or what went wrong; waits for so long if there is nothing.
    pub(super) fn next(&mut self, wait: Duration) -> Option<Result<Arrival<'_>, KafkaError>> {
        if self.next == self.taken.len() {
            self.give_back();
            self.take(wait);
        }
        let message = *self.taken.get(self.next)?;
        self.next += 1;
        // SAFETY: the message is ours until `give_back`, which takes `self` mutably, and so not while the reference lives.
        let message = unsafe { &*message };
        use native::rd_kafka_resp_err_t as Code;
        Some(match message.err {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(Arrival::Record(Taken(message))),
            Code::RD_KAFKA_RESP_ERR__PARTITION_EOF if !message.rkt.is_null() => Ok(Arrival::End(Taken(message))),
            Code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET | Code::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE
                if !message.rkt.is_null() =>
            {
                Ok(Arrival::Gone(Taken(message)))
            }
            Code::RD_KAFKA_RESP_ERR__FATAL => {
                Err(KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::from(message.err)))
            }
            code => Err(KafkaError::MessageConsumption(RDKafkaErrorCode::from(code))),
        })
    }

    /// Waits for one message, and takes those that are there with it.
    fn take(&mut self, wait: Duration) {
        let millis = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        for (least, wait) in [(1, millis), (TOGETHER - 1, 0)] {
            self.taken.reserve(least);
            let free = self.taken.spare_capacity_mut();
            // SAFETY: there is room for `least` pointers. So many as it says are then written, each of a message that is ours.
            unsafe {
                let count = native::rd_kafka_consume_batch_queue(self.queue, wait, free.as_mut_ptr().cast(), least);
                let count = usize::try_from(count).unwrap_or(0);
                self.taken.set_len(self.taken.len() + count);
            }
            if self.taken.is_empty() {
                return;
            }
        }
    }

    /// Gives back all messages that were taken.
    fn give_back(&mut self) {
        self.next = 0;
        for message in self.taken.drain(..) {
            // SAFETY: it is ours, not null, and nobody refers to it.
            unsafe { native::rd_kafka_message_destroy(message) };
        }
    }
}

impl Drop for MessageQueue {
    fn drop(&mut self) {
        self.give_back();
        // SAFETY: the handle is ours; `consumer` is dropped after this, and the client with it at the earliest.
        unsafe { native::rd_kafka_queue_destroy(self.queue) };
    }
}

impl<'a> Taken<'a> {
    /// Whether it is of this topic.
    pub(super) fn is_of(&self, topic: &str) -> bool {
        // SAFETY: a message without error has a topic, and one of another arrival was asked for it; its name lives as long as the message.
        let name = unsafe { CStr::from_ptr(native::rd_kafka_topic_name(self.0.rkt)) };
        name.to_bytes() == topic.as_bytes()
    }

    /// Its partition.
    pub(super) fn partition(&self) -> i32 {
        self.0.partition
    }

    /// Its place in the partition.
    pub(super) fn offset(&self) -> i64 {
        self.0.offset
    }

    /// Its key, if it has one.
    pub(super) fn key(&self) -> Option<&'a [u8]> {
        bytes(self.0.key, self.0.key_len)
    }

    /// Its content; none for a tombstone.
    pub(super) fn payload(&self) -> Option<&'a [u8]> {
        bytes(self.0.payload, self.0.len)
    }

    /// Its time in milliseconds since 1970, if it has one.
    pub(super) fn timestamp(&self) -> Option<i64> {
        let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message lives, and `kind` may be written.
        let millis = unsafe { native::rd_kafka_message_timestamp(self.0, &mut kind) };
        (kind != native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && millis >= 0).then_some(millis)
    }

    /// Its headers.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message lives and keeps the headers, which it only parses now.
        let found = unsafe { native::rd_kafka_message_headers(self.0, &mut headers) };
        let has_any = found == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let header = move |at: usize| {
            let (mut name, mut value, mut size): (*const c_char, *const c_void, usize) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers live as long as the message, 'a; name and value lie in them, the name ends with a zero.
            unsafe {
                let found = native::rd_kafka_header_get_all(headers, at, &mut name, &mut value, &mut size);
                if found != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return None;
                }
                Some((CStr::from_ptr(name).to_str().unwrap_or_default(), bytes(value.cast_mut(), size)))
            }
        };
        (0..).map_while(move |at| if has_any { header(at) } else { None })
    }
}

/// The bytes that a message has at a place; none if there are none, not even of length zero.
fn bytes<'a>(at: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: only called with what fields of a message say, which lives for 'a.
    (!at.is_null()).then(|| unsafe { slice::from_raw_parts(at.cast::<u8>(), length) })
}
