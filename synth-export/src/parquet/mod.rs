//! Embeddings as a Parquet file.
//!
//! | column | type | |
//! |---|---|---|
//! | `id` | string | unique |
//! | `group` | string | what is independent |
//! | `embedding` | fixed-size list of float32 | finite |
//! | `blake3` | string, may be null | hash of the item's file; left out where no row has one |
//!
//! The file's key-value metadata holds `synth.embedder`, the identity as JSON (`name`, `weights`,
//! `preprocessing`), and `synth.content`, the number and length of the rows and a hash of them. Tools
//! that filter rows keep the metadata, so the latter counts only in a file that names this crate as its
//! writer. Tools that join tables keep the identity of the first.
//!
//! The same rows give the same bytes: row groups of 8,192 rows, plain encoding, no compression (float32
//! embeddings hardly shrink), no time, a fixed name of the writer.

mod columns;
mod content;
mod read;
mod write;

pub(crate) use read::{Contents, read};
pub(crate) use write::ParquetWriter;

const ID: &str = "id";
const GROUP: &str = "group";
const EMBEDDING: &str = "embedding";
const BLAKE3: &str = "blake3";

const IDENTITY_KEY: &str = "synth.embedder";
const CONTENT_KEY: &str = "synth.content";

/// The layout's name and version, not the program's: equal rows keep equal bytes across releases.
const CREATED_BY: &str = "synth-export version 1";
/// Rows in a row group.
const GROUP_ROWS: usize = 8192;
