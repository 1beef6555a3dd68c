use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use synth_core::{Error, Result};
use ureq::http::Uri;

use super::fetch::Hub;
use super::http::Client;

/// Where the hub is asked for when nothing else is said.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// How to reach the hub, and where its files are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct HubParams {
    /// Address of the hub or of a mirror, `http://` or `https://`. Default [`DEFAULT_ENDPOINT`].
    pub endpoint: String,
    /// The folder that `huggingface_hub` calls `HF_HUB_CACHE`.
    pub cache: PathBuf,
    /// Sent to the endpoint's own host only, never to where it redirects. Default none.
    pub token: Option<String>,
    /// Use the cache alone. Default false.
    pub offline: bool,
    /// Failures in a row, without a byte in between, after which a file is given up. Range: within
    /// [1, 100]. Default 5.
    pub attempts: u32,
    /// Pause after the first failure, doubled after each further one. Default 1 s.
    pub pause: Duration,
    /// Longest pause; a hub that asks for a longer one ends the download. Default 60 s.
    pub longest_pause: Duration,
    /// Longest time without a byte. Default 30 s.
    pub timeout: Duration,
}

impl HubParams {
    /// The defaults, with this cache.
    #[must_use]
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: DEFAULT_ENDPOINT.into(),
            cache: cache.into(),
            token: None,
            offline: false,
            attempts: 5,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
        }
    }

    /// As Python's `huggingface_hub` takes them from the environment.
    ///
    /// - cache: `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE`, else `hub` in `HF_HOME`, which is
    ///   `huggingface` in `XDG_CACHE_HOME`, else in `~/.cache`;
    /// - token: `HF_TOKEN`, else `HUGGING_FACE_HUB_TOKEN`, else the content of the file `HF_TOKEN_PATH`,
    ///   which is `token` in `HF_HOME`;
    /// - endpoint: `HF_ENDPOINT`;
    /// - offline: `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE` is 1, on, yes or true.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if neither a cache nor a home directory is known.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let user = given("HOME").or_else(|| given("USERPROFILE")).map(PathBuf::from);
        let path = |name: &str| given(name).map(|value| expand(&value, user.as_deref()));
        let home = path("HF_HOME").or_else(|| {
            let caches = path("XDG_CACHE_HOME").or_else(|| Some(user.as_ref()?.join(".cache")));
            Some(caches?.join("huggingface"))
        });
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(home.as_ref()?.join("hub")))
            .ok_or_else(|| Error::invalid("HF_HUB_CACHE", "set, where there is no HOME", "nothing"))?;
        let token_file = path("HF_TOKEN_PATH").or_else(|| Some(home?.join("token")));
        let token = given("HF_TOKEN")
            .or_else(|| given("HUGGING_FACE_HUB_TOKEN"))
            .or_else(|| fs::read_to_string(token_file?).ok())
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty());
        let is_on = |name: &str| given(name).is_some_and(|value| is_true(&value));
        let mut params = Self { token, ..Self::new(cache) };
        params.offline = is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE");
        if let Some(endpoint) = given("HF_ENDPOINT") {
            params.endpoint = endpoint;
        }
        Ok(params)
    }

    /// Checks the parameters; the network is not used yet.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] naming the field.
    pub fn build(mut self) -> Result<Hub> {
        self.endpoint.truncate(self.endpoint.trim_end_matches('/').len());
        let endpoint: Uri = self.endpoint.parse().map_err(|_uri| wrong_endpoint(&self.endpoint))?;
        if !matches!(endpoint.scheme_str(), Some("http" | "https")) || endpoint.query().is_some() {
            return Err(wrong_endpoint(&self.endpoint));
        }
        if !(1..=100).contains(&self.attempts) {
            return Err(Error::invalid("attempts", "within [1, 100]", self.attempts));
        }
        if self.timeout.is_zero() {
            return Err(Error::invalid("timeout", "longer than 0 s", "0 s"));
        }
        let client = Client::new(endpoint, self.token.clone(), self.timeout);
        Ok(Hub::new(self, client))
    }
}

/// Without the token.
impl fmt::Debug for HubParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubParams")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("has_token", &self.token.is_some())
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

fn wrong_endpoint(got: &str) -> Error {
    Error::invalid("HF_ENDPOINT", "an address that begins with http:// or https://", got)
}

/// Replaces a leading `~`.
fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(path),
    }
}

fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> HubParams {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        HubParams::from_variables(find).expect("a home is known")
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let home = ("HOME", "/home/a");
        for (variables, cache) in [
            (&[home][..], "/home/a/.cache/huggingface/hub"),
            (&[home, ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[home, ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")], "/h/hub"),
            (&[home, ("HF_HOME", "~/h")], "/home/a/h/hub"),
            (&[home, ("HF_HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[home, ("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HF_HUB_CACHE", "/c")], "/c"),
        ] {
            assert_eq!(from(variables).cache, Path::new(cache), "{variables:?}");
        }
        assert!(HubParams::from_variables(|_| None).is_err());
    }

    #[test]
    fn token_endpoint_and_offline_come_from_the_environment() {
        let folder = tempfile::tempdir().expect("temporary directory");
        fs::write(folder.path().join("token"), "hf_file\n").expect("writable");
        let home = folder.path().to_str().expect("unicode");
        assert_eq!(from(&[("HF_HOME", home)]).token.as_deref(), Some("hf_file"));
        let params = from(&[
            ("HF_HOME", home),
            ("HF_TOKEN", " hf_env "),
            ("HF_ENDPOINT", "http://mirror:8080/hub/"),
            ("HF_HUB_OFFLINE", "ON"),
        ]);
        assert_eq!(params.token.as_deref(), Some("hf_env"));
        assert!(params.offline && !format!("{params:?}").contains("hf_env"));
        assert!(!from(&[("HOME", "/a"), ("HF_HUB_OFFLINE", "0")]).offline);
        let hub = params.build().expect("valid");
        assert_eq!(hub.params().endpoint, "http://mirror:8080/hub");
    }

    #[test]
    fn build_refuses_what_cannot_work() {
        for endpoint in ["", "huggingface.co", "ftp://a", "http://", "http://a?b", "http://a b"] {
            let params = HubParams { endpoint: endpoint.into(), ..HubParams::new("c") };
            assert!(params.build().is_err(), "{endpoint}");
        }
        assert!(HubParams { attempts: 0, ..HubParams::new("c") }.build().is_err());
        assert!(HubParams { timeout: Duration::ZERO, ..HubParams::new("c") }.build().is_err());
    }
}
