use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use synth_core::{Error, Result};

use super::error::{corrupt, corrupt_tensor};
use super::storage::{StoredTensor, TensorInfo, WeightsFile};
use super::{folder, safetensors, torch};

/// Bytes of a file by which its format is recognised.
const START_BYTES: u64 = 512;

/// Where a tar archive has its mark.
const TAR_MARK: std::ops::Range<usize> = 257..262;

/// Named tensors of a file or folder, read one at a time when they are asked for.
///
/// - `.safetensors`: one file, or several with their `….safetensors.index.json`.
/// - `.pth`, `.pt`, `.bin` of `torch.save`: the zip format, in both byte orders, and the format before
///   PyTorch 1.6; one file, or several with their `….bin.index.json`.
/// - A folder: `model.safetensors`, else its index, else `pytorch_model.bin`, else its index, else the
///   only file that ends in `.safetensors`, `.pth`, `.pt` or `.bin`.
///
/// The format is recognised from the content, not from the name. Opening reads names and shapes, and
/// checks that every number they speak of lies in the file; the files stay open. At most one tensor and
/// 1 MiB are held while one is read, and for one that is not row by row in the file its extent there.
///
/// Files of PyTorch are read by a machine that cannot run Python: it knows the few names that a state
/// dict needs, and any other name is an error. The weights are the outermost dictionary with a tensor
/// among its values. Where the root has none (`{"model": {…}, "epoch": 3}`), the only entry with tensors
/// inside is looked into; of several the first of `state_dict`, `model_state_dict`, `model`, `teacher`,
/// `module`, `net`, `backbone`. Dictionaries inside the weights join their names with a dot. What is no
/// tensor is left out.
///
/// Not read: zip entries that are compressed, TorchScript archives, files of PyTorch before 0.1.10,
/// sparse and quantised tensors. The errors for files that Python can read give the command that
/// converts them.
///
/// # Examples
/// ```
/// use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
/// use synth_embed::weights::Checkpoint;
///
/// let folder = tempfile::tempdir()?;
/// let numbers: Vec<u8> = [1.0_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
/// let view = TensorView::new(Dtype::F32, vec![1, 2], &numbers)?;
/// serialize_to_file([("layer.weight", view)], None, &folder.path().join("model.safetensors"))?;
///
/// let checkpoint = Checkpoint::open(folder.path())?;
/// assert_eq!(checkpoint.info("layer.weight").expect("there").shape, [1, 2]);
/// assert_eq!(checkpoint.read("layer.weight")?.as_slice(), Some(&[1.0, -2.0][..]));
/// assert!(checkpoint.read("layer.bias").is_err(), "no such tensor");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<WeightsFile>,
    tensors: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    file: usize,
    tensor: StoredTensor,
}

impl Checkpoint {
    /// Opens a file, an index or a folder.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read; [`Error::NotFound`] for a folder without weights;
    /// [`Error::InvalidParam`] for one with several files to choose from; [`Error::Corrupt`] naming file
    /// and tensor for a file that is torn, altered or of another format; [`Error::Unsupported`] with the
    /// command that converts it for a file that would need Python.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = folder::find(path.as_ref())?;
        if !folder::is_index(&path) {
            let mut checkpoint = Self { path, files: Vec::new(), tensors: BTreeMap::new() };
            let file = WeightsFile::open(&checkpoint.path)?;
            checkpoint.add(file)?;
            return Ok(checkpoint);
        }
        let shards = folder::shards(&path)?;
        let mut checkpoint = Self { path, files: Vec::new(), tensors: BTreeMap::new() };
        for (file, names) in shards {
            checkpoint.add(WeightsFile::open(&file)?)?;
            let here = checkpoint.files.len() - 1;
            let absent = names
                .iter()
                .find(|name| checkpoint.tensors.get(*name).is_none_or(|place| place.file != here));
            if let Some(name) = absent {
                let problem = format!("the index says it is in `{}`, which does not hold it", file.display());
                return Err(corrupt_tensor(&checkpoint.path, name, problem));
            }
        }
        Ok(checkpoint)
    }

    fn add(&mut self, file: WeightsFile) -> Result<()> {
        for (name, tensor) in tensors(&file)? {
            if self.tensors.contains_key(&name) {
                return Err(corrupt_tensor(
                    file.path(),
                    &name,
                    "another file of the same weights holds it as well",
                ));
            }
            self.tensors.insert(name, Place { file: self.files.len(), tensor });
        }
        self.files.push(file);
        Ok(())
    }

    /// The file or index that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors, in byte order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Shape and type of a tensor, if it is there.
    #[must_use]
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|place| place.tensor.info())
    }

    /// Numbers in all tensors together; every one has its place in the files.
    pub(super) fn elements(&self) -> usize {
        self.tensors.values().fold(0, |sum, place| sum.saturating_add(place.tensor.elements()))
    }

    /// A tensor as f32 in row-major order; f64 is rounded, f16 and bf16 are exact.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of this name; [`Error::Corrupt`] naming file and tensor if it
    /// holds no floats, or if its bytes do not match their checksum; [`Error::Io`] if reading fails.
    pub fn read(&self, name: &str) -> Result<ArrayD<f32>> {
        let Some(Place { file, tensor }) = self.tensors.get(name) else {
            return Err(Error::NotFound {
                what: "tensor",
                name: format!("{name} in {}", self.path.display()),
            });
        };
        tensor.read(&self.files[*file], name)
    }
}

/// The tensors of one file, by the format that its first bytes show.
fn tensors(file: &WeightsFile) -> Result<BTreeMap<String, StoredTensor>> {
    let start = file.read_vec(0, file.bytes().min(START_BYTES) as usize)?;
    if torch::is_zip(&start) {
        torch::zip_tensors(file)
    } else if torch::is_pickle(&start) {
        torch::legacy_tensors(file)
    } else if safetensors::is_safetensors(&start) {
        safetensors::tensors(file)
    } else {
        Err(corrupt(file.path(), unknown(&start)))
    }
}

/// What a file of another format may be, for people.
fn unknown(start: &[u8]) -> &'static str {
    let text = start.trim_ascii_start();
    if start.is_empty() {
        "it is empty; fetch the file anew"
    } else if start.starts_with(b"version https://git-lfs") {
        "a pointer of Git LFS, not the weights; fetch them with `git lfs pull`"
    } else if text.starts_with(b"<") {
        "a web page, not weights; fetch the file itself, not the page that shows it"
    } else if start.get(TAR_MARK).is_some_and(|mark| mark == b"ustar") {
        "a tar file, as PyTorch wrote before 0.1.10; load it with PyTorch and save its state dict anew"
    } else {
        "neither safetensors nor a file of `torch.save`"
    }
}
