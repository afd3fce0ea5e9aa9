//! What the check of a `twitch` entry says.

use super::end_to_end_tests::source;

#[test]
fn keys_that_cannot_work_are_found_by_the_check() {
    let said = |keys: &[(&str, &str)]| {
        let found = source(keys).expect_err("wrong keys");
        let said: Vec<String> =
            found.sorted().iter().map(|found| format!("{} {}", found.code, found.message)).collect();
        said.join("\n")
    };
    assert!(said(&[("api", "foo")]).starts_with("F106 `api` is neither `embedded` nor `twitch`"), "a word");
    assert!(said(&[("auth", "ftp://x")]).starts_with("F106 `auth` is no address"), "another protocol");
    let missing = said(&[("api", "twitch")]);
    assert!(
        missing.contains("F103 `api: twitch` needs `client_id`") && missing.contains("`client_secret`"),
        "{missing}"
    );
    let empty = said(&[("api", "http://h/helix"), ("client_id", "${NONE:-}"), ("client_secret", "hunter2")]);
    assert_eq!(empty, "F103 `client_id` is empty, and `api: http://h/helix` needs it");
    source(&[("api", "${API}"), ("auth", "${AUTH}"), ("client_id", "${ID}")]).expect("known only at the opening");
    source(&[("api", "embedded"), ("auth", "")]).expect("as without `auth`");
}

#[test]
fn wrong_keys_are_reported() {
    for keys in [[("every", "10ms")], [("first", "101")], [("max_pages", "0")], [("evry", "20s")]] {
        assert!(source(&keys).expect_err("wrong").has_errors(), "{keys:?}");
    }
}
