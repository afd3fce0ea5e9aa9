//! Which crawls make up a poll.

/// The most logins that one call may name.
const LOGINS_MAX: usize = 100;

/// What a poll asks for, with variables resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries {
    /// Streams a page.
    pub(super) first: i64,
    /// Pages a crawl.
    pub(super) pages_max: u32,
    pub(super) languages: Vec<String>,
    pub(super) games: Vec<String>,
    pub(super) logins: Vec<String>,
}

impl Queries {
    /// The query of each crawl. Games are crawled one by one, since the API loses streams when several are asked for at once; logins by
    /// hundreds.
    pub(super) fn crawls(&self) -> Vec<Vec<(String, String)>> {
        let one = |name: &str, value: &String| (name.to_owned(), value.clone());
        let mut common = vec![("first".to_owned(), self.first.to_string())];
        common.extend(self.languages.iter().map(|language| one("language", language)));
        let games: Vec<Option<&String>> = optional(&self.games);
        let logins: Vec<Option<&[String]>> = match self.logins.is_empty() {
            true => vec![None],
            false => self.logins.chunks(LOGINS_MAX).map(Some).collect(),
        };
        let mut crawls = Vec::with_capacity(games.len() * logins.len());
        for game in &games {
            for logins in &logins {
                let mut query = common.clone();
                query.extend(game.iter().map(|game| one("game_id", game)));
                query.extend(logins.iter().flat_map(|logins| logins.iter()).map(|login| one("user_login", login)));
                crawls.push(query);
            }
        }
        crawls
    }
}

fn optional(values: &[String]) -> Vec<Option<&String>> {
    if values.is_empty() { vec![None] } else { values.iter().map(Some).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn games_are_crawled_one_by_one_and_logins_by_hundreds() {
        let plain = Queries { first: 100, ..Queries::default() };
        assert_eq!(plain.crawls(), [[("first".to_owned(), "100".to_owned())]]);
        let texts = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        let many = Queries { games: texts(2), logins: texts(150), languages: texts(2), ..plain };
        let sizes: Vec<usize> = many.crawls().iter().map(Vec::len).collect();
        assert_eq!(sizes, [1 + 2 + 1 + 100, 1 + 2 + 1 + 50, 1 + 2 + 1 + 100, 1 + 2 + 1 + 50]);
    }
}
