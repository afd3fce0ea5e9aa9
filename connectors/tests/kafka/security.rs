//! Log-in and encryption on real brokers: what is right works, what is wrong is refused by name.

use std::path;
use std::time::{Duration, Instant};

use connectors::kafka::KafkaSourceKind;
use engine::connector::{ConnectorError, Sink, SinkMode, Source};
use engine::spec::Node;

use crate::epochs::{commit, open};
use crate::place::{Place, open_now};
use crate::yaml::{changes, checked, map, scalar, schema};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name} to run this test"))
}

/// A listener, and how to get in.
struct Door {
    place: Place,
    security: Vec<(&'static str, String)>,
}

impl Door {
    fn sasl(mechanism: &str, password: &str) -> Self {
        let security = vec![
            ("protocol", "sasl_plaintext".to_owned()),
            ("mechanism", mechanism.to_owned()),
            ("username", variable("KAFKA_SASL_USERNAME")),
            ("password", password.to_owned()),
        ];
        Self { place: Place::new(variable("KAFKA_SASL_BROKERS")), security }
    }

    /// With the certificate of an authority that stands beside the right one, or without any.
    fn tls(ca: Option<&str>) -> Self {
        let right = path::absolute(variable("KAFKA_TLS_CA")).expect("a path");
        let mut security = vec![("protocol", "ssl".to_owned())];
        security.extend(ca.map(|ca| ("ca", right.with_file_name(ca).to_string_lossy().into_owned())));
        Self { place: Place::new(variable("KAFKA_TLS_BROKERS")), security }
    }

    fn entry(&self, topic_key: &'static str) -> Node {
        let security = map(self.security.iter().map(|(key, value)| (*key, scalar(value))));
        map([("brokers", scalar("${BROKERS}")), (topic_key, scalar(&self.place.topic)), ("security", security)])
    }

    /// The same for a client of our own.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let name = |key: &str| match key {
            "protocol" => "security.protocol",
            "mechanism" => "sasl.mechanism",
            "username" => "sasl.username",
            "password" => "sasl.password",
            _ => "ssl.ca.location",
        };
        self.security.iter().map(|(key, value)| (name(key), value.clone())).collect()
    }

    fn source(&self) -> Box<dyn Source> {
        checked(&KafkaSourceKind, &self.entry("topics")).expect("a good entry")
    }

    fn sink(&self) -> Box<dyn Sink> {
        self.place.sink_at(&self.entry("topic"), schema(), SinkMode::Appends).expect("a good entry")
    }

    /// Writes a row and reads it.
    fn works(&self) {
        let context = self.place.context();
        let mut writer = open(&*self.sink(), &context).expect("let in");
        commit(&mut *writer, 1, changes(&[("a", 1, 1)])).expect("written");
        self.place.settle(&self.settings());
        assert_eq!(open_now(&*self.source(), &context).expect("let in").drain().len(), 1);
    }

    /// Neither reads nor writes: soon, and with a remedy that names these keys.
    fn is_shut(&self, keys: &[&str]) {
        let context = self.place.context();
        let begun = Instant::now();
        let read = open_now(&*self.source(), &context).map(drop).expect_err("no way to read");
        let written = open(&*self.sink(), &context).map(drop).expect_err("no way to write");
        assert!(begun.elapsed() < Duration::from_secs(20), "refused too late");
        for error in [read, written] {
            assert!(matches!(error, ConnectorError::Refused { .. }), "{error:?}");
            assert!(keys.iter().all(|key| error.hint().contains(&format!("`{key}`"))), "{error:?}");
            assert!(!format!("{error:?}").contains("not-the-password"), "{error:?}");
        }
    }
}

#[test]
#[ignore = "needs KAFKA_SASL_BROKERS"]
fn the_right_password_reads_and_writes() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        Door::sasl(mechanism, &variable("KAFKA_SASL_PASSWORD")).works();
    }
}

#[test]
#[ignore = "needs KAFKA_SASL_BROKERS"]
fn a_wrong_password_or_mechanism_is_refused() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        Door::sasl(mechanism, "not-the-password").is_shut(&["password"]);
    }
    Door::sasl("SCRAM-SHA-512", &variable("KAFKA_SASL_PASSWORD")).is_shut(&["mechanism"]);
}

#[test]
#[ignore = "needs KAFKA_TLS_BROKERS"]
fn the_right_authority_is_trusted() {
    Door::tls(Some("ca.pem")).works();
}

#[test]
#[ignore = "needs KAFKA_TLS_BROKERS"]
fn a_wrong_or_missing_authority_is_refused() {
    Door::tls(Some("other-ca.pem")).is_shut(&["ca"]);
    Door::tls(None).is_shut(&["ca"]);
}
