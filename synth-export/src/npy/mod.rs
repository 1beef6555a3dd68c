//! NumPy's `.npy` files, and the embeddings kept in them or in Parquet files.

mod embedding_file;
mod format;
mod header;
mod partial;
mod save;

pub use embedding_file::{EmbeddedRow, EmbeddingFile, is_parquet, rows_path};
pub use format::{npy_from_f32, npy_from_f64, parse_npy, read_npy};
pub use partial::EmbeddingJob;
pub use save::write_embeddings;
