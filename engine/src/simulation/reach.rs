//! Every step out of a process' own memory: where faults happen.

use std::io;

use super::fault::FaultKind;
use super::story;
use super::world::{is_looking, with};

/// Where a step leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To the disk, for what is there.
    DiskRead,
    /// To the disk, to change it.
    DiskWrite,
    /// To a server.
    Server,
}

/// The running process takes a step. It may be its last, or last long.
///
/// # Errors
/// The process is dead, and whatever it still tries comes to nothing; or the disk fails.
pub(super) fn reach(place: Place) -> io::Result<()> {
    if is_looking() {
        return Ok(());
    }
    require_life()?;
    let fault = with(|world| {
        world.current().steps += 1;
        let (start, step) = (*world.running.last()?, world.current().steps);
        let due = |fault: &super::fault::Fault| fault.start == start && fault.step <= step && fits(fault.kind, place);
        let at = world.faults.iter().position(due)?;
        let fault = world.faults.remove(at);
        world.tell(&format!("{:?} at {place:?}", fault.kind));
        Some(fault.kind)
    });
    match fault {
        None => Ok(()),
        Some(kind) => happen(kind),
    }
}

/// A dead process does nothing.
fn require_life() -> io::Result<()> {
    if with(|world| world.current().is_dead) { Err(io::Error::other("the process is dead")) } else { Ok(()) }
}

fn fits(kind: FaultKind, place: Place) -> bool {
    match kind {
        FaultKind::DiskFails => place != Place::Server,
        _ => true,
    }
}

fn happen(kind: FaultKind) -> io::Result<()> {
    match kind {
        FaultKind::Kill => with(|world| world.current().is_dead = true),
        FaultKind::PowerLoss => with(|world| {
            for start in world.running.clone() {
                world.starts[start].is_dead = true;
            }
            let disk = world.disk.clone();
            disk.lose_power(&mut world.dice);
        }),
        FaultKind::Stop => story::go_on_without(),
        FaultKind::DiskFails => {
            with(|world| world.current().has_failed = true);
            return Err(io::ErrorKind::StorageFull.into());
        }
        FaultKind::Ask => with(|world| {
            world.current().is_asked = true;
            world.current().stop.set();
        }),
        FaultKind::ReplyLost | FaultKind::RequestLost | FaultKind::Late => {
            with(|world| world.current().commit = Some(kind));
        }
        FaultKind::ClockJumps => with(super::world::World::jump),
    }
    require_life()
}
