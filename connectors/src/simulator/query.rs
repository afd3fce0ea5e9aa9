//! Query parameters, which may repeat.

use super::cursor::{Place, read_after, read_before};

/// The decoded pairs of a query string, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// From decoded pairs.
    pub(super) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The first value of a parameter.
    pub(super) fn one<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub(super) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + Clone + use<'a, 'n> {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// The page that `after` or `before` asks for; empty ones ask for the first.
    ///
    /// # Errors
    /// `invalid cursor`, and Helix's words for both at once.
    pub(super) fn page(&self) -> Result<Asked, String> {
        let given = |name| self.one(name).filter(|cursor| !cursor.is_empty());
        let asked = match (given("after"), given("before")) {
            (None, None) => Some(Asked::Top),
            (Some(after), None) => read_after(after).map(Asked::After),
            (None, Some(before)) => read_before(before).map(Asked::Before),
            (Some(_), Some(_)) => return Err("The parameters \"after\" and \"before\" cannot be used together".into()),
        };
        asked.ok_or_else(|| "invalid cursor".into())
    }

    /// The first parameter that is none of these.
    pub(super) fn stranger(&self, known: &[&str]) -> Option<&str> {
        self.0.iter().map(|pair| pair.0.as_str()).find(|name| !known.contains(name))
    }

    /// The page size: 1 to 100, 20 if it is not asked for.
    ///
    /// # Errors
    /// Helix's words for a size that is out of range.
    pub(super) fn first(&self) -> Result<usize, String> {
        let wrong = |how: &str| format!("The parameter \"first\" was malformed: the value must be {how}");
        match self.one("first").map(str::parse::<i64>) {
            None => Ok(20),
            Some(Ok(first @ 1..=100)) => Ok(first as usize),
            Some(Ok(first)) if first > 100 => Err(wrong("less than or equal to 100")),
            Some(_) => Err(wrong("greater than or equal to 1")),
        }
    }
}

/// Where in a list a page is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asked {
    /// At its start.
    Top,
    /// After this place.
    After(Place),
    /// Before this place.
    Before(Place),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_have_limits() {
        let first = |text: &str| Query::new(vec![("first".into(), text.into())]).first();
        assert_eq!((Query::default().first(), first("1"), first("100")), (Ok(20), Ok(1), Ok(100)));
        assert!(first("101").expect_err("too large").ends_with("less than or equal to 100"));
        assert!(first("0").is_err() && first("x").is_err());
    }
}
