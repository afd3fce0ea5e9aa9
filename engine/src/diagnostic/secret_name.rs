//! Keys whose values are secrets, and slips of them.

/// What makes a key's name that of a secret wherever it stands in it, when only letters and digits count.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "jaas",
    "authorization",
];
/// Names of secrets of which also slips count, in the whole key or its last word.
const NAMES: &[&str] = &["password", "passphrase", "secret", "clientsecret", "token", "apikey", "pwd", "pass"];

/// Whether a key of this name, or of what was probably meant, has a secret as its value.
pub(super) fn is_secret_name(word: &str) -> bool {
    let plain =
        |word: &str| word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let whole = plain(word);
    let last = plain(word.rsplit(['.', '-', '_']).find(|part| !part.is_empty()).unwrap_or_default());
    // A word of three or four letters is a slip of too many others.
    let bound = |name: &str| if name.len() < 5 { 0 } else { name.len() / 4 };
    let near =
        |name: &str| [&whole, &last].into_iter().any(|word| strsim::damerau_levenshtein(word, name) <= bound(name));
    whole.len() <= 64
        && (PARTS.iter().any(|part| whole.contains(part))
            || NAMES.iter().any(|name| near(name))
            || whole.ends_with("token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        for word in [
            "passwrd",
            "client_secrt",
            "clientsecret",
            "Api-Key",
            "sasl.password",
            "acces_token",
            "tokn",
            "DB_PASSWORD",
        ] {
            assert!(is_secret_name(word), "{word}");
        }
        for word in
            ["username", "topic", "select", "tokens_used", "key", "path", "section", "brokers", "client_id", "mass"]
        {
            assert!(!is_secret_name(word), "{word}");
        }
    }
}
