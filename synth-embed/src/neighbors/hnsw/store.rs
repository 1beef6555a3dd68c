//! Saving, loading, and searching in place.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;
use rayon::prelude::*;
use synth_core::{Error, Result};

use super::Hnsw;
use super::format::{HEADER_LEN, Header, Problem, Skeleton, decode, encode};
use super::map::{MappedRows, map};
use super::twins::hash_of;
use super::vectors::{Vectors, inverse_norm};

/// Ending of the name under which a file is written.
const TEMPORARY: &str = ".synth-tmp";
/// Values converted at a time.
const CHUNK_VALUES: usize = 16_384;

impl Hnsw {
    /// Writes the index to a file: whole or not at all, replacing what was there.
    ///
    /// The bytes depend on the index alone; saving what was just loaded gives the same file. The
    /// format is described in the source file `format.rs`. A process that is killed while it saves leaves
    /// a file `.<name>.synth-tmp` beside the target, which the next save overwrites. Two processes must
    /// not save to the same path at once.
    ///
    /// # Errors
    /// [`Error::Io`] naming the path, [`Error::InvalidParam`] if it does not end in a file name;
    /// [`Error::Corrupt`] if a row of an [opened](Self::open) index is not what was saved: damage does
    /// not get a new checksum.
    pub fn save(&self, path: &Path) -> Result<()> {
        let temporary = temporary_of(path)?;
        self.verify()?;
        let written = self.write(&temporary).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // Nothing more can be done about it than to say why the write failed.
            drop(fs::remove_file(&temporary));
        }
        written.and_then(|()| sync_parent(path)).map_err(io_error("writing", path))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let graph = encode(self);
        let mut rows_hash = blake3::Hasher::new();
        self.each_chunk(|bytes| {
            rows_hash.update(bytes);
            Ok(())
        })?;
        let header = Header {
            dim: self.dim(),
            nodes: self.graph.len(),
            graph_len: graph.len(),
            rows_hash: *rows_hash.finalize().as_bytes(),
            graph_hash: *blake3::hash(&graph).as_bytes(),
        };
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&header.encode())?;
        self.each_chunk(|bytes| file.write_all(bytes))?;
        file.write_all(&graph)?;
        file.into_inner()?.sync_all()
    }

    /// Hands on the rows section piece by piece.
    fn each_chunk(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(4 * CHUNK_VALUES);
        for node in 0..self.graph.len() as u32 {
            for values in self.vectors.row(node).chunks(CHUNK_VALUES) {
                if bytes.len() + 4 * values.len() > 4 * CHUNK_VALUES {
                    take(&bytes)?;
                    bytes.clear();
                }
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        take(&bytes)
    }

    /// Reads an index into memory and checks every byte of it.
    ///
    /// # Errors
    /// [`Error::Io`] naming the path; [`Error::Corrupt`] if the file is no index, is cut short, altered
    /// or of another version.
    pub fn load(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(io_error("reading", path))?;
        let header = read_header(&mut file, path)?;
        let values = read_values(&mut file, &header, path)?;
        let mut graph = vec![0; header.graph_len];
        file.read_exact(&mut graph).map_err(io_error("reading", path))?;
        let skeleton = read_graph(&graph, &header, path)?;
        let (metric, dim) = (skeleton.params.metric, header.dim);
        let rows = ArrayView2::from_shape((header.nodes, dim), &values)
            .expect("invariant: as many values as the header says");
        metric.check("rows", rows, dim).map_err(|error| corrupt(path, &error))?;
        for (node, row) in values.chunks(dim).enumerate() {
            let norm = skeleton.inverse_norms.get(node);
            if hash_of(row) != skeleton.twins.hashes()[node] || norm.is_some_and(|&n| n != inverse_norm(row))
            {
                return Err(corrupt(path, &Problem::Node { node, what: "its row is another" }));
            }
        }
        Ok(skeleton.with(dim, |norms| Vectors::loaded(metric, dim, values, norms)))
    }

    /// Opens an index with its rows left in the file: the system reads the pages that a search touches
    /// and may drop them again. Links and ids come into memory and are checked; the rows are not read.
    ///
    /// Searches give the answers of the loaded index. Rows that are added stay in memory; removing
    /// more than one in five brings all into memory. Rows that may be damaged are compared with their
    /// checksums by [`verify`](Self::verify), then too. Another program that writes into the file or cuts it short
    /// while it is open can make distances wrong or end the process with a bus error. [`save`](Self::save)
    /// does neither: it puts a new file in its place, and this index keeps the old one.
    ///
    /// # Errors
    /// As [`load`](Self::load); [`Error::Unsupported`] on a big-endian machine.
    pub fn open(path: &Path) -> Result<Self> {
        if cfg!(target_endian = "big") {
            let reason = "the rows are little-endian; load the index instead".into();
            return Err(Error::Unsupported { what: "opening an index in place".into(), reason });
        }
        let mut file = File::open(path).map_err(io_error("reading", path))?;
        let header = read_header(&mut file, path)?;
        let map = map(&file).map_err(io_error("mapping", path))?;
        let graph_start = HEADER_LEN + 4 * header.values();
        let graph = map.get(graph_start..graph_start + header.graph_len).map(<[u8]>::to_vec);
        let graph = graph.ok_or_else(|| corrupt(path, &Problem::Short("file")))?;
        let skeleton = read_graph(&graph, &header, path)?;
        let rows = MappedRows::new(map, (HEADER_LEN, header.values()));
        let rows = rows.ok_or_else(|| corrupt(path, &Problem::Short("file")))?;
        let (metric, dim) = (skeleton.params.metric, header.dim);
        Ok(skeleton.with(dim, |norms| Vectors::opened(metric, dim, (rows, path), norms)))
    }

    /// Reads all rows of an [opened](Self::open) index once and compares each with its checksum; one that
    /// was built or loaded is what it is.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the file that was opened if a row is not the one that was added.
    pub fn verify(&self) -> Result<()> {
        let Some(origin) = self.vectors.origin() else { return Ok(()) };
        let hashes = self.twins.hashes();
        let is_altered = |&node: &usize| hash_of(self.vectors.row(node as u32)) != hashes[node];
        match (0..hashes.len()).into_par_iter().find_first(is_altered) {
            None => Ok(()),
            Some(node) => {
                let what = "its row is not the one that was added";
                Err(corrupt(origin, &Problem::Node { node, what }))
            }
        }
    }
}

impl Skeleton {
    /// The index of these and of rows that are made with their inverse norms.
    fn with(self, dim: usize, rows: impl FnOnce(Vec<f32>) -> Vectors) -> Hnsw {
        let Self { params, graph, names, twins, inverse_norms } = self;
        Hnsw { params, dim, vectors: rows(inverse_norms), graph, names, twins }
    }
}

fn read_header(file: &mut File, path: &Path) -> Result<Header> {
    let len = file.metadata().map_err(io_error("reading", path))?.len();
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    file.take(HEADER_LEN as u64).read_to_end(&mut bytes).map_err(io_error("reading", path))?;
    Header::decode(&bytes, len).map_err(|problem| corrupt(path, &problem))
}

fn read_values(file: &mut File, header: &Header, path: &Path) -> Result<Vec<f32>> {
    let mut values = Vec::with_capacity(header.values());
    let (mut hash, mut bytes) = (blake3::Hasher::new(), vec![0; 4 * CHUNK_VALUES]);
    while values.len() < header.values() {
        let bytes = &mut bytes[..4 * CHUNK_VALUES.min(header.values() - values.len())];
        file.read_exact(bytes).map_err(io_error("reading", path))?;
        hash.update(bytes);
        values.extend(bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)));
    }
    if *hash.finalize().as_bytes() != header.rows_hash {
        return Err(corrupt(path, &Problem::Checksum("rows")));
    }
    Ok(values)
}

fn read_graph(bytes: &[u8], header: &Header, path: &Path) -> Result<Skeleton> {
    if *blake3::hash(bytes).as_bytes() != header.graph_hash {
        return Err(corrupt(path, &Problem::Checksum("graph")));
    }
    decode(bytes, header.nodes).map_err(|problem| corrupt(path, &problem))
}

fn temporary_of(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(Error::invalid("path", "a path that ends in a file name", path.display()));
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(TEMPORARY);
    Ok(path.with_file_name(temporary))
}

/// Makes the new name durable; systems without the notion do nothing.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { action, path, source }
}

fn corrupt(path: &Path, problem: &dyn std::error::Error) -> Error {
    Error::Corrupt { path: path.display().to_string(), problem: problem.to_string() }
}
