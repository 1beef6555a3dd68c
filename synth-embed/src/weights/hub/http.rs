//! Requests to the hub. Redirects are followed here, since the token must stay with the endpoint.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{self, HeaderName};
use ureq::http::uri::Scheme;
use ureq::http::{HeaderMap, Response, Uri};
use ureq::{Body, Timeout};

use super::repository::{is_commit, is_name};

const MAX_REDIRECTS: usize = 10;

const USER_AGENT: &str = concat!("synth/", env!("CARGO_PKG_VERSION"));

/// Commit that a revision stands for.
const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");
/// Hash of a large file that lies elsewhere.
const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
/// Its length.
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");

/// Why there is no answer to go on with.
#[derive(Debug)]
pub(super) enum Failure {
    /// Network; trying again makes sense if it was reached at all.
    Network { error: ureq::Error, is_final: bool },
    /// Status other than success; `from_hub` unless another host was asked on the hub's behalf.
    Status { status: u16, retry_after: Option<Duration>, from_hub: bool },
    /// An answer that no hub gives.
    Reply(String),
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        let is_final = match &error {
            ureq::Error::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
            ),
            ureq::Error::Timeout(timeout) => matches!(timeout, Timeout::Resolve | Timeout::Connect),
            ureq::Error::Protocol(_) | ureq::Error::ConnectionFailed => false,
            _ => true,
        };
        Self::Network { error, is_final }
    }
}

/// What the hub says of a file before it sends it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Metadata {
    pub(super) commit: Option<String>,
    /// Name of the blob in the cache: the SHA-256 of large files, the git hash of small ones.
    pub(super) etag: Option<String>,
    pub(super) bytes: Option<u64>,
}

/// Asks an endpoint.
pub(super) struct Client {
    agent: Agent,
    endpoint: Uri,
    token: Option<String>,
}

/// Without the token.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(endpoint: Uri, token: Option<String>, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            // The length must be that of the file, not of a compressed form.
            .accept_encoding("identity")
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .build();
        Self { agent: config.into(), endpoint, token }
    }

    /// Asks about a file without fetching it.
    pub(super) fn metadata(&self, url: &str) -> Result<Metadata, Failure> {
        self.look_up()?;
        // The hub describes a large file in the answer that redirects to it.
        let is_described = |headers: &HeaderMap| {
            headers.contains_key(LINKED_ETAG)
                || headers.contains_key(REPO_COMMIT) && headers.contains_key(header::ETAG)
        };
        let (response, from_hub) = self.exchange(Method::Head, url, is_described)?;
        let headers = response.headers();
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let own_length = || if response.status().is_success() { text(header::CONTENT_LENGTH) } else { None };
        let own_etag = || if from_hub { text(header::ETAG) } else { None };
        let metadata = Metadata {
            commit: text(REPO_COMMIT).map(str::to_owned),
            etag: text(LINKED_ETAG).or_else(own_etag).map(normalised_etag),
            bytes: text(LINKED_SIZE).or_else(own_length).and_then(|value| value.parse().ok()),
        };
        // Both become parts of paths.
        let strange = [metadata.commit.as_ref().filter(|commit| !is_commit(commit)), metadata.etag.as_ref()]
            .into_iter()
            .flatten()
            .find(|text| !is_name(text));
        match strange {
            Some(text) => Err(Failure::Reply(format!("`{text}` as commit or etag"))),
            None => Ok(metadata),
        }
    }

    /// Finds out early, and for good, that there is no network: a name that nobody knows comes from
    /// [`Agent`] as any other error. A proxy looks names up itself.
    fn look_up(&self) -> Result<(), Failure> {
        let (Some(host), None) = (self.endpoint.host(), self.agent.config().proxy()) else {
            return Ok(());
        };
        // An IPv6 address is in brackets in an address only.
        let host = host.trim_matches(['[', ']']);
        let found = (host, port(&self.endpoint)).to_socket_addrs();
        found.map(drop).map_err(|error| Failure::Network { error: error.into(), is_final: true })
    }

    /// Starts to fetch a file from byte `from` on.
    pub(super) fn fetch(&self, url: &str, from: u64) -> Result<Response<Body>, Failure> {
        self.exchange(Method::Get { from }, url, |_| false).map(|(response, _)| response)
    }

    /// Asks, and follows redirects until `is_enough`; whether the last answer came from the endpoint.
    fn exchange(
        &self,
        method: Method,
        url: &str,
        is_enough: impl Fn(&HeaderMap) -> bool,
    ) -> Result<(Response<Body>, bool), Failure> {
        let mut at: Uri = url.parse().map_err(|_uri| Failure::Reply(format!("the address {url}")))?;
        for _ in 0..=MAX_REDIRECTS {
            let from_hub = is_same_origin(&at, &self.endpoint);
            let response = self.send(method, &at, from_hub)?;
            let status = response.status();
            if status.is_success() || status.is_redirection() && is_enough(response.headers()) {
                return Ok((response, from_hub));
            }
            if !status.is_redirection() {
                let retry_after = retry_after(response.headers());
                return Err(Failure::Status { status: status.as_u16(), retry_after, from_hub });
            }
            let target = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            at = redirected(&at, target.unwrap_or_default())?;
        }
        Err(Failure::Reply(format!("more than {MAX_REDIRECTS} redirects")))
    }

    fn send(&self, method: Method, at: &Uri, with_token: bool) -> Result<Response<Body>, Failure> {
        let mut request = match method {
            Method::Head => self.agent.head(at),
            Method::Get { .. } => self.agent.get(at),
        };
        if let Method::Get { from } = method
            && from > 0
        {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        if let Some(token) = self.token.as_ref().filter(|_| with_token) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        Ok(request.call()?)
    }
}

#[derive(Clone, Copy, Debug)]
enum Method {
    Head,
    Get { from: u64 },
}

/// `W/"abc"` is `abc`.
fn normalised_etag(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The length that a partial answer says the whole has, and where the part begins.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, whole) = text.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, whole.parse().ok()))
}

/// The length of an answer, where it is given.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_same_origin(left: &Uri, right: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    left.scheme() == right.scheme() && host(left) == host(right) && port(left) == port(right)
}

fn port(uri: &Uri) -> u16 {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    uri.port_u16().unwrap_or(default)
}

/// Where a redirect leads; never from https to http.
fn redirected(at: &Uri, target: &str) -> Result<Uri, Failure> {
    let strange = || Failure::Reply(format!("a redirect to `{target}`"));
    let (Some(scheme), Some(authority)) = (at.scheme_str(), at.authority()) else {
        return Err(strange());
    };
    let absolute = if target.starts_with("//") {
        format!("{scheme}:{target}")
    } else if target.starts_with('/') {
        format!("{scheme}://{authority}{target}")
    } else {
        target.to_owned()
    };
    let next: Uri = absolute.parse().map_err(|_uri| strange())?;
    match next.scheme_str() {
        Some("https") => Ok(next),
        Some("http") if scheme == "http" => Ok(next),
        _ => Err(strange()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("valid")
    }

    #[test]
    fn redirects_are_resolved_and_never_lose_encryption() {
        let at = uri("https://hub.example/a/resolve/main/x");
        let to = |target: &str| redirected(&at, target).map(|uri| uri.to_string()).ok();
        assert_eq!(to("/b/x").as_deref(), Some("https://hub.example/b/x"));
        assert_eq!(to("//cdn.example/x").as_deref(), Some("https://cdn.example/x"));
        assert_eq!(to("https://cdn.example/x?sig=1").as_deref(), Some("https://cdn.example/x?sig=1"));
        for refused in ["http://cdn.example/x", "ftp://cdn.example/x", "x", ""] {
            assert_eq!(to(refused), None, "{refused}");
        }
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let hub = uri("https://hub.example");
        assert!(is_same_origin(&uri("https://HUB.example:443/x"), &hub));
        for other in
            ["http://hub.example", "https://hub.example:8443", "https://hub.example.evil", "https://x"]
        {
            assert!(!is_same_origin(&uri(other), &hub), "{other}");
        }
    }

    #[test]
    fn etags_and_ranges_are_read_as_python_reads_them() {
        assert_eq!(normalised_etag("W/\"ab\""), "ab");
        assert_eq!(normalised_etag("\"ab\""), "ab");
        let headers =
            |text: &str| [(header::CONTENT_RANGE, text.parse().expect("valid"))].into_iter().collect();
        assert_eq!(content_range(&headers("bytes 5-9/10")), Some((5, Some(10))));
        assert_eq!(content_range(&headers("bytes 5-9/*")), Some((5, None)));
        assert_eq!(content_range(&headers("5")), None);
    }
}
