use super::huffman::{Code, MAX_LENGTH};

/// Bytes that share one code.
const BLOCK_BYTES: usize = 1 << 17;
/// Bytes at a time in which runs are looked for.
const STEP: usize = 8;
/// The longest match.
const MAX_MATCH: usize = 258;
/// Literals, the end of a block, and match lengths.
const SYMBOLS: usize = 286;
const END_OF_BLOCK: usize = 256;
/// The order in which a block sends the lengths of the code for its code lengths.
const LENGTHS_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Compresses into a zlib stream: runs of one byte as matches of distance 1, the rest as literals,
/// each block with its own Huffman code, or stored where that is shorter.
///
/// # References
/// RFC 1950 (zlib), RFC 1951 (DEFLATE).
pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = Bits::new(bytes.len() + bytes.len() / 1024 + 64);
    // 32 KiB window, no dictionary, "fastest"; the last byte makes the pair a multiple of 31.
    out.bytes(&[0x78, 0x01]);
    let mut start = 0;
    loop {
        let end = bytes.len().min(start + BLOCK_BYTES);
        block(&mut out, bytes, start..end);
        start = end;
        if end == bytes.len() {
            break;
        }
    }
    out.align();
    out.bytes(&simd_adler32::adler32(&bytes).to_be_bytes());
    out.finish()
}

/// Whether the bytes of a block up to here are literals or one match.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// First byte, repeating the byte before it.
    start: usize,
    length: usize,
}

fn block(out: &mut Bits, bytes: &[u8], range: std::ops::Range<usize>) {
    let last = range.end == bytes.len();
    let runs = find_runs(bytes, range.clone());
    let mut counts = count_literals(bytes, range.clone(), &runs);
    counts[END_OF_BLOCK] = 1;
    let mut extra_bits = 0;
    for length in runs.iter().flat_map(|run| matches(run.length)) {
        let (symbol, bits, _) = length_symbol(length);
        counts[symbol] += 1;
        // One bit for the only distance there is.
        extra_bits += u64::from(bits) + 1;
    }
    let code = Code::new(&counts, MAX_LENGTH);
    let header = Header::new(&code.lengths);
    if 3 + header.cost() + code.cost(&counts) + extra_bits >= stored_cost(range.len()) {
        return store(out, &bytes[range], last);
    }
    out.push(u64::from(last) | 0b10 << 1, 3);
    header.write(out);
    let mut at = range.start;
    for run in &runs {
        literals(out, &code, &bytes[at..run.start]);
        for length in matches(run.length) {
            let (symbol, bits, rest) = length_symbol(length);
            out.push(u64::from(code.bits[symbol]), u32::from(code.lengths[symbol]));
            // The rest of the length, then distance 1, whose code is 0.
            out.push(rest, bits + 1);
        }
        at = run.start + run.length;
    }
    literals(out, &code, &bytes[at..range.end]);
    out.push(u64::from(code.bits[END_OF_BLOCK]), u32::from(code.lengths[END_OF_BLOCK]));
}

/// Runs of at least 8 bytes that repeat the byte before them.
fn find_runs(bytes: &[u8], range: std::ops::Range<usize>) -> Vec<Run> {
    let word = |at: usize| u64::from_ne_bytes(bytes[at..at + STEP].try_into().expect("invariant: 8 bytes"));
    let mut runs = Vec::new();
    let mut at = range.start.max(1);
    while at + STEP <= range.end {
        if word(at) != word(at - 1) {
            at += STEP;
            continue;
        }
        let same = |&&byte: &&u8| byte == bytes[at];
        let length = STEP + bytes[at + STEP..range.end].iter().take_while(same).count();
        runs.push(Run { start: at, length });
        at += length;
    }
    runs
}

/// Lengths of the matches that make up a run; none is shorter than 3.
fn matches(run: usize) -> impl Iterator<Item = usize> {
    let mut left = run;
    std::iter::from_fn(move || {
        let length = match left {
            0 => return None,
            length @ ..=MAX_MATCH => length,
            length if length - MAX_MATCH < 3 => MAX_MATCH - 3,
            _ => MAX_MATCH,
        };
        left -= length;
        Some(length)
    })
}

/// Symbol of a match length, with the number of bits that follow and their value.
fn length_symbol(length: usize) -> (usize, u32, u64) {
    if length == MAX_MATCH {
        return (285, 0, 0);
    }
    let above = length - 3;
    if above < 8 {
        return (257 + above, 0, 0);
    }
    let bits = above.ilog2() - 2;
    (257 + 4 * bits as usize + (above >> bits), bits, (above & ((1 << bits) - 1)) as u64)
}

/// How often each literal occurs outside the runs.
fn count_literals(bytes: &[u8], range: std::ops::Range<usize>, runs: &[Run]) -> [u32; SYMBOLS] {
    // Four tables, so that equal neighbours do not wait for each other.
    let mut counts = [[0_u32; 256]; 4];
    let mut count = |bytes: &[u8]| {
        let mut quads = bytes.chunks_exact(4);
        for quad in &mut quads {
            (0..4).for_each(|i| counts[i][usize::from(quad[i])] += 1);
        }
        quads.remainder().iter().for_each(|&byte| counts[0][usize::from(byte)] += 1);
    };
    let mut at = range.start;
    for run in runs {
        count(&bytes[at..run.start]);
        at = run.start + run.length;
    }
    count(&bytes[at..range.end]);
    std::array::from_fn(|symbol| if symbol < 256 { counts.iter().map(|c| c[symbol]).sum() } else { 0 })
}

fn literals(out: &mut Bits, code: &Code, bytes: &[u8]) {
    let table: [u32; 256] =
        std::array::from_fn(|byte| u32::from(code.bits[byte]) << 4 | u32::from(code.lengths[byte]));
    let mut quads = bytes.chunks_exact(4);
    for quad in &mut quads {
        for &byte in quad {
            let entry = table[usize::from(byte)];
            out.append(u64::from(entry >> 4), entry & 15);
        }
        out.flush();
    }
    for &byte in quads.remainder() {
        let entry = table[usize::from(byte)];
        out.push(u64::from(entry >> 4), entry & 15);
    }
}

/// Bits of a stored block, its parts' heads and the way to the next byte included.
fn stored_cost(bytes: usize) -> u64 {
    (bytes * 8 + bytes.div_ceil(0xffff).max(1) * 40) as u64
}

fn store(out: &mut Bits, bytes: &[u8], last: bool) {
    let mut parts = bytes.chunks(0xffff).peekable();
    let mut part = parts.next().unwrap_or_default();
    loop {
        let next = parts.next();
        out.push(u64::from(last && next.is_none()), 3);
        out.align();
        let length = part.len() as u16;
        out.bytes(&length.to_le_bytes());
        out.bytes(&(!length).to_le_bytes());
        out.bytes(part);
        match next {
            Some(next) => part = next,
            None => break,
        }
    }
}

/// The code lengths of a block, themselves coded.
struct Header {
    /// Symbols of the code for code lengths, with the bits that follow and their value.
    symbols: Vec<(u8, u32, u64)>,
    literal_codes: usize,
    code: Code,
    sent: usize,
}

impl Header {
    fn new(lengths: &[u8]) -> Self {
        let literal_codes =
            lengths.iter().rposition(|&length| length > 0).map_or(257, |at| (at + 1).max(257));
        // One distance code, of one bit.
        let all: Vec<u8> = lengths[..literal_codes].iter().copied().chain([1]).collect();
        let symbols = shortened(&all);
        let mut counts = [0; 19];
        symbols.iter().for_each(|&(symbol, _, _)| counts[usize::from(symbol)] += 1);
        let code = Code::new(&counts, 7);
        let sent = LENGTHS_ORDER.iter().rposition(|&at| code.lengths[at] > 0).map_or(4, |at| (at + 1).max(4));
        Self { symbols, literal_codes, code, sent }
    }

    fn cost(&self) -> u64 {
        let symbol = |&(symbol, bits, _): &(u8, u32, u64)| {
            u64::from(self.code.lengths[usize::from(symbol)]) + u64::from(bits)
        };
        14 + 3 * self.sent as u64 + self.symbols.iter().map(symbol).sum::<u64>()
    }

    fn write(&self, out: &mut Bits) {
        out.push((self.literal_codes - 257) as u64, 5);
        out.push(0, 5);
        out.push((self.sent - 4) as u64, 4);
        LENGTHS_ORDER[..self.sent].iter().for_each(|&at| out.push(u64::from(self.code.lengths[at]), 3));
        for &(symbol, bits, value) in &self.symbols {
            let symbol = usize::from(symbol);
            out.push(u64::from(self.code.bits[symbol]), u32::from(self.code.lengths[symbol]));
            out.push(value, bits);
        }
    }
}

/// Code lengths with repeats shortened: 16 repeats the last one 3 to 6 times, 17 and 18 are 3 to 10 and
/// 11 to 138 zeros.
fn shortened(lengths: &[u8]) -> Vec<(u8, u32, u64)> {
    let mut symbols = Vec::new();
    for run in lengths.chunk_by(|a, b| a == b) {
        let (length, mut left) = (run[0], run.len());
        if length != 0 {
            symbols.push((length, 0, 0));
            left -= 1;
        }
        while left >= 3 {
            let (symbol, bits, low, high) = match length {
                0 if left > 10 => (18, 7, 11, 138),
                0 => (17, 3, 3, 10),
                _ => (16, 2, 3, 6),
            };
            let taken = left.min(high);
            symbols.push((symbol, bits, (taken - low) as u64));
            left -= taken;
        }
        symbols.extend(std::iter::repeat_n((length, 0, 0), left));
    }
    symbols
}

/// Bits of a stream, the first one lowest.
struct Bits {
    out: Vec<u8>,
    /// Whole bytes written.
    at: usize,
    waiting: u64,
    /// Bits waiting; below 8 after a flush.
    count: u32,
}

impl Bits {
    fn new(capacity: usize) -> Self {
        Self { out: vec![0; capacity], at: 0, waiting: 0, count: 0 }
    }

    /// Appends bits without writing them: at most 56 between two flushes.
    #[inline(always)]
    fn append(&mut self, bits: u64, count: u32) {
        self.waiting |= bits << self.count;
        self.count += count;
    }

    #[inline(always)]
    fn flush(&mut self) {
        if self.at + 8 > self.out.len() {
            self.out.resize(2 * self.out.len() + 64, 0);
        }
        self.out[self.at..self.at + 8].copy_from_slice(&self.waiting.to_le_bytes());
        self.at += (self.count / 8) as usize;
        self.waiting >>= self.count & !7;
        self.count &= 7;
    }

    fn push(&mut self, bits: u64, count: u32) {
        self.append(bits, count);
        self.flush();
    }

    /// Fills the last byte up.
    fn align(&mut self) {
        self.count = self.count.next_multiple_of(8);
        self.flush();
    }

    /// Whole bytes; the stream must be aligned.
    fn bytes(&mut self, bytes: &[u8]) {
        if self.at + bytes.len() + 8 > self.out.len() {
            self.out.resize(self.at + bytes.len() + 64, 0);
        }
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.truncate(self.at);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn match_lengths_have_the_symbols_of_the_standard() {
        // RFC 1951, 3.2.5.
        for (length, want) in [
            (3, (257, 0, 0)),
            (10, (264, 0, 0)),
            (11, (265, 1, 0)),
            (12, (265, 1, 1)),
            (18, (268, 1, 1)),
            (19, (269, 2, 0)),
            (130, (280, 4, 15)),
            (131, (281, 5, 0)),
            (257, (284, 5, 30)),
            (258, (285, 0, 0)),
        ] {
            assert_eq!(length_symbol(length), want, "{length}");
        }
    }

    #[test]
    fn runs_split_into_allowed_matches() {
        for run in 8..2000 {
            let lengths: Vec<usize> = matches(run).collect();
            assert_eq!(lengths.iter().sum::<usize>(), run);
            assert!(lengths.iter().all(|length| (3..=MAX_MATCH).contains(length)), "{run}: {lengths:?}");
        }
    }

    #[test]
    fn repeats_of_code_lengths_are_shortened() {
        let lengths = [vec![0; 150], vec![5; 8], vec![0; 2], vec![7]].concat();
        let expected =
            [(18, 7, 127), (18, 7, 1), (5, 0, 0), (16, 2, 3), (5, 0, 0), (0, 0, 0), (0, 0, 0), (7, 0, 0)];
        assert_eq!(shortened(&lengths), expected);
    }
}
