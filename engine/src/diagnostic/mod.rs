//! Problems in a pipeline's files: what is wrong, exactly where, and what would be right.
//!
//! A check never stops at the first problem: it pushes into [`Diagnostics`] and goes on with what it still understands.

mod code;
mod collector;
mod conceal;
mod fold;
mod nearest;
mod position;
mod secret;
mod secret_name;

pub use code::Code;
pub use collector::{Diagnostic, Diagnostics, Label, Severity};
pub use nearest::nearest;
pub use position::{FileId, Files, Position, Span};
pub use secret::mask_secrets;
