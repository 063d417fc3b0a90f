//! Rows in the binary format of COPY, as PostgreSQL reads and writes them.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format". What this module
//! writes is byte for byte what the server sends for the same row, so that rows are compared as
//! bytes.

/// What stands before the first row: signature, flags, length of the header's extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands behind the last row.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Milliseconds from 1970-01-01, the epoch of the protocol, to 2000-01-01, that of PostgreSQL.
const POSTGRES_EPOCH_MS: u64 = 946_684_800_000;
/// The first time that `timestamptz` cannot hold: 294277-01-01, in its microseconds.
const TIMESTAMP_END_US: i64 = 9_223_371_331_200_000_000;

/// Type numbers of the server's catalogue (pg_type.dat).
const OID_BYTEA: u32 = 17;

/// Rows of one table, to be sent.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    count: u64,
}

impl Rows {
    /// Adds a row of this many columns; `fill` writes each of them once, in order.
    pub(crate) fn push(&mut self, columns: usize, fill: impl FnOnce(&mut Tuple<'_>)) {
        self.begin_row();
        self.bytes.extend_from_slice(&count16(columns));
        fill(&mut Tuple(&mut self.bytes));
    }

    /// Adds a row that [`row`] made.
    pub(crate) fn push_row(&mut self, row: &[u8]) {
        self.begin_row();
        self.bytes.extend_from_slice(row);
    }

    fn begin_row(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(HEADER);
        }
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Everything, as the server wants it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&TRAILER);
        self.bytes
    }
}

/// One row of this many columns, as [`TupleReader`] returns rows; `fill` as with [`Rows::push`].
pub(crate) fn row(columns: usize, fill: impl FnOnce(&mut Tuple<'_>)) -> Vec<u8> {
    let mut bytes = count16(columns).to_vec();
    fill(&mut Tuple(&mut bytes));
    bytes
}

/// One row being written.
pub(crate) struct Tuple<'a>(&'a mut Vec<u8>);

impl Tuple<'_> {
    pub(crate) fn null(&mut self) {
        self.0.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    /// `bytea`.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&length32(bytes.len()));
        self.0.extend_from_slice(bytes);
    }

    /// `text`.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// `integer`.
    pub(crate) fn int4(&mut self, number: i32) {
        self.bytes(&number.to_be_bytes());
    }

    /// `bigint`, of a number that counts things that exist; it does not exceed 2^63.
    pub(crate) fn int8(&mut self, number: u64) {
        self.bytes(&saturated(number).to_be_bytes());
    }

    /// `numeric`, which holds all of `u64`.
    pub(crate) fn numeric(&mut self, number: u64) {
        self.bytes(&numeric(number));
    }

    /// `timestamptz`, infinity from the first time on that it cannot hold.
    pub(crate) fn timestamp_ms(&mut self, unix_ms: u64) {
        let us = i128::from(unix_ms) - i128::from(POSTGRES_EPOCH_MS);
        let us = i64::try_from(us * 1000)
            .ok()
            .filter(|us| *us < TIMESTAMP_END_US)
            .unwrap_or(i64::MAX);
        self.bytes(&us.to_be_bytes());
    }

    /// `bytea[]`.
    pub(crate) fn bytes_array<'b>(&mut self, items: impl ExactSizeIterator<Item = &'b [u8]>) {
        let mut array = Vec::new();
        let dimensions: i32 = if items.len() == 0 { 0 } else { 1 };
        array.extend_from_slice(&dimensions.to_be_bytes());
        // No item is null.
        array.extend_from_slice(&0_i32.to_be_bytes());
        array.extend_from_slice(&OID_BYTEA.to_be_bytes());
        if dimensions == 1 {
            array.extend_from_slice(&length32(items.len()));
            array.extend_from_slice(&1_i32.to_be_bytes());
        }
        let mut tuple = Tuple(&mut array);
        items.for_each(|item| tuple.bytes(item));
        self.bytes(&array);
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }
}

/// A number that counts things that exist as `bigint`.
pub(crate) fn saturated(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Number of digits, weight of the first, sign, digits behind the point, then the digits: to the
/// base 10,000, without zeros at either end.
fn numeric(mut number: u64) -> Vec<u8> {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(u16::try_from(number % 10_000).unwrap_or_default());
        number /= 10_000;
    }
    let weight = i16::try_from(digits.len()).unwrap_or_default() - 1;
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let kept = digits.split_off(zeros);
    let mut bytes = count16(kept.len()).to_vec();
    bytes.extend_from_slice(&weight.max(0).to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for digit in kept.iter().rev() {
        bytes.extend_from_slice(&digit.to_be_bytes());
    }
    bytes
}

fn count16(count: usize) -> [u8; 2] {
    i16::try_from(count).unwrap_or(i16::MAX).to_be_bytes()
}

fn length32(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

/// Takes rows out of what the server sends, in whatever portions it comes.
#[derive(Debug, Default)]
pub(crate) struct TupleReader {
    bytes: Vec<u8>,
    at: usize,
    is_begun: bool,
}

impl TupleReader {
    pub(crate) fn feed(&mut self, portion: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(portion);
        if !self.is_begun && self.bytes.len() >= HEADER.len() {
            self.is_begun = true;
            self.at = HEADER.len();
        }
    }

    /// The next row, if all of it is there.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        if !self.is_begun {
            return None;
        }
        let rest = self.bytes.get(self.at..)?;
        let length = Fields::new(rest)?.total_bytes()?;
        let row = rest.get(..length)?.to_vec();
        self.at += length;
        Some(row)
    }
}

/// The columns of a row, in order; null as nothing.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Fields<'a> {
    /// The columns of a row; nothing where there is none, or the trailer.
    pub(crate) fn new(row: &'a [u8]) -> Option<Self> {
        let (count, rest) = row.split_first_chunk::<2>()?;
        let left = usize::try_from(i16::from_be_bytes(*count)).ok()?;
        Some(Self { rest, left })
    }

    /// Length of the whole row with its count of columns, if all of it is there.
    fn total_bytes(mut self) -> Option<usize> {
        let mut total = 2;
        while self.left > 0 {
            total += 4 + self.column()?.map_or(0, <[u8]>::len);
        }
        Some(total)
    }

    fn column(&mut self) -> Option<Option<&'a [u8]>> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        self.left = self.left.checked_sub(1)?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.rest = rest;
            return Some(None);
        };
        let (field, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Some(field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.left > 0).then(|| self.column())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PostgreSQL 15 sends for `SELECT numeric_send(…)`.
    #[test]
    fn numbers_are_written_as_the_server_writes_them() {
        let hex = |number| {
            numeric(number)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        assert_eq!(hex(0), "0000000000000000");
        assert_eq!(hex(7), "00010000000000000007");
        assert_eq!(hex(10_000), "00010001000000000001");
        assert_eq!(hex(120_034), "00020001000000000 00c0022".replace(' ', ""));
        assert_eq!(hex(u64::MAX), "000500040000000007341a5802e103bb064f");
    }

    #[test]
    fn rows_are_read_from_any_portions() {
        let mut rows = Rows::default();
        for number in 0..3 {
            rows.push(3, |tuple| {
                tuple.int8(number);
                tuple.null();
                tuple.text("text");
            });
        }
        let sent = rows.finish();
        for portion_bytes in [1, 7, 1000] {
            let mut reader = TupleReader::default();
            let mut read = Vec::new();
            for portion in sent.chunks(portion_bytes) {
                reader.feed(portion);
                while let Some(row) = reader.next() {
                    read.push(row);
                }
            }
            assert_eq!(read.len(), 3);
            let fields: Vec<_> = Fields::new(&read[2]).unwrap().collect();
            let number = 2_u64.to_be_bytes();
            assert_eq!(
                fields,
                [Some(number.as_slice()), None, Some(b"text".as_slice())]
            );
        }
    }
}
