//! What a scan remembers of every record: one cell for each wanted column, and one more where it may be null.

use arrow::buffer::NullBuffer;
use engine::connector::DecodeRequest;

/// What is remembered of a value: the value itself where 64 bits carry it (`int`, `timestamp`, `date`, `bool`, the bits of a
/// `float`), and otherwise its place in the payload, packed by [`Place::pack`].
pub(super) type Cell = i64;

/// Where a value lies in the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// First byte.
    pub(super) start: usize,
    /// The byte after the last.
    pub(super) end: usize,
    /// Whether escapes stand in it, so that its bytes are not yet the text.
    pub(super) escaped: bool,
}

impl Place {
    /// The longest value that a cell can point to.
    pub(super) const LENGTH_MAX: usize = (1 << 31) - 1;

    /// The cell of a value. Its end lies below 4 GiB and its length is at most [`Place::LENGTH_MAX`]: scans refuse longer records.
    #[inline]
    pub(super) fn pack(start: usize, end: usize, escaped: bool) -> Cell {
        (((start as u64) << 32) | (((end - start) as u64) << 1) | u64::from(escaped)) as Cell
    }

    /// What [`Place::pack`] packed.
    #[inline]
    pub(super) fn unpack(cell: Cell) -> Self {
        let bits = cell as u64;
        let start = (bits >> 32) as usize;
        Self { start, end: start + ((bits & 0xffff_ffff) >> 1) as usize, escaped: bits & 1 == 1 }
    }

    /// Whether records that end here and are this long can be remembered.
    #[inline]
    pub(super) fn can_hold(start: usize, end: usize) -> bool {
        end <= u32::MAX as usize && end - start <= Self::LENGTH_MAX
    }
}

/// The cells of one column within a record's cells.
#[derive(Clone, Copy, Debug)]
struct Slot {
    value: usize,
    presence: Option<usize>,
}

/// The cells of all records of a batch, record by record; kept from batch to batch for its memory.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Option<Slot>>,
    width: usize,
    cells: Vec<Cell>,
}

impl Slots {
    /// Room for the wanted columns.
    pub(super) fn new(request: &DecodeRequest) -> Self {
        let mut width = 0;
        let mut next = || {
            width += 1;
            width - 1
        };
        let slots = request
            .schema
            .columns
            .iter()
            .zip(&request.wanted)
            .map(|(column, wanted)| wanted.then(|| Slot { value: next(), presence: column.nullable.then(&mut next) }))
            .collect();
        Self { slots, width, cells: Vec::new() }
    }

    /// Forgets all records.
    pub(super) fn clear(&mut self) {
        self.cells.clear();
    }

    /// Adds a record, whose nullable columns are null until they are set.
    #[inline]
    pub(super) fn add_record(&mut self) {
        self.cells.resize(self.cells.len() + self.width, 0);
    }

    /// Sets a value of the record added last; nothing happens if nobody wants the column.
    #[inline]
    pub(super) fn set(&mut self, column: usize, cell: Cell) {
        if let Some(slot) = self.slots[column] {
            let record = self.cells.len() - self.width;
            self.cells[record + slot.value] = cell;
            if let Some(presence) = slot.presence {
                self.cells[record + presence] = 1;
            }
        }
    }

    /// The cells of a wanted column for the records at `rows`, and which of them are not null (`None`: all).
    pub(super) fn gather(&self, column: usize, rows: &[u32]) -> (Vec<Cell>, Option<NullBuffer>) {
        let slot = self.slots[column].expect("a column is asked for only if the request said that it is wanted");
        let at = |row: &u32, cell: usize| self.cells[*row as usize * self.width + cell];
        let cells = rows.iter().map(|row| at(row, slot.value)).collect();
        let nulls = slot
            .presence
            .map(|presence| rows.iter().map(|row| at(row, presence) == 1).collect::<NullBuffer>())
            .filter(|nulls| nulls.null_count() > 0);
        (cells, nulls)
    }
}

#[cfg(test)]
mod tests {
    use engine::schema::{Column, ColumnType, Schema};

    use super::*;

    #[test]
    fn places_survive_packing() {
        for place in [
            Place { start: 0, end: 0, escaped: false },
            Place { start: 7, end: 12, escaped: true },
            Place { start: 1 << 31, end: u32::MAX as usize, escaped: true },
        ] {
            assert_eq!(Place::unpack(Place::pack(place.start, place.end, place.escaped)), place);
        }
    }

    #[test]
    fn only_wanted_columns_are_kept() {
        let schema = Schema::new(vec![
            Column::new("a", ColumnType::Int),
            Column::nullable("b", ColumnType::Int),
            Column::nullable("c", ColumnType::Int),
        ]);
        let mut slots = Slots::new(&DecodeRequest { schema, wanted: vec![true, false, true] });
        for record in 0..3 {
            slots.add_record();
            slots.set(0, record * 10);
            slots.set(1, 99);
            if record == 1 {
                slots.set(2, -1);
            }
        }
        assert_eq!(slots.gather(0, &[0, 2]), (vec![0, 20], None));
        let (cells, nulls) = slots.gather(2, &[0, 1, 2]);
        assert_eq!(cells[1], -1);
        assert_eq!(nulls.expect("two are null").iter().collect::<Vec<_>>(), [false, true, false]);
    }
}
