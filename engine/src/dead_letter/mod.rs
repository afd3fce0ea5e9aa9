//! Dead letters: errors as rows of a sink.
//!
//! A letter is a function of the error alone, so the letters that a sink holds do not depend on where epochs are cut.

mod again;
mod letter;
mod table;

pub use again::{Again, AgainRecord};
pub use letter::{Letter, LetterError, TEXT_MAX};
pub use table::{RETRACTED, letter_schema, letters_of, rows_of, standing};
