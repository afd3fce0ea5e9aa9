//! Query parameters, which may repeat.

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
    pub(super) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
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
