//! What must hold in every world.

use super::disk::{Reading, Runs, View};
use super::fault::Loss;
use super::mutation::Rules;
use super::sink::{SINKS, changes, output, takes_source_rows};
use super::starting::choose;
use super::world::{Violation, World};

impl World {
    /// Looks at the world as it is, and as it were if the power failed now.
    pub(super) fn check(&self, rules: &Rules) -> Result<(), Violation> {
        self.check_after(View::Durable, self, rules)?;
        if self.disk.files.iter().any(|file| file.durable < file.written) {
            self.check_after(View::Written, self, rules)?;
            let mut torn = self.clone();
            torn.lose(Loss::AllButTorn);
            self.check_after(View::Written, &torn, rules)?;
        }
        Ok(())
    }

    /// Everything that the next start needs is there, and sinks hold what they should.
    fn check_after(&self, view: View, then: &Self, rules: &Rules) -> Result<(), Violation> {
        let reading =
            then.disk.read(view).map_err(|damage| Violation(format!("the journal is damaged: {damage} (I4)")))?;
        for (at, sink) in self.sinks.iter().enumerate() {
            if sink.epoch > reading.last {
                return Err(Violation(format!(
                    "sink {at} holds epoch {}, the journal ends with {} (I1)",
                    sink.epoch, reading.last
                )));
            }
            let due = output(at, &reading.contents, sink.epoch);
            if sink.contents != due {
                return Err(Violation(format!(
                    "sink {at} at epoch {} holds {:?} instead of {due:?} (I2, I3)",
                    sink.epoch, sink.contents
                )));
            }
        }
        self.check_beginning(&reading, then.disk.runs, rules)
    }

    /// There is a beginning, and from it every sink gets all that it lacks (I4).
    fn check_beginning(&self, reading: &Reading, runs: Runs, rules: &Rules) -> Result<(), Violation> {
        let choice =
            choose(reading, &self.sinks, runs, rules).map_err(|Violation(why)| Violation(format!("{why} (I4)")))?;
        for sink in 0..SINKS {
            let mark = choice.marks[sink];
            let lacks = (usize::from(mark.passed) + 1..=usize::from(choice.epoch)).any(|epoch| changes(sink, epoch));
            let gets = mark.written == 0 && !takes_source_rows(sink);
            if lacks && !gets {
                return Err(Violation(format!(
                    "sink {sink} stands at {mark:?}, the past begins at {} (I4)",
                    choice.epoch
                )));
            }
        }
        Ok(())
    }

    /// Nothing is left to do: the newest instance runs, and both sinks are where the journal ends.
    pub(super) fn check_end(&self, rules: &Rules) -> Result<(), Violation> {
        let reading =
            self.disk.read(View::Durable).map_err(|damage| Violation(format!("the journal is damaged: {damage}")))?;
        let done = reading.last == rules.bounds.epochs
            && (0..SINKS).all(|sink| self.sinks[sink].contents == output(sink, &reading.contents, reading.last));
        if done { Ok(()) } else { Err(Violation("nothing goes on, though sinks lack epochs (liveness)".into())) }
    }
}
