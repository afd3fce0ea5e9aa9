//! What a fault makes of a right reply.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::cursor::without_after;
use super::fault::Fault;
use super::reply::Reply;

/// The reply as the fault leaves it. Faults of the connection or of the coding leave its text alone.
pub(super) fn distort(reply: Reply, fault: Fault) -> Reply {
    match fault {
        Fault::ServerError => Reply::helix(StatusCode::INTERNAL_SERVER_ERROR, ""),
        Fault::Unavailable => Reply::helix(StatusCode::SERVICE_UNAVAILABLE, ""),
        Fault::HtmlGateway => Reply {
            status: StatusCode::BAD_GATEWAY,
            body: "<html><head><title>502 Bad Gateway</title></head><body>upstream</body></html>".into(),
        },
        Fault::InvalidCursor => Reply::bad_request("invalid cursor"),
        Fault::EmptyData => Reply::json(&json!({ "data": [], "pagination": {} })),
        Fault::TruncatedJson => {
            let half = (0..=reply.body.len() / 2).rev().find(|at| reply.body.is_char_boundary(*at)).unwrap_or(0);
            Reply { status: reply.status, body: reply.body[..half].to_owned() }
        }
        Fault::EmptyCursor => without_way_onward(reply),
        Fault::NullTags | Fault::ExtraField | Fault::TextViewerCount => bend(reply, fault),
        Fault::Cut
        | Fault::Reset
        | Fault::Slow(_)
        | Fault::FalseTooMany
        | Fault::Unauthorized
        | Fault::LoopCursor
        | Fault::Gzip
        | Fault::Chunked => reply,
    }
}

/// Changes the streams of a page.
fn bend(reply: Reply, fault: Fault) -> Reply {
    let Ok(mut page) = serde_json::from_str::<Value>(&reply.body) else { return reply };
    let streams = page.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten();
    for (place, stream) in streams.filter_map(Value::as_object_mut).enumerate() {
        match fault {
            Fault::NullTags => {
                stream.insert("tags".into(), Value::Null);
                stream.insert("tag_ids".into(), Value::Null);
            }
            Fault::ExtraField => {
                stream.insert("a_new_field".into(), json!({ "deep": [1, null] }));
            }
            _ if place == 0 => {
                stream.insert("viewer_count".into(), json!("many"));
            }
            _ => {}
        }
    }
    Reply::json(&page)
}

/// Empties the inner cursor of a page.
fn without_way_onward(reply: Reply) -> Reply {
    let Ok(mut page) = serde_json::from_str::<Value>(&reply.body) else { return reply };
    match page.pointer_mut("/pagination/cursor") {
        Some(cursor) => *cursor = json!(cursor.as_str().and_then(without_after)),
        None => return reply,
    }
    Reply::json(&page)
}
