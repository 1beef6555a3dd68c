use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use synth_core::{Cancel, Error, Progress, Result};

use super::super::error::io_error;
use super::cache::{RepositoryCache, create_parent, has};
use super::error::{ByHand, HubError};
use super::http::{Client, Failure, Metadata};
use super::params::HubParams;
use super::repository::{HubFile, HubRepository, is_sha256};
use super::transfer::{Patience, Transfer};

/// Bytes hashed at once.
const BLOCK_BYTES: usize = 1 << 16;

const RANGE_NOT_SATISFIABLE: u16 = 416;

/// The Hugging Face hub, or a mirror, with the cache that Python's `huggingface_hub` shares.
///
/// A file is fetched over plain HTTPS (not by the Xet protocol), into `<etag>.incomplete` beside its
/// blob, and gets its name when its length and, where it is known, its SHA-256 are right; a download that
/// was cut is taken up where it ended. The token goes to the endpoint's own host only.
///
/// # Examples
/// ```
/// use synth_core::{Cancel, NoProgress};
/// use synth_embed::weights::hub::{HubFile, HubParams, HubRepositoryParams};
///
/// let cache = tempfile::tempdir()?;
/// let hub = HubParams { offline: true, ..HubParams::new(cache.path()) }.build()?;
/// let repository = HubRepositoryParams {
///     id: "facebook/dinov2-base".into(),
///     revision: "f9e44c814b77203eaa57a6bdbbd535f21ede1415".into(),
///     files: vec![HubFile::new("config.json")],
/// };
/// let repository = repository.build()?;
/// assert_eq!(hub.cached(&repository), None);
/// let error = hub.fetch(&repository, &NoProgress, &Cancel::new()).expect_err("neither cached nor allowed");
/// let reason = std::error::Error::source(&error).expect("a reason").to_string();
/// assert!(reason.contains("fetch https://huggingface.co/facebook/dinov2-base/resolve/"), "{reason}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Hub {
    params: HubParams,
    client: Client,
}

impl Hub {
    pub(super) fn new(params: HubParams, client: Client) -> Self {
        Self { params, client }
    }

    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &HubParams {
        &self.params
    }

    /// The folder with the repository's files, if all of them are in the cache; the network is not used.
    ///
    /// Lengths are compared where they are pinned; contents are not read.
    #[must_use]
    pub fn cached(&self, repository: &HubRepository) -> Option<PathBuf> {
        let cache = self.cache_of(repository);
        let commit = known_commit(&cache, repository)?;
        let has = |file: &HubFile| cache.has(&commit, &file.name, file.bytes);
        repository.params().files.iter().all(has).then(|| cache.snapshot(&commit))
    }

    /// The folder with the repository's files, after fetching those that the cache lacks.
    ///
    /// Tells `progress` of each file that it fetches, in bytes. A branch or tag is asked for anew, and
    /// kept at what it was where the hub is switched off.
    ///
    /// # Errors
    /// [`Error::Component`] with a [`HubError`] as its source; [`Error::Io`] if the cache cannot be
    /// written; [`Error::Interrupted`] once `cancel` asks for it, with what was fetched kept.
    pub fn fetch(
        &self,
        repository: &HubRepository,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<PathBuf> {
        let cache = self.cache_of(repository);
        let is_pinned = repository.commit().is_some() || self.params.offline;
        let mut commit = if is_pinned { known_commit(&cache, repository) } else { None };
        for file in &repository.params().files {
            let revision = commit.as_deref().unwrap_or(&repository.params().revision);
            if commit.as_ref().is_some_and(|commit| cache.has(commit, &file.name, file.bytes)) {
                continue;
            }
            let job = Job { hub: self, repository, cache: &cache, file, revision, progress, cancel };
            commit = Some(job.run()?);
        }
        let commit = commit.unwrap_or_else(|| repository.params().revision.clone());
        if repository.commit().is_none() && !self.params.offline {
            cache.set_commit_of(&repository.params().revision, &commit)?;
        }
        Ok(cache.snapshot(&commit))
    }

    fn cache_of(&self, repository: &HubRepository) -> RepositoryCache {
        RepositoryCache::new(&self.params.cache, &repository.params().id)
    }
}

/// The commit of a revision, as far as it is known without the network; files that were put under the
/// revision's own name by hand count as well.
fn known_commit(cache: &RepositoryCache, repository: &HubRepository) -> Option<String> {
    let revision = &repository.params().revision;
    let by_hand = || Some(revision.clone()).filter(|revision| cache.snapshot(revision).is_dir());
    repository.commit().map(str::to_owned).or_else(|| cache.commit_of(revision)).or_else(by_hand)
}

/// One file that the cache lacks.
struct Job<'a> {
    hub: &'a Hub,
    repository: &'a HubRepository,
    cache: &'a RepositoryCache,
    file: &'a HubFile,
    revision: &'a str,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

/// Hashes of a file that is not what it must be.
struct WrongHash {
    expected: String,
    got: String,
}

/// What the file must be.
struct Blob {
    commit: String,
    etag: String,
    bytes: u64,
    sha256: Option<String>,
}

impl Job<'_> {
    /// Fetches the file; its commit.
    fn run(&self) -> Result<String> {
        if self.hub.params.offline {
            return Err(Error::from(HubError::Offline {
                file: self.file.name.clone(),
                repository: self.repository.params().id.clone(),
                by_hand: self.by_hand(),
            }));
        }
        let blob = self.describe()?;
        let path = self.cache.blob(&blob.etag);
        create_parent(&path)?;
        let lock = self.cache.lock(&blob.etag, self.cancel)?;
        // Another process may have been faster.
        if !has(&path, Some(blob.bytes)) {
            self.download(&blob, &path)?;
        }
        self.cache.link(&blob.etag, &blob.commit, &self.file.name)?;
        drop(lock);
        Ok(blob.commit)
    }

    /// What the hub says of the file, against what was known.
    fn describe(&self) -> Result<Blob> {
        let mut patience = Patience::new(&self.hub.params, self.cancel);
        let Metadata { commit, etag, bytes } = loop {
            match self.hub.client.metadata(&self.url()) {
                Ok(metadata) => break metadata,
                Err(failure) => patience.wait_after(failure, |failure| self.error(failure))?,
            }
        };
        let missing =
            |what: &str| Error::from(HubError::Reply { url: self.url(), problem: format!("no {what}") });
        let pinned = self.repository.commit().map(str::to_owned);
        if let (Some(pinned), Some(commit)) = (&pinned, &commit)
            && pinned != commit
        {
            let problem = format!("commit {commit} instead of {pinned}");
            return Err(Error::from(HubError::Reply { url: self.url(), problem }));
        }
        let sha256 = etag.clone().filter(|etag| is_sha256(etag));
        if let (Some(expected), Some(got)) = (&self.file.sha256, &sha256)
            && expected != got
        {
            return Err(self.wrong_hash(expected, got));
        }
        if let (Some(expected), Some(got)) = (self.file.bytes, bytes)
            && expected != got
        {
            return Err(self.wrong_size(expected, got));
        }
        Ok(Blob {
            commit: commit.or(pinned).ok_or_else(|| missing("commit"))?,
            etag: etag.or_else(|| self.file.sha256.clone()).ok_or_else(|| missing("etag"))?,
            bytes: self.file.bytes.or(bytes).ok_or_else(|| missing("length"))?,
            sha256: self.file.sha256.clone().or(sha256),
        })
    }

    fn download(&self, blob: &Blob, path: &Path) -> Result<()> {
        let mut incomplete = path.as_os_str().to_owned();
        incomplete.push(".incomplete");
        let incomplete = PathBuf::from(incomplete);
        let resumes = has(&incomplete, None);
        let mut fetched = self.fetch_whole(blob, &incomplete)?;
        if fetched.is_err() && resumes {
            // What an earlier run left may have been wrong.
            fetched = self.fetch_whole(blob, &incomplete)?;
        }
        fetched.map_err(|WrongHash { expected, got }| self.wrong_hash(&expected, &got))?;
        fs::rename(&incomplete, path).map_err(io_error("writing", path))
    }

    /// Fetches and checks; a file with another hash is removed.
    fn fetch_whole(&self, blob: &Blob, incomplete: &Path) -> Result<Result<(), WrongHash>> {
        self.progress.start(&self.file.name, Some(blob.bytes));
        let file = self.transfer(blob, incomplete);
        self.progress.finish();
        let file = file?;
        let Some(expected) = blob.sha256.clone() else {
            return Ok(Ok(()));
        };
        let got = sha256(file).map_err(io_error("reading", incomplete))?;
        if got == expected {
            return Ok(Ok(()));
        }
        fs::remove_file(incomplete).map_err(io_error("removing", incomplete))?;
        Ok(Err(WrongHash { expected, got }))
    }

    fn transfer(&self, blob: &Blob, incomplete: &Path) -> Result<File> {
        // Only what can be checked as a whole may be put together from parts.
        let mut transfer = Transfer::open(incomplete, blob.bytes, blob.sha256.is_some())?;
        self.progress.advance(transfer.have());
        let mut patience = Patience::new(&self.hub.params, self.cancel);
        while !transfer.is_complete() {
            let before = transfer.have();
            let failure = match self.hub.client.fetch(&self.url(), before) {
                // The part that is here is longer than the whole there.
                Err(Failure::Status { status: RANGE_NOT_SATISFIABLE, .. }) if before > 0 => {
                    transfer.restart()?;
                    continue;
                }
                Err(failure) => Some(failure),
                Ok(response) => {
                    transfer.receive(response, self.cancel, &mut |bytes| self.progress.advance(bytes))?
                }
            };
            if let Some(got) = transfer.other_length() {
                drop(fs::remove_file(incomplete));
                return Err(self.wrong_size(blob.bytes, got));
            }
            if transfer.have() > before {
                patience.reset();
            }
            if let Some(failure) = failure {
                patience.wait_after(failure, |failure| self.error(failure))?;
            }
        }
        transfer.finish()
    }

    /// What the user is told of a failure.
    fn error(&self, failure: Failure) -> Error {
        let url = self.url();
        Error::from(match failure {
            Failure::Network { error, .. } => {
                HubError::Unreachable { by_hand: self.by_hand(), source: Box::new(error) }
            }
            Failure::Status { status: 404 | 410, from_hub: true, .. } => HubError::NotFound { url },
            Failure::Status { status: status @ (401 | 403), from_hub: true, .. } => {
                let page = format!("{}/{}", self.hub.params.endpoint, self.repository.params().id);
                HubError::Denied { url, status, page }
            }
            Failure::Status { status: 429, retry_after: Some(wait), .. } => {
                HubError::TooManyRequests { url, wait_secs: wait.as_secs() }
            }
            Failure::Status { status, .. } => HubError::Status { status, by_hand: self.by_hand() },
            Failure::Reply(problem) => HubError::Reply { url, problem },
        })
    }

    fn wrong_size(&self, expected: u64, got: u64) -> Error {
        Error::from(HubError::WrongSize { url: self.url(), expected, got })
    }

    fn wrong_hash(&self, expected: &str, got: &str) -> Error {
        Error::from(HubError::WrongHash { url: self.url(), expected: expected.into(), got: got.into() })
    }

    fn url(&self) -> String {
        let encoded = |text: &str| text.split('/').map(encode).collect::<Vec<_>>();
        let file = encoded(&self.file.name).join("/");
        // A branch is one part of the address, whatever it is called.
        let revision = encoded(self.revision).join("%2F");
        format!("{}/{}/resolve/{revision}/{file}", self.hub.params.endpoint, self.repository.params().id)
    }

    fn by_hand(&self) -> ByHand {
        let place = self.cache.place(self.revision, &self.file.name);
        ByHand { url: self.url(), place }
    }
}

/// Percent-encodes what is not unreserved (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn sha256(mut file: File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => hasher.update(&block[..read]),
        }
    }
}
