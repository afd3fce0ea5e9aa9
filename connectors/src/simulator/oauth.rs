//! Tokens: the client-credentials grant, validation, revocation; bodies as <https://id.twitch.tv/oauth2> words them.

use std::collections::HashMap;

use axum::http::StatusCode;
use serde_json::json;

use super::options::SimulatorClient;
use super::query::Query;
use super::random::{Purpose, Random};
use super::reply::Reply;

/// All tokens that were given out.
#[derive(Debug)]
pub(super) struct Tokens {
    clients: Vec<SimulatorClient>,
    lifetime: i64,
    random: Random,
    issued: u64,
    live: HashMap<String, Grant>,
}

#[derive(Clone, Debug)]
struct Grant {
    client: String,
    expires: i64,
}

impl Tokens {
    pub(super) fn new(seed: u64, clients: Vec<SimulatorClient>, lifetime: i64) -> Self {
        Self { clients, lifetime, random: Random::new(seed), issued: 0, live: HashMap::new() }
    }

    pub(super) fn issued(&self) -> u64 {
        self.issued
    }

    /// `POST /oauth2/token`.
    pub(super) fn issue(&mut self, form: &Query, now: i64) -> Reply {
        let refuse = |status: StatusCode, message: &str| {
            Reply::with(status, &json!({ "status": status.as_u16(), "message": message }))
        };
        let (Some(id), Some(secret)) = (form.one("client_id"), form.one("client_secret")) else {
            let missing = if form.one("client_id").is_none() { "missing client id" } else { "missing client secret" };
            return refuse(StatusCode::BAD_REQUEST, missing);
        };
        match form.one("grant_type") {
            Some("client_credentials") => {}
            None => return refuse(StatusCode::BAD_REQUEST, "missing grant type"),
            Some(_) => return refuse(StatusCode::BAD_REQUEST, "Invalid grant type"),
        }
        if !self.clients.is_empty() {
            match self.clients.iter().find(|client| client.id == id) {
                None => return refuse(StatusCode::BAD_REQUEST, "invalid client"),
                Some(client) if client.secret != secret => {
                    return refuse(StatusCode::FORBIDDEN, "invalid client secret");
                }
                Some(_) => {}
            }
        }
        self.issued += 1;
        let half = |part| self.random.draw(Purpose::Token, self.issued, part).bits();
        let token: String = format!("{:016x}{:016x}", half(0), half(1)).chars().take(30).collect();
        self.live.retain(|_, grant| grant.expires > now);
        self.live.insert(token.clone(), Grant { client: id.to_owned(), expires: now + self.lifetime });
        Reply::json(&json!({ "access_token": token, "expires_in": self.lifetime, "token_type": "bearer" }))
    }

    /// `GET /oauth2/validate`.
    pub(super) fn validate(&self, authorization: Option<&str>, now: i64) -> Reply {
        let token =
            authorization.and_then(|value| value.strip_prefix("OAuth ").or_else(|| value.strip_prefix("Bearer ")));
        match token.and_then(|token| self.grant(token, now)) {
            Some(grant) => {
                Reply::json(&json!({ "client_id": grant.client, "scopes": [], "expires_in": grant.expires - now }))
            }
            None => Reply::with(StatusCode::UNAUTHORIZED, &json!({ "status": 401, "message": "invalid access token" })),
        }
    }

    /// `POST /oauth2/revoke`.
    pub(super) fn revoke(&mut self, form: &Query) -> Reply {
        match form.one("token").and_then(|token| self.live.remove(token)) {
            Some(_) => Reply { status: StatusCode::OK, body: String::new() },
            None => Reply::with(StatusCode::BAD_REQUEST, &json!({ "status": 400, "message": "Invalid token" })),
        }
    }

    /// Lets the client of a Helix call in.
    ///
    /// # Errors
    /// The 401 that Helix answers with.
    pub(super) fn admit(&self, authorization: Option<&str>, client: Option<&str>, now: i64) -> Result<String, Reply> {
        let refuse = |message| Err(Reply::helix(StatusCode::UNAUTHORIZED, message));
        let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
            return refuse("OAuth token is missing");
        };
        match self.grant(token, now) {
            None => refuse("Invalid OAuth token"),
            Some(grant) if Some(grant.client.as_str()) != client => refuse("Client ID and OAuth token do not match"),
            Some(grant) => Ok(grant.client.clone()),
        }
    }

    /// Voids a token, as a change of the owner's password does.
    pub(super) fn void(&mut self, authorization: Option<&str>) {
        if let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) {
            self.live.remove(token);
        }
    }

    fn grant(&self, token: &str, now: i64) -> Option<&Grant> {
        self.live.get(token).filter(|grant| grant.expires > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Query {
        Query::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn ask(tokens: &mut Tokens, id: &str, secret: &str) -> Reply {
        tokens.issue(&form(&[("client_id", id), ("client_secret", secret), ("grant_type", "client_credentials")]), 0)
    }

    #[test]
    fn only_registered_clients_with_their_secret_get_tokens() {
        let client = SimulatorClient { id: "me".into(), secret: "s3".into() };
        let mut tokens = Tokens::new(1, vec![client], 30);
        assert_eq!(ask(&mut tokens, "you", "s3").body, r#"{"message":"invalid client","status":400}"#);
        assert_eq!(ask(&mut tokens, "me", "s4").body, r#"{"message":"invalid client secret","status":403}"#);
        assert_eq!(ask(&mut tokens, "me", "s3").status, StatusCode::OK);
    }

    #[test]
    fn a_token_ends_with_its_time_or_its_revocation() {
        let mut tokens = Tokens::new(1, Vec::new(), 30);
        let body: serde_json::Value = serde_json::from_str(&ask(&mut tokens, "me", "s").body).expect("JSON");
        let token = body["access_token"].as_str().expect("text").to_owned();
        let bearer = format!("Bearer {token}");
        assert!(tokens.admit(Some(&bearer), Some("me"), 29).is_ok());
        assert!(tokens.admit(Some(&bearer), Some("me"), 30).is_err());
        assert!(tokens.admit(Some(&bearer), Some("you"), 1).expect_err("other client").body.contains("do not match"));
        assert!(
            tokens.admit(Some(&format!("OAuth {token}")), Some("me"), 1).expect_err("prefix").body.contains("missing")
        );
        assert_eq!(tokens.validate(Some(&format!("OAuth {token}")), 1).status, StatusCode::OK);
        assert_eq!(tokens.revoke(&form(&[("token", &token)])).status, StatusCode::OK);
        assert!(tokens.admit(Some(&bearer), Some("me"), 1).is_err());
    }
}
