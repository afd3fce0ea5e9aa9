//! The name that was probably meant.

/// The candidate nearest to `word`, if any is near enough to be a likely slip of the hand.
///
/// Distance is Damerau-Levenshtein over lower-cased text, and at most a third of the word's length: a word of one or two characters
/// is a slip of nothing, unless only its case is wrong.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let bound = word.chars().count() / 3;
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty())
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["viewer_count", "user_name", "game_name"];
        assert_eq!(nearest("viewers_count", names), Some("viewer_count"));
        assert_eq!(nearest("User_Name", names), Some("user_name"));
        assert_eq!(nearest("language", names), None);
        assert_eq!(nearest("y", ["x", "Y"]), Some("Y"));
        assert_eq!(nearest("y", ["x"]), None);
    }
}
