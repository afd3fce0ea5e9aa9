//! Replies: JSON with a status, Helix's errors, and a reply that breaks off.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
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
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        response
    }
}

/// A 200 whose body breaks off: the server closes the connection after the first bytes.
pub(super) fn broken() -> Response {
    Response::new(Body::new(Breaking { first: Some(Bytes::from_static(b"{\"data\":[")) }))
}

/// A body that fails after its first bytes.
struct Breaking {
    first: Option<Bytes>,
}

impl HttpBody for Breaking {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let next = self.first.take().map(Frame::data).ok_or_else(|| std::io::ErrorKind::ConnectionReset.into());
        Poll::Ready(Some(next))
    }
}
