//! The form of `brokers:`, as far as it shows without a network.

use std::net::Ipv6Addr;

/// What to write for `brokers`.
pub(super) const BROKERS_HINT: &str =
    "write `host:9092`, several with commas, or `embedded`; encryption is set by `security: { protocol }`";

/// Why no broker can be found by this list; `None` if one may be.
pub(super) fn brokers_problem(brokers: &str) -> Option<String> {
    let mut named = brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()).peekable();
    if named.peek().is_none() {
        return Some("`brokers` names no broker".to_owned());
    }
    named.find_map(|broker| {
        let problem = broker_problem(broker)?;
        Some(format!("`brokers`: `{}` {problem}", broker.escape_debug()))
    })
}

fn broker_problem(broker: &str) -> Option<String> {
    if broker.parse::<Ipv6Addr>().is_ok() {
        return None;
    }
    if broker.contains("://") {
        return Some("begins with a protocol".to_owned());
    }
    let (host, port) = match broker.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
        None => broker.split_once(':').map_or((broker, None), |(host, port)| (host, Some(port))),
    };
    let is_host = if broker.starts_with('[') {
        host.parse::<Ipv6Addr>().is_ok()
    } else {
        !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    if !is_host {
        return Some(format!("has no host's name: `{}`", host.escape_debug()));
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => None,
        Some(_) => Some("has no port from 1 to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_looked_at() {
        for good in ["h", "h:9092", "a.b-c_d:1, 10.0.0.1:65535,", "::1", "[::1]:9092", "[::1]"] {
            assert_eq!(brokers_problem(good), None);
        }
        for (wrong, word) in [
            ("", "names no broker"),
            (" , ", "names no broker"),
            ("h:99999", "port"),
            ("h:0", "port"),
            ("h:", "port"),
            ("a:1,h:kafka", "`h:kafka`"),
            (":9092", "host"),
            ("a b:9092", "host"),
            ("[h]:9092", "host"),
            ("http://h:9092", "protocol"),
        ] {
            assert!(brokers_problem(wrong).is_some_and(|problem| problem.contains(word)), "{wrong}");
        }
    }
}
