//! The connectors as a run sees them: console sinks draw on the screen of this process.

use connectors::REGISTRY;
use connectors::console::{ConsoleKind, Screen};
use engine::connector::{Registry, SinkKind};

/// Every connector, with console sinks that draw on `screen`. It lives as long as the process: make one a run.
pub(crate) fn drawing_on(screen: &Screen) -> Registry {
    let console: &'static dyn SinkKind = Box::leak(Box::new(ConsoleKind::on(screen.clone())));
    let kinds = REGISTRY.sinks.iter().map(|kind| if kind.name() == console.name() { console } else { *kind });
    Registry { sinks: Vec::leak(kinds.collect()), ..REGISTRY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sink_stays_and_the_console_is_there_once() {
        let names = |registry: &Registry| registry.sinks.iter().map(|kind| kind.name()).collect::<Vec<_>>();
        let drawing = drawing_on(&Screen::silent());
        assert_eq!(names(&drawing), names(&REGISTRY));
        assert_eq!(names(&drawing).iter().filter(|name| **name == "console").count(), 1);
    }
}
