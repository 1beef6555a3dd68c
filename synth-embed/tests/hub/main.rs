//! Downloads against a server of our own: nothing here leaves the machine.

mod downloads;
mod faults;
mod server;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use server::{Reply, Request, Server};
use synth_core::{Cancel, Error, NoProgress};
use synth_embed::weights::hub::{Hub, HubError, HubFile, HubParams, HubRepository, HubRepositoryParams};
use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER_COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";
const NAME: &str = "model.safetensors";
const PATH: &str = "/org/name/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors";
/// Of [`content`], by Python's hashlib.
const SHA256: &str = "d2979f63fc353288130be1837d34f088e378e76c5baa67b8a6077c950db3c286";
/// Of `{}` as a git object, by Python's hashlib.
const GIT_SHA1: &str = "9e26dfeeb6e641a33dae4961196235bdb965b21b";

fn content() -> Vec<u8> {
    (0..200_000_u64).map(|i| ((i * 7 + 3) % 251) as u8).collect()
}

/// The answer of the hub for a large file: where it is, and what it is.
fn described(location: &str) -> Reply {
    Reply::new(302)
        .with("X-Repo-Commit", COMMIT)
        .with("X-Linked-Etag", &format!("\"{SHA256}\""))
        .with("X-Linked-Size", "200000")
        .with("ETag", "\"of the pointer\"")
        .with("Location", location)
}

/// The bytes that a request asks for.
fn part(request: &Request, bytes: &[u8]) -> Reply {
    match request.range_start() {
        Some(start) => Reply::new(206)
            .with("Content-Range", &format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len()))
            .body(&bytes[start..]),
        None => Reply::new(200).body(bytes),
    }
}

/// A hub that describes [`NAME`] and hands requests for its bytes to `bytes`.
fn hub_with(bytes: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("HEAD", PATH) => described("/cdn/blob"),
        ("GET", PATH) => Reply::new(302).with("Location", "/cdn/blob"),
        ("GET", "/cdn/blob") => bytes(request),
        _ => Reply::new(404),
    })
}

fn good() -> Server {
    hub_with(|request| part(request, &content()))
}

struct Fixture {
    cache: TempDir,
    params: HubParams,
}

impl Fixture {
    fn new(server: &Server) -> Self {
        let cache = tempfile::tempdir().expect("temporary directory");
        let params = HubParams {
            endpoint: server.address(),
            attempts: 3,
            pause: Duration::from_millis(1),
            timeout: Duration::from_secs(5),
            ..HubParams::new(cache.path())
        };
        Self { cache, params }
    }

    fn hub(&self) -> Hub {
        self.params.clone().build().expect("valid")
    }

    fn fetch(&self, repository: &HubRepository) -> synth_core::Result<PathBuf> {
        self.hub().fetch(repository, &NoProgress, &Cancel::new())
    }

    fn refusal(&self, repository: &HubRepository) -> HubError {
        hub_error(self.fetch(repository).expect_err("refused"))
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("models--org--name")
    }

    fn blobs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder().join("blobs")).into_iter().flatten();
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
    }

    fn incomplete(&self) -> PathBuf {
        self.folder().join("blobs").join(format!("{SHA256}.incomplete"))
    }
}

fn hub_error(error: Error) -> HubError {
    match error {
        Error::Component { source, .. } => *source.downcast().expect("a hub error"),
        error => panic!("{error}"),
    }
}

fn repository(revision: &str, file: HubFile) -> HubRepository {
    HubRepositoryParams { id: "org/name".into(), revision: revision.into(), files: vec![file] }
        .build()
        .expect("valid")
}

fn pinned() -> HubRepository {
    repository(COMMIT, HubFile::new(NAME).pinned(200_000, SHA256))
}
