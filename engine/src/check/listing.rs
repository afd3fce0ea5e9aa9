//! Lists in messages, cut where they become too long to be read.

/// The most elements that a message lists.
const LISTED_MAX: usize = 12;

/// The elements with `between` in between; of many the first, and how many more there are.
pub(super) fn listing(elements: &[String], between: &str) -> String {
    if elements.len() <= LISTED_MAX {
        return elements.join(between);
    }
    let shown = LISTED_MAX - 1;
    format!("{}{between}… and {} more", elements[..shown].join(between), elements.len() - shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let names = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>();
        assert_eq!(listing(&names(3), ", "), "0, 1, 2");
        assert!(listing(&names(12), ", ").ends_with("10, 11"));
        assert!(listing(&names(13), ", ").ends_with("9, 10, … and 2 more"));
    }
}
