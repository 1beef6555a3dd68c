//! The file format, version 1.
//!
//! Everything is little-endian and without gaps:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `SYNHNSW` and a zero |
//! | 4 | version, 1 |
//! | 4 | zero |
//! | 8 | row length `dim` |
//! | 8 | number of nodes `n` |
//! | 8 | length of the graph section in bytes |
//! | 32 | BLAKE3 of the rows section |
//! | 32 | BLAKE3 of the graph section |
//! | 24 | first bytes of the BLAKE3 of all bytes before it |
//! | 4 · `n` · `dim` | rows section: float32 by node |
//! | as above | graph section |
//!
//! The graph section: parameters as JSON; the entry node, or 2³² − 1 if there is none; for each node
//! its highest layer (1 byte), a hash of its row (8 bytes; [`hash_of`](super::twins::hash_of)), 1 / |row|
//! (float32, cosine only), its ids (their number, then each id), and for each layer from the lowest the
//! number of its links and the links. Numbers are of 4 bytes unless said otherwise; texts are UTF-8
//! behind their length. The file ends there.
//!
//! The rows begin at byte 128, so that they are aligned in a map of the file.

use super::graph::{Graph, top_layer};
use super::names::Names;
use super::twins::Twins;
use super::{Hnsw, HnswParams};
use crate::Metric;

const MAGIC: &[u8; 8] = b"SYNHNSW\0";
const VERSION: u32 = 1;
/// Where the rows begin.
pub(super) const HEADER_LEN: usize = 128;
const CHECKED_LEN: usize = 104;
const NO_ENTRY: u32 = u32::MAX;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("it does not begin like an index of this program")]
    Magic,
    #[error("it has format version {0}, this program reads version {VERSION}; build it again")]
    Version(u32),
    #[error("the checksum of the {0} does not match")]
    Checksum(&'static str),
    #[error("it has {got} bytes, its header asks for {expected}")]
    Length { expected: u64, got: u64 },
    #[error("the {0} ends early")]
    Short(&'static str),
    #[error("bytes are left behind its end")]
    Long,
    #[error("node {node}: {what}")]
    Node { node: usize, what: &'static str },
    #[error("its {0} cannot be used")]
    Unusable(&'static str),
    #[error("its parameters are refused: {0}")]
    Params(String),
}

type Result<T> = std::result::Result<T, Problem>;

/// The beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) dim: usize,
    pub(super) nodes: usize,
    pub(super) graph_len: usize,
    pub(super) rows_hash: [u8; 32],
    pub(super) graph_hash: [u8; 32],
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 4]);
        for number in [self.dim, self.nodes, self.graph_len] {
            bytes.extend((number as u64).to_le_bytes());
        }
        bytes.extend(self.rows_hash);
        bytes.extend(self.graph_hash);
        let hash = blake3::hash(&bytes);
        bytes.extend(&hash.as_bytes()[..HEADER_LEN - CHECKED_LEN]);
        bytes.try_into().expect("invariant: the fields fill the header")
    }

    /// Reads the header of a file of `file_len` bytes.
    pub(super) fn decode(bytes: &[u8], file_len: u64) -> Result<Self> {
        let mut reader = Reader { left: bytes, what: "header" };
        if reader.array::<8>()? != *MAGIC {
            return Err(Problem::Magic);
        }
        let version = reader.number()?;
        if version != VERSION {
            return Err(Problem::Version(version));
        }
        if reader.array()? != [0; 4] {
            return Err(Problem::Unusable("header"));
        }
        let mut size = || Ok(u64::from_le_bytes(reader.array()?));
        let (dim, nodes, graph_len) = (size()?, size()?, size()?);
        let (rows_hash, graph_hash) = (reader.array()?, reader.array()?);
        let checksum: [u8; HEADER_LEN - CHECKED_LEN] = reader.array()?;
        if blake3::hash(&bytes[..CHECKED_LEN]).as_bytes()[..checksum.len()] != checksum {
            return Err(Problem::Checksum("header"));
        }
        let rows_len = dim.checked_mul(nodes).and_then(|values| values.checked_mul(4));
        let expected = rows_len
            .and_then(|rows| rows.checked_add(graph_len)?.checked_add(HEADER_LEN as u64))
            .ok_or(Problem::Unusable("size"))?;
        if expected != file_len {
            return Err(Problem::Length { expected, got: file_len });
        }
        // One node number stands for no entry.
        if dim == 0 || nodes >= u64::from(u32::MAX) || usize::try_from(expected).is_err() {
            return Err(Problem::Unusable("size"));
        }
        let (dim, nodes, graph_len) = (dim as usize, nodes as usize, graph_len as usize);
        Ok(Self { dim, nodes, graph_len, rows_hash, graph_hash })
    }

    /// Number of float32 in the rows section.
    pub(super) fn values(&self) -> usize {
        self.dim * self.nodes
    }
}

/// The graph section in memory.
#[derive(Debug)]
pub(super) struct Skeleton {
    pub(super) params: HnswParams,
    pub(super) graph: Graph,
    pub(super) names: Names,
    pub(super) twins: Twins,
    pub(super) inverse_norms: Vec<f32>,
}

/// The graph section of an index.
pub(super) fn encode(index: &Hnsw) -> Vec<u8> {
    let mut bytes = Vec::new();
    let params = serde_json::to_vec(&index.params).expect("invariant: parameters are plain numbers");
    put_text(&mut bytes, &params);
    put(&mut bytes, index.graph.entry().unwrap_or(NO_ENTRY));
    for node in 0..index.graph.len() as u32 {
        let level = index.graph.level(node);
        bytes.push(level);
        bytes.extend(index.twins.hashes()[node as usize].to_le_bytes());
        if let Some(inverse_norm) = index.vectors.inverse_norms().get(node as usize) {
            bytes.extend(inverse_norm.to_le_bytes());
        }
        put(&mut bytes, index.names.of(node).count() as u32);
        index.names.of(node).for_each(|id| put_text(&mut bytes, id.as_bytes()));
        for layer in 0..=level {
            let links = index.graph.links(layer, node);
            put(&mut bytes, links.len() as u32);
            links.iter().for_each(|&link| put(&mut bytes, link));
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend(number.to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    put(bytes, text.len() as u32);
    bytes.extend(text);
}

/// Reads a graph section; what it gives holds every index within its bounds.
pub(super) fn decode(bytes: &[u8], nodes: usize) -> Result<Skeleton> {
    let mut reader = Reader { left: bytes, what: "graph section" };
    let params: HnswParams =
        serde_json::from_slice(reader.text()?).map_err(|error| Problem::Params(error.to_string()))?;
    params.check().map_err(|error| Problem::Params(error.to_string()))?;
    let entry = reader.number()?;
    let graph = Graph::new(params.max_links);
    let (names, twins, inverse_norms) = (Names::default(), Twins::default(), Vec::new());
    let mut skeleton = Skeleton { params, graph, names, twins, inverse_norms };
    for node in 0..nodes {
        skeleton.read_node(&mut reader, (node, nodes))?;
    }
    if !reader.left.is_empty() {
        return Err(Problem::Long);
    }
    skeleton.check_links()?;
    skeleton.take_entry(entry)?;
    Ok(skeleton)
}

impl Skeleton {
    fn read_node(&mut self, reader: &mut Reader<'_>, (node, nodes): (usize, usize)) -> Result<()> {
        let wrong = |what| Problem::Node { node, what };
        let [level] = reader.array()?;
        if level > top_layer(self.params.max_links) {
            return Err(wrong("its layer is too high"));
        }
        let number = self.graph.push(level);
        self.twins.push(u64::from_le_bytes(reader.array()?));
        if self.params.metric == Metric::Cosine {
            let inverse_norm = f32::from_le_bytes(reader.array()?);
            if !(inverse_norm > 0.0 && inverse_norm.is_finite()) {
                return Err(wrong("its norm is not a positive number"));
            }
            self.inverse_norms.push(inverse_norm);
        }
        self.names.push();
        for _ in 0..reader.number()? {
            let id = str::from_utf8(reader.text()?).map_err(|_utf8| wrong("an id is not UTF-8"))?;
            if self.names.contains(id) {
                return Err(wrong("its id belongs to two"));
            }
            self.names.add(id, number);
        }
        for layer in 0..=level {
            let count = reader.number()? as usize;
            if count > self.graph.capacity(layer) {
                return Err(wrong("it has too many links"));
            }
            let links = (0..count).map(|_| reader.number()).collect::<Result<Vec<u32>>>()?;
            if links.iter().any(|&link| link as usize >= nodes || link == number) {
                return Err(wrong("a link leads nowhere"));
            }
            self.graph.set_links(layer, number, &links);
        }
        Ok(())
    }

    /// Links of a layer lead to nodes of that layer.
    fn check_links(&self) -> Result<()> {
        for node in 0..self.graph.len() as u32 {
            for layer in 1..=self.graph.level(node) {
                if self.graph.links(layer, node).iter().any(|&link| self.graph.level(link) < layer) {
                    return Err(Problem::Node { node: node as usize, what: "a link leads off its layer" });
                }
            }
        }
        Ok(())
    }

    fn take_entry(&mut self, entry: u32) -> Result<()> {
        let nodes = self.graph.len() as u32;
        let top = (0..nodes).map(|node| self.graph.level(node)).max();
        let usable = match top {
            None => entry == NO_ENTRY,
            Some(top) => entry < nodes && self.graph.level(entry) == top,
        };
        if !usable {
            return Err(Problem::Unusable("entry"));
        }
        self.graph.set_entry((entry != NO_ENTRY).then_some(entry));
        Ok(())
    }
}

/// Takes numbers and texts off the front of bytes.
#[derive(Debug)]
struct Reader<'a> {
    left: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(len).ok_or(Problem::Short(self.what))?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, left) = self.left.split_first_chunk().ok_or(Problem::Short(self.what))?;
        self.left = left;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<&'a [u8]> {
        let len = self.number()? as usize;
        self.take(len)
    }
}
