//! Replies: JSON with a status, whole, in chunks or packed; Helix's errors; and a reply that breaks off.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::Frame;
use serde::Serialize;

/// A status and a JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

impl Reply {
    /// 200 with a body.
    pub(super) fn json(body: &impl Serialize) -> Self {
        Self::with(StatusCode::OK, body)
    }

    pub(super) fn with(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).unwrap_or_else(|error| format!("{{\"message\":\"{error}\"}}"));
        Self { status, body }
    }

    /// An error as Helix words it.
    pub(super) fn helix(status: StatusCode, message: &str) -> Self {
        let error = status.canonical_reason().unwrap_or_default();
        Self::with(status, &serde_json::json!({ "error": error, "status": status.as_u16(), "message": message }))
    }

    /// 400 as Helix words it.
    pub(super) fn bad_request(message: &str) -> Self {
        Self::helix(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn into_response(self) -> Response {
        respond(self.status, Body::from(self.body))
    }

    /// The body in pieces, without a `Content-Length`.
    pub(super) fn into_chunked(self) -> Response {
        respond(self.status, Body::new(Pieces { left: Bytes::from(self.body), end: Ending::Whole }))
    }

    /// The body packed with gzip.
    pub(super) fn into_gzip(self) -> Response {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        match packer.write_all(self.body.as_bytes()).and_then(|()| packer.finish()) {
            Ok(packed) => {
                let mut response = respond(self.status, Body::from(packed));
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                response
            }
            Err(_) => self.into_response(),
        }
    }
}

fn respond(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

/// A 200 whose body breaks off: the server closes the connection after the first bytes.
pub(super) fn broken() -> Response {
    Response::new(Body::new(Pieces { left: Bytes::from_static(b"{\"data\":["), end: Ending::Broken { told: false } }))
}

/// The most bytes of one piece: odd, so that pieces end within characters and numbers.
const PIECE: usize = 1021;

/// A body that is sent piece by piece.
struct Pieces {
    left: Bytes,
    end: Ending,
}

/// What follows the last piece.
enum Ending {
    Whole,
    /// `told`: what came before is on its way.
    Broken {
        told: bool,
    },
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let size = self.left.len().min(PIECE);
        Poll::Ready(match (size, &mut self.end) {
            (0, Ending::Whole) => None,
            (0, Ending::Broken { told: true }) => Some(Err(std::io::ErrorKind::ConnectionReset.into())),
            (0, Ending::Broken { told }) => {
                // The server sends what it has only when it must wait for more.
                *told = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => Some(Ok(Frame::data(self.left.split_to(size)))),
        })
    }
}
