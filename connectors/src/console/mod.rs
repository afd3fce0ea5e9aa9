//! The console sink: tables on a terminal, blocks in a pipe, or one line a change as JSON or CSV.
//!
//! All console sinks of a run and its status line draw through one [`Screen`]. The program that owns the terminal makes it, hands
//! it to [`ConsoleKind::on`], and calls [`Screen::finish`] at the end.

mod area;
mod block;
mod cell;
mod escape;
mod json;
mod kind;
mod output;
mod rows;
mod screen;
mod status;
mod table;
mod writer;

pub use escape::neutralise;
pub use kind::ConsoleKind;
pub use output::Output;
pub use screen::{Screen, Surface};
pub use status::{Done, Status, grouped};
pub use table::draw_grid;
