//! What may go wrong between any two steps.

use super::disk::Entry;
use super::instance::{Instance, Pc};
use super::world::World;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An instance is killed; perhaps while it writes an entry.
    Kill { generation: u8, torn: bool },
    /// All instances end, and of what was not made durable something is lost.
    PowerFails(Loss),
    /// An instance is stopped, anywhere; once another has taken over it may wake.
    Stop(u8),
}

/// What is lost of what was not made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Everything.
    All,
    /// Everything but the beginning of an entry.
    AllButTorn,
    /// All but one entry; what nothing is lost of is a kill.
    AllButOne,
}

impl World {
    pub(super) fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Kill { generation, torn } => {
                self.left.crashes -= 1;
                let Some(at) = self.instances.iter().position(|instance| instance.generation == generation) else {
                    return;
                };
                let dead = self.instances.remove(at);
                if let Some(file) = self.disk.file_mut(dead.segment).filter(|_| torn) {
                    file.push(Entry::Torn);
                }
            }
            Fault::PowerFails(loss) => {
                self.left.crashes -= 1;
                self.instances.clear();
                self.lose(loss);
            }
            Fault::Stop(generation) => {
                self.left.stops -= 1;
                let stops = |instance: &&mut Instance| instance.generation == generation;
                if let Some(instance) = self.instances.iter_mut().find(stops) {
                    instance.stopped = true;
                    instance.has_looked = instance.pc == Pc::Run;
                }
            }
        }
    }

    pub(super) fn lose(&mut self, loss: Loss) {
        for file in self.disk.files.iter_mut().filter(|file| file.durable < file.written) {
            file.cut(file.durable + u8::from(loss == Loss::AllButOne));
            if loss == Loss::AllButTorn {
                file.push(Entry::Torn);
            }
            file.durable = file.written;
        }
    }
}
