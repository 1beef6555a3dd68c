use synth_core::{Error, Result};

/// Digits of a commit.
const COMMIT_DIGITS: usize = 40;

/// Digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// A file of a repository, with what is known of it before it is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Path inside the repository, with forward slashes.
    pub name: String,
    /// Its length; without one the hub's word counts.
    pub bytes: Option<u64>,
    /// Its SHA-256 as 64 lowercase hexadecimal digits; without one the hub's word counts, which it gives
    /// for large files only.
    pub sha256: Option<String>,
}

impl HubFile {
    /// A file of which nothing is known yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), bytes: None, sha256: None }
    }

    /// The same file, which must have this length and this SHA-256.
    #[must_use]
    pub fn pinned(mut self, bytes: u64, sha256: impl Into<String>) -> Self {
        self.bytes = Some(bytes);
        self.sha256 = Some(sha256.into());
        self
    }
}

/// Files of a repository at one revision; not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRepositoryParams {
    /// `organisation/name`, or `name` alone.
    pub id: String,
    /// A commit (40 hexadecimal digits), which never changes, or the name of a branch or tag, which may.
    pub revision: String,
    /// The files to have; at least one.
    pub files: Vec<HubFile>,
}

impl HubRepositoryParams {
    /// Checks that the names can be parts of addresses and paths.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] naming the field.
    pub fn build(self) -> Result<HubRepository> {
        if !is_repository(&self.id) {
            return Err(Error::invalid(
                "id",
                "`organisation/name` of letters, digits, `-`, `_` and `.`",
                self.id,
            ));
        }
        if !is_path(&self.revision) {
            return Err(Error::invalid(
                "revision",
                "a commit, or the name of a branch or tag",
                self.revision,
            ));
        }
        if self.files.is_empty() {
            return Err(Error::invalid("files", "at least one file", "none"));
        }
        for HubFile { name, sha256, .. } in &self.files {
            if !is_path(name) {
                return Err(Error::invalid("files", "paths inside the repository", name));
            }
            if let Some(sha256) = sha256.as_ref().filter(|sha256| !is_hex(sha256, SHA256_DIGITS)) {
                return Err(Error::invalid("sha256", "64 lowercase hexadecimal digits", sha256));
            }
        }
        Ok(HubRepository { params: self })
    }
}

/// Files of a repository at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRepository {
    params: HubRepositoryParams,
}

impl HubRepository {
    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &HubRepositoryParams {
        &self.params
    }

    /// The revision, if it is a commit.
    pub(super) fn commit(&self) -> Option<&str> {
        Some(self.params.revision.as_str()).filter(|revision| is_commit(revision))
    }
}

pub(super) fn is_commit(text: &str) -> bool {
    is_hex(text, COMMIT_DIGITS)
}

/// Whether the text is a SHA-256, and not the git hash that small files have.
pub(super) fn is_sha256(text: &str) -> bool {
    is_hex(text, SHA256_DIGITS)
}

/// Whether the text can be one part of a path on every system.
pub(super) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+= ".contains(&byte);
    text.bytes().all(is_plain) && !text.is_empty() && !text.starts_with('.') && !text.ends_with(['.', ' '])
}

fn is_path(text: &str) -> bool {
    text.split('/').all(|part| is_name(part) || is_hidden(part))
}

/// `.gitattributes` and the like.
fn is_hidden(part: &str) -> bool {
    part.strip_prefix('.').is_some_and(is_name)
}

fn is_repository(text: &str) -> bool {
    let is_part = |part: &str| is_name(part) && !part.contains("--") && !part.contains(['+', '=', ' ']);
    text.split('/').count() <= 2 && text.split('/').all(is_part)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(id: &str, revision: &str, file: HubFile) -> Result<HubRepository> {
        HubRepositoryParams { id: id.into(), revision: revision.into(), files: vec![file] }.build()
    }

    #[test]
    fn takes_what_the_hub_has() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let repository =
            build("facebook/dinov2-base", commit, HubFile::new("onnx/model.onnx")).expect("valid");
        assert_eq!(repository.commit(), Some(commit));
        let branch = build("gpt2", "refs/pr/1", HubFile::new(".gitattributes")).expect("valid");
        assert_eq!(branch.commit(), None);
    }

    #[test]
    fn refuses_what_would_leave_the_cache() {
        let file = || HubFile::new("model.safetensors");
        for id in ["", "a/b/c", "../a", "a//b", "a--b/c", "a b/c", "a/", "/a", "a\\b"] {
            assert!(build(id, "main", file()).is_err(), "{id}");
        }
        for revision in ["", "..", "a/../b", "/etc", "a?b", "a\nb"] {
            assert!(build("a/b", revision, file()).is_err(), "{revision}");
        }
        for name in ["", "../x", "a/..", "/x", "a\\b", "c:x", "x/", "..."] {
            assert!(build("a/b", "main", HubFile::new(name)).is_err(), "{name}");
        }
        for sha256 in ["", "00", &"A".repeat(64)] {
            assert!(build("a/b", "main", file().pinned(1, sha256)).is_err(), "{sha256}");
        }
        let none = HubRepositoryParams { id: "a/b".into(), revision: "main".into(), files: Vec::new() };
        assert!(none.build().is_err());
    }
}
