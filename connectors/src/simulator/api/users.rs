//! `GET /helix/users`.

use serde_json::{Value, json};

use super::super::channel::Channel;
use super::super::clock::rfc3339;
use super::super::reply::Reply;
use super::Call;

/// Users by id or login; unknown ones are left out.
pub(super) fn users(call: &Call<'_>) -> Result<Reply, String> {
    let query = call.query;
    if !(1..=100).contains(&(query.all("id").count() + query.all("login").count())) {
        return Err("The parameters \"id\" and \"login\" must have 1 to 100 values together".into());
    }
    let ids = query.all("id").filter_map(|id| call.world.user(id));
    let logins = query.all("login").filter_map(|login| call.world.login(login));
    let data: Vec<Value> = ids.chain(logins).map(|channel| user(channel, call.at)).collect();
    Ok(Reply::json(&json!({ "data": data })))
}

fn user(channel: &Channel, at: i64) -> Value {
    let broadcaster_type = match channel.size {
        size if size > 300.0 => "partner",
        size if size > 5.0 => "affiliate",
        _ => "",
    };
    json!({
        "id": channel.user_id,
        "login": channel.login,
        "display_name": channel.name(at),
        "type": "",
        "broadcaster_type": broadcaster_type,
        "description": "",
        "profile_image_url": format!("https://static-cdn.jtvnw.net/jtv_user_pictures/{}-profile_image-300x300.png", channel.user_id),
        "offline_image_url": "",
        "view_count": 0,
        "created_at": rfc3339(channel.created_at),
    })
}
