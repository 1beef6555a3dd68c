//! What the tests share: the program, a small experiment, hashes of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// An experiment of a second: small images, few of them.
pub const SMALL: &str = "\
experiment_name: small
image_size: 64
real: {param_sets: 8, replications: 1}
param_bounds:
  base_size: [2, 12]
  size_std: [0, 4]
param_distributions:
  real:
    void_shape: {circle: 0.5, ellipse: 0.5, irregular: 0}
    base_size: {mean: 6, std: 1}
initial_sets: 6
iteration_batch_size: 4
replications_per_iteration: 2
max_iterations: 2
bootstrap_replicates: 19
folds: 2
";

/// A place of its own with the program in it.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// With the small experiment as `small.yaml`.
    pub fn small() -> Self {
        let place = Self::new();
        place.write("small.yaml", SMALL);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, content).expect("written");
    }

    /// A grey image with a pattern that depends on `kind`.
    pub fn image(&self, name: &str, side: u32, kind: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        let pixel = |x: u32, y: u32| image::Luma([((x * (3 + kind) + y * (7 + 2 * kind)) % 200 + 20) as u8]);
        image::GrayImage::from_fn(side, side, pixel).save(path).expect("saved");
    }

    /// The program in this place, without the caller's settings.
    pub fn synth(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synth"));
        command.current_dir(self.0.path()).args(arguments);
        for name in [
            "SOURCE_DATE_EPOCH",
            "SYNTH_FAILPOINT",
            "JOB_COMPLETION_INDEX",
            "SLURM_ARRAY_TASK_ID",
            "RAYON_NUM_THREADS",
            "HF_HUB_CACHE",
            "HUGGINGFACE_HUB_CACHE",
            "HF_ENDPOINT",
            "HF_TOKEN",
        ] {
            command.env_remove(name);
        }
        command.env("HF_HOME", self.path("hf")).env("HF_HUB_OFFLINE", "1");
        command
    }

    /// Runs the program where the shell's `ulimit` holds: `-f 4` allows no file beyond 4 blocks (512 bytes by
    /// POSIX, 1,024 in bash), what a full disk looks like to it; `-v 500000` no more than 500,000 KiB of
    /// memory.
    pub fn limited(&self, limit: &str, arguments: &[&str]) -> Ended {
        let plain = self.synth(arguments);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]).arg(plain.get_program());
        shell.args(arguments).current_dir(self.path(""));
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Ended::new(arguments, shell.output().expect("a shell"))
    }

    /// The names in a folder of the place, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::new(arguments, self.synth(arguments).output().expect("started"))
    }
}

/// What a process left.
#[derive(Debug)]
pub struct Ended {
    what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn new(arguments: &[&str], output: Output) -> Self {
        Self {
            what: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The same, after a look at the exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "synth {}\n{}\n{}", self.what, self.stdout, self.stderr);
        self
    }

    /// The same, after a look at an error message.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "synth {}\n`{part}` is not in\n{}", self.what, self.stderr);
        }
        self
    }
}

/// Hashes of all files that a run's or dataset's manifest lists, checked against the files.
pub fn hashes(root: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(root.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let files = manifest["files"].as_object().expect("files");
    assert!(!files.is_empty());
    files
        .iter()
        .map(|(path, entry)| {
            let hash = blake3::hash(&fs::read(root.join(path)).expect("a listed file")).to_hex().to_string();
            assert_eq!(entry["blake3"], hash.as_str(), "{path}");
            (path.clone(), hash)
        })
        .chain([("manifest.json".to_owned(), blake3::hash(text.as_bytes()).to_hex().to_string())])
        .collect()
}

/// The paths whose hashes differ.
pub fn difference(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let mut paths: Vec<String> = a.keys().chain(b.keys()).cloned().collect();
    paths.sort();
    paths.dedup();
    paths.retain(|path| a.get(path) != b.get(path));
    paths
}

/// A version 1 `.npy` of float32.
pub fn npy(rows: usize, columns: usize, values: impl Fn(usize) -> f32) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend((0..rows * columns).flat_map(|at| values(at).to_le_bytes()));
    bytes
}
