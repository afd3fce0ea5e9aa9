//! What the loops share: how they are called, and how they say what they have found.

pub mod answer;
pub mod layout;
pub mod samples;
pub mod tally;

/// The value behind `--name` on the command line.
pub fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next();
    arguments.next()
}

/// The value behind `--name`; ends the program without one.
pub fn required(name: &str) -> String {
    option(name).unwrap_or_else(|| fail(&format!("{name} is missing")))
}

/// The number behind `--name`, or another.
pub fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    match option(name) {
        Some(text) => text.parse().unwrap_or_else(|_| fail(&format!("{name} {text}: no number"))),
        None => default,
    }
}

/// Ends the program.
pub fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}
