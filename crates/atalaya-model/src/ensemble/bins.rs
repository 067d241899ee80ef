//! Numbers become codes of a byte: how many thresholds of their column are below them.

use super::masks::Lanes;
use super::number::Number;
use super::table::{Layout, Table};
use super::tree::Rules;

/// Most thresholds, or categories that matter, of a column: one code more is needed above them, and 255 is NaN.
pub(super) const MAX_CODES: usize = 254;
/// Up to so many thresholds are counted one by one, more are searched.
const COUNTED: usize = 48;

/// How a column becomes codes.
#[derive(Debug)]
pub(super) struct Bin<X> {
    pub(super) feature: u32,
    /// Where its codes go: numbers fill two slots, with NaN above all thresholds and below them.
    slot: u16,
    kind: Kind<X>,
}

#[derive(Debug)]
enum Kind<X> {
    Few(Box<[X]>),
    /// Sorted, the rest infinite.
    Many(Box<[X; 256]>),
    /// Categories below that number are their own codes, all others have that one.
    Categories(u8),
}

/// The codes of a block of rows. They are stored with the highest bit turned, so that signed bytes compare them.
#[derive(Debug, Default)]
pub(super) struct Codes {
    slots: Vec<Lanes>,
}

impl Codes {
    #[inline(always)]
    pub(super) fn slot(&self, slot: u16) -> &Lanes {
        &self.slots[usize::from(slot)]
    }

    /// Codes up to 64 rows of `table` from `first` on.
    #[inline(always)]
    pub(super) fn fill<X: Number>(&mut self, bins: &[Bin<X>], rules: &Rules<X>, table: &Table<'_, X>, first: usize) {
        let rows = (table.rows - first).min(64);
        let slots = bins.last().map_or(0, |bin| usize::from(bin.slot) + 2);
        if self.slots.len() < slots {
            self.slots.resize(slots, [0; 64]);
        }
        let mut values = [X::default(); 64];
        for bin in bins {
            let feature = bin.feature as usize;
            match table.layout {
                Layout::Rows(all) => {
                    let rows = all[first * table.columns..].chunks_exact(table.columns).take(rows);
                    for (value, row) in values.iter_mut().zip(rows) {
                        *value = row[feature];
                    }
                }
                Layout::Columns(columns) => values[..rows].copy_from_slice(&columns[feature][first..first + rows]),
            }
            let slot = usize::from(bin.slot);
            let mut codes = [0u8; 64];
            match &bin.kind {
                Kind::Few(thresholds) => count(thresholds, &values, &mut codes),
                Kind::Many(thresholds) => search(thresholds, &values, &mut codes),
                Kind::Categories(categories) => {
                    for (code, value) in codes.iter_mut().zip(values) {
                        *code = category(value, *categories, rules) ^ 0x80;
                    }
                    self.slots[slot] = codes;
                    continue;
                }
            }
            let mut high = [0u8; 64];
            let mut low = [0u8; 64];
            for lane in 0..64 {
                let missing = values[lane].missing();
                high[lane] = if missing { 0x7f } else { codes[lane] ^ 0x80 };
                low[lane] = if missing { 0x80 } else { codes[lane] ^ 0x80 };
            }
            self.slots[slot] = high;
            self.slots[slot + 1] = low;
        }
    }
}

impl<X: Number> Bin<X> {
    pub(super) fn numbers(feature: u32, thresholds: &[X], slot: u16) -> Self {
        let kind = if thresholds.len() <= COUNTED {
            Kind::Few(thresholds.into())
        } else {
            let mut padded = Box::new([X::INFINITY; 256]);
            padded[..thresholds.len()].copy_from_slice(thresholds);
            Kind::Many(padded)
        };
        Self { feature, slot, kind }
    }

    pub(super) fn categories(feature: u32, count: usize, slot: u16) -> Self {
        Self {
            feature,
            slot,
            kind: Kind::Categories(u8::try_from(count).unwrap_or(u8::MAX - 1)),
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.kind {
                Kind::Few(thresholds) => size_of_val(&**thresholds),
                Kind::Many(thresholds) => size_of_val(&**thresholds),
                Kind::Categories(_) => 0,
            }
    }
}

#[inline(always)]
fn count<X: Number>(thresholds: &[X], values: &[X; 64], codes: &mut Lanes) {
    let mut counts = [0u32; 64];
    for threshold in thresholds {
        for lane in 0..64 {
            counts[lane] += u32::from(*threshold < values[lane]);
        }
    }
    for (code, count) in codes.iter_mut().zip(counts) {
        *code = count.to_le_bytes()[0];
    }
}

/// Counts every sixteenth threshold, then searches between two of them.
#[inline(always)]
fn search<X: Number>(thresholds: &[X; 256], values: &[X; 64], codes: &mut Lanes) {
    let mut counts = [0u32; 64];
    for pivot in 0..15 {
        let threshold = thresholds[16 * pivot + 15];
        for lane in 0..64 {
            counts[lane] += u32::from(threshold < values[lane]);
        }
    }
    for lane in 0..64 {
        let mut at = (counts[lane] as usize & 15) * 16;
        for step in [8, 4, 2, 1] {
            at += step * usize::from(thresholds[(at + step - 1) & 255] < values[lane]);
        }
        codes[lane] = at.to_le_bytes()[0];
    }
}

fn category<X: Number>(value: X, categories: u8, rules: &Rules<X>) -> u8 {
    if value.missing() {
        return 255;
    }
    match rules.category(value) {
        Some(category) if category < usize::from(categories) => u8::try_from(category).unwrap_or(categories),
        _ => categories,
    }
}
