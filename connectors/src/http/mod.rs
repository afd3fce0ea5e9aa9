//! The general HTTP client of polling sources: token, rate limit, retries, pages.
