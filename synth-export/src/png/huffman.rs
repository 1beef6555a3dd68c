/// The longest code that four literals may have and still fit the bit buffer together.
pub(super) const MAX_LENGTH: usize = 13;

/// A prefix code: for each symbol its bits, as they are sent, and how many; length 0 for a symbol that
/// does not occur.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) lengths: Vec<u8>,
    pub(super) bits: Vec<u16>,
}

impl Code {
    /// The code for symbols that occur this often, none longer than `limit` bits; optimal where no
    /// length had to be cut. At least two symbols get a code, because DEFLATE wants a complete one.
    pub(super) fn new(counts: &[u32], limit: usize) -> Self {
        let mut used: Vec<(u32, usize)> =
            counts.iter().copied().zip(0..).filter(|&(count, _)| count > 0).collect();
        for symbol in 0..2 {
            if used.len() < 2 && used.iter().all(|&(_, other)| other != symbol) {
                used.push((1, symbol));
            }
        }
        used.sort_unstable();
        let depths = depths(&used.iter().map(|&(count, _)| u64::from(count)).collect::<Vec<_>>());
        let mut lengths = vec![0; counts.len()];
        for (&(_, symbol), length) in used.iter().zip(limited(&depths, limit)) {
            lengths[symbol] = length;
        }
        let bits = canonical(&lengths);
        Self { lengths, bits }
    }

    /// Bits that symbols occurring this often will take.
    pub(super) fn cost(&self, counts: &[u32]) -> u64 {
        counts.iter().zip(&self.lengths).map(|(&count, &length)| u64::from(count) * u64::from(length)).sum()
    }
}

/// Depth of each leaf in the Huffman tree of these weights, ascending: the two lightest nodes, leaves
/// before inner nodes of equal weight, become one until one is left.
fn depths(weights: &[u64]) -> Vec<usize> {
    let leaves = weights.len();
    let mut weight = weights.to_vec();
    let mut parent = vec![0; 2 * leaves - 1];
    let (mut leaf, mut inner) = (0, leaves);
    for node in leaves..2 * leaves - 1 {
        let mut lightest = || {
            let at = if leaf < leaves && (inner == weight.len() || weight[leaf] <= weight[inner]) {
                &mut leaf
            } else {
                &mut inner
            };
            *at += 1;
            *at - 1
        };
        let (a, b) = (lightest(), lightest());
        (parent[a], parent[b]) = (node, node);
        weight.push(weight[a] + weight[b]);
    }
    let mut depth = vec![0; 2 * leaves - 1];
    for node in (0..2 * leaves - 2).rev() {
        depth[node] = depth[parent[node]] + 1;
    }
    depth.truncate(leaves);
    depth
}

/// Code lengths of at most `limit` for leaves of these depths, ascending in weight: leaves below the
/// limit move up to it, and the deepest leaves above it move down to make room.
fn limited(depths: &[usize], limit: usize) -> Vec<u8> {
    let mut of_length = vec![0_usize; limit + 1];
    depths.iter().for_each(|&depth| of_length[depth.min(limit)] += 1);
    // Kraft's sum in 2^-limit; a complete code has 2^limit.
    let mut sum: usize = (1..=limit).map(|length| of_length[length] << (limit - length)).sum();
    while sum > 1 << limit {
        let from = (1..limit).rev().find(|&length| of_length[length] > 0);
        let from = from.expect("invariant: 2^limit symbols and more are not in use");
        of_length[limit] -= 1;
        of_length[from] -= 1;
        of_length[from + 1] += 2;
        sum -= 1;
    }
    let lengths = (1..=limit).rev().flat_map(|length| std::iter::repeat_n(length as u8, of_length[length]));
    lengths.collect()
}

/// The codes that RFC 1951, 3.2.2, gives symbols of these lengths, first bit lowest.
fn canonical(lengths: &[u8]) -> Vec<u16> {
    let mut next = [0_u16; 17];
    for length in 1..16 {
        let count = lengths.iter().filter(|&&other| other == length).count() as u16;
        next[usize::from(length) + 1] = (next[usize::from(length)] + count) << 1;
    }
    let code = |&length: &u8| {
        if length == 0 {
            return 0;
        }
        let code = &mut next[usize::from(length)];
        *code += 1;
        (*code - 1).reverse_bits() >> (16 - length)
    };
    lengths.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_by_hand() {
        // 1 + 1 = 2, 2 + 2 = 4, 4 + 4 = 8.
        assert_eq!(Code::new(&[4, 0, 1, 2, 1], 13).lengths, [1, 0, 3, 2, 3]);
        assert_eq!(Code::new(&[4, 0, 1, 2, 1], 13).bits, [0b0, 0, 0b011, 0b01, 0b111]);
    }

    #[test]
    fn one_symbol_still_makes_a_complete_code() {
        assert_eq!(Code::new(&[0, 0, 9], 13).lengths, [1, 0, 1]);
        assert_eq!(Code::new(&[0, 0, 0], 13).lengths, [1, 1, 0]);
    }

    proptest! {
        #[test]
        fn codes_are_complete_and_within_the_limit(
            counts in prop::collection::vec(prop_oneof![Just(0_u32), 1_u32..5, 1_u32..1_000_000], 20..286),
            limit in 9_usize..14,
        ) {
            let code = Code::new(&counts, limit);
            let used = code.lengths.iter().filter(|&&length| length > 0);
            prop_assert!(code.lengths.iter().all(|&length| usize::from(length) <= limit));
            prop_assert_eq!(used.map(|length| 1_u32 << (limit - usize::from(*length))).sum::<u32>(), 1 << limit);
            for (count, length) in counts.iter().zip(&code.lengths) {
                prop_assert!(*count == 0 || *length > 0);
            }
        }

        #[test]
        fn an_uncut_code_costs_within_one_bit_of_the_entropy(
            counts in prop::collection::vec(1_u32..1000, 2..200),
        ) {
            let total: f64 = counts.iter().map(|&c| f64::from(c)).sum();
            let entropy: f64 = counts.iter().map(|&c| f64::from(c) * (total / f64::from(c)).log2()).sum();
            let cost = Code::new(&counts, 15).cost(&counts) as f64;
            prop_assert!(cost + 1e-6 >= entropy && cost <= entropy + total);
        }
    }
}
