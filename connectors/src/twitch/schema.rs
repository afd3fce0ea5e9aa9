//! The columns of a stream and those that come with it.

use engine::connector::{MetadataColumn, MetadataOrigin};
use engine::schema::{Column, ColumnType, Schema};

/// A stream object of `GET /helix/streams` (<https://dev.twitch.tv/docs/api/reference/#get-streams>). `tag_ids` and `is_mature` are deprecated
/// and may one day be missing; `tags` is sometimes null.
pub(super) fn stream() -> Schema {
    let text = |name| Column::new(name, ColumnType::String);
    let list = |name| Column::nullable(name, ColumnType::List(Box::new(ColumnType::String)));
    Schema::new(vec![
        text("id"),
        text("user_id"),
        text("user_login"),
        text("user_name"),
        text("game_id"),
        text("game_name"),
        text("type"),
        text("title"),
        Column::new("viewer_count", ColumnType::Int),
        Column::new("started_at", ColumnType::Timestamp),
        text("language"),
        text("thumbnail_url"),
        list("tag_ids"),
        list("tags"),
        Column::nullable("is_mature", ColumnType::Bool),
    ])
}

/// `_poll` counts polls from 1, `_polled_at` is when the poll began, `_rank` counts the rows of a poll from 1 in the order received, and
/// `_poll_end` marks the last row of a poll: true if the poll is complete, false if it is not, null on all other rows.
pub(super) fn metadata() -> Vec<MetadataColumn> {
    let column = |name, column_type, origin| MetadataColumn { column: Column::new(name, column_type), origin };
    vec![
        column("_poll", ColumnType::Int, MetadataOrigin::Record(0)),
        column("_polled_at", ColumnType::Timestamp, MetadataOrigin::Record(1)),
        column("_rank", ColumnType::Int, MetadataOrigin::Record(2)),
        column("_partition", ColumnType::String, MetadataOrigin::Partition(0)),
        column("_offset", ColumnType::Int, MetadataOrigin::Offset),
        column("_timestamp", ColumnType::Timestamp, MetadataOrigin::Record(3)),
        MetadataColumn { column: Column::nullable("_poll_end", ColumnType::Bool), origin: MetadataOrigin::Record(4) },
    ]
}
