//! The Twitch source: live streams, poll by poll.
