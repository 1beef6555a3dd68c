//! NumPy's `.npy` files, and the embeddings kept in them.

mod embedding_file;
mod format;
mod header;
mod partial;

pub use embedding_file::{EmbeddedRow, EmbeddingFile, rows_path};
pub use format::{npy_from_f32, npy_from_f64, parse_npy, read_npy};
pub use partial::EmbeddingJob;
