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

/// The cells of one column within a record's cells; all records begin with a cell of no meaning.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The first cell if nobody wants the column.
    value: u32,
    /// The first cell if the column may not be null.
    presence: u32,
}

/// The cells of all records of a batch, record by record; kept from batch to batch for its memory.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// The cells that are zero until they are set.
    zeroed: Vec<usize>,
    width: usize,
    cells: Vec<Cell>,
    /// Where the next record begins.
    end: usize,
}

/// The cells of one record.
#[derive(Debug)]
pub(super) struct Row<'a> {
    slots: &'a [Slot],
    cells: &'a mut [Cell],
}

impl Row<'_> {
    /// Sets a value.
    #[inline]
    pub(super) fn set(&mut self, column: usize, cell: Cell) {
        let slot = self.slots[column];
        self.cells[slot.value as usize] = cell;
        self.cells[slot.presence as usize] = 1;
    }
}

impl Slots {
    /// Room for the wanted columns.
    pub(super) fn new(request: &DecodeRequest) -> Self {
        let mut width = 1;
        let mut next = |wanted: bool| {
            let slot = if wanted { width } else { 0 };
            width += u32::from(wanted);
            slot
        };
        let columns = request.schema.columns.iter().zip(&request.wanted);
        let slots: Vec<Slot> = columns
            .map(|(column, wanted)| Slot { value: next(*wanted), presence: next(*wanted && column.nullable) })
            .collect();
        let nullable = slots.iter().filter(|slot| slot.presence > 0);
        let zeroed = nullable.flat_map(|slot| [slot.value as usize, slot.presence as usize]).collect();
        Self { slots, zeroed, width: width as usize, cells: Vec::new(), end: 0 }
    }

    /// Forgets all records.
    pub(super) fn clear(&mut self) {
        self.end = 0;
    }

    /// Adds a record, whose nullable columns are null until they are set.
    #[inline]
    pub(super) fn add_record(&mut self) -> Row<'_> {
        let start = self.end;
        self.end += self.width;
        if self.cells.len() < self.end {
            self.cells.resize(self.end * 2, 0);
        }
        let cells = &mut self.cells[start..self.end];
        for cell in &self.zeroed {
            cells[*cell] = 0;
        }
        Row { slots: &self.slots, cells }
    }

    /// The cells of a wanted column for the records at `rows`, and which of them are not null (`None`: all). The cells of nulls are zero.
    pub(super) fn gather(&self, column: usize, rows: &[u32]) -> (Vec<Cell>, Option<NullBuffer>) {
        let slot = self.slots[column];
        debug_assert!(slot.value > 0, "a column is asked for only if the request said that it is wanted");
        let at = |row: &u32, cell: u32| self.cells[*row as usize * self.width + cell as usize];
        let cells = rows.iter().map(|row| at(row, slot.value)).collect();
        let presence = |row| at(row, slot.presence) == 1;
        let nulls = (slot.presence > 0)
            .then(|| rows.iter().map(presence).collect::<NullBuffer>())
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
            let mut row = slots.add_record();
            row.set(0, record * 10);
            row.set(1, 99);
            if record == 1 {
                row.set(2, -1);
            }
        }
        assert_eq!(slots.gather(0, &[0, 2]), (vec![0, 20], None));
        let (cells, nulls) = slots.gather(2, &[0, 1, 2]);
        assert_eq!(cells[1], -1);
        assert_eq!(nulls.expect("two are null").iter().collect::<Vec<_>>(), [false, true, false]);
    }
}
