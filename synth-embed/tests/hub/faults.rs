//! Answers that are wrong, late or missing.

use std::error::Error as _;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use synth_embed::weights::hub::{HubError, HubFile};

use super::server::{Reply, Request, Server};
use super::*;

#[test]
fn other_bytes_are_not_kept() {
    let server = hub_with(|_| Reply::new(200).body(&vec![0; 200_000]));
    let fixture = Fixture::new(&server);
    let error = fixture.refusal(&pinned());
    let HubError::WrongHash { expected, got, .. } = &error else { panic!("{error}") };
    assert!(expected == SHA256 && got.len() == 64 && got != SHA256, "{error}");
    assert!(fixture.blobs().is_empty(), "{:?}", fixture.blobs());
    assert!(!fixture.folder().join("snapshots").exists());
}

#[test]
fn another_hash_or_length_than_pinned_is_seen_before_the_download() {
    let server = good();
    let fixture = Fixture::new(&server);
    let other = repository(COMMIT, HubFile::new(NAME).pinned(200_000, "0".repeat(64)));
    assert!(matches!(fixture.refusal(&other), HubError::WrongHash { .. }));
    let longer = repository(COMMIT, HubFile::new(NAME).pinned(200_001, SHA256));
    assert!(matches!(fixture.refusal(&longer), HubError::WrongSize { expected: 200_001, got: 200_000, .. }));
    assert!(server.gets("/cdn/blob").is_empty());
}

#[test]
fn another_length_than_announced_is_refused() {
    for (length, chunked) in [(199_999, false), (200_001, false), (200_001, true)] {
        let server = hub_with(move |_| {
            let reply = Reply::new(200).body(&vec![0; length]);
            if chunked { reply.without_length() } else { reply }
        });
        let fixture = Fixture::new(&server);
        let error = fixture.refusal(&pinned());
        assert!(matches!(&error, HubError::WrongSize { expected: 200_000, .. }), "{error}");
        assert!(fixture.blobs().is_empty());
    }
}

#[test]
fn statuses_become_what_to_do() {
    for (status, says) in [
        (404, "does not exist; check the repository"),
        (401, "give a token of that account as HF_TOKEN"),
        (403, "/org/name and give a token"),
        (400, "was answered with status 400"),
        (500, "was answered with status 500"),
    ] {
        let server = Server::start(move |_| Reply::new(status));
        let fixture = Fixture::new(&server);
        let text = fixture.refusal(&pinned()).to_string();
        assert!(text.contains(says) && text.contains(PATH), "{text}");
        let tries = if status == 500 { 3 } else { 1 };
        assert_eq!(server.requests().len(), tries, "{status}");
    }
}

#[test]
fn a_busy_hub_is_asked_again() {
    for (status, wait) in [(429, Some("1")), (503, None), (502, None)] {
        let server = Server::start({
            let asked = Mutex::new(0);
            move |request| {
                let mut asked = asked.lock().expect("not poisoned");
                *asked += 1;
                // Twice before the description, once before the bytes.
                match (*asked, request.method.as_str()) {
                    (1 | 2 | 4, _) => Reply::new(status).with_option("Retry-After", wait),
                    (_, "HEAD") => described("/cdn/blob"),
                    _ => part(request, &content()),
                }
            }
        });
        let fixture = Fixture::new(&server);
        let started = Instant::now();
        fixture.fetch(&pinned()).expect("in the end");
        let asked = Duration::from_secs(if wait.is_some() { 3 } else { 0 });
        assert!(started.elapsed() >= asked, "{status}: {:?}", started.elapsed());
        assert_eq!(server.requests().len(), 5);
    }
}

#[test]
fn nobody_waits_an_hour() {
    let server = Server::start(|_| Reply::new(429).with("Retry-After", "3600"));
    let error = Fixture::new(&server).refusal(&pinned());
    assert!(matches!(error, HubError::TooManyRequests { wait_secs: 3600, .. }), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_silent_server_is_given_up() {
    let server = hub_with(|_| Reply::new(200).body(&content()).stall_after(1000));
    let mut fixture = Fixture::new(&server);
    fixture.params.timeout = Duration::from_millis(200);
    fixture.params.attempts = 2;
    // Some bytes come each time from the start, since the server knows no ranges: no end without a limit.
    let error = fixture.refusal(&pinned());
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
}

#[test]
fn without_a_network_the_error_says_what_to_fetch_and_where_to_put_it() {
    let server = good();
    let mut fixture = Fixture::new(&server);
    drop(server);
    let online = fixture.refusal(&pinned());
    assert!(matches!(&online, HubError::Unreachable { .. }) && online.source().is_some(), "{online}");
    fixture.params.offline = true;
    let offline = fixture.refusal(&pinned());
    assert!(offline.to_string().contains("HF_HUB_OFFLINE"), "{offline}");
    let (HubError::Unreachable { by_hand: left, .. }, HubError::Offline { by_hand, .. }) =
        (&online, &offline)
    else {
        panic!("{online}; {offline}")
    };
    assert_eq!(left, by_hand);
    assert!(offline.to_string().contains(&format!("fetch {} by hand", by_hand.url)), "{offline}");
    assert_eq!(by_hand.url, format!("{}{PATH}", fixture.params.endpoint));
    fs::create_dir_all(by_hand.place.parent().expect("in a folder")).expect("writable");
    fs::write(&by_hand.place, content()).expect("writable");
    let folder = fixture.fetch(&pinned()).expect("found");
    assert_eq!(folder.join(NAME), by_hand.place);
}

#[test]
fn answers_that_no_hub_gives_are_refused() {
    let with = |name: &'static str, value: &'static str| {
        move |_: &Request| {
            let mut reply = described("/cdn/blob");
            reply.replace(name, value);
            reply
        }
    };
    for (name, value, says) in [
        ("X-Linked-Etag", "../../../evil", "`../../../evil` as commit or etag"),
        ("X-Repo-Commit", "../../x", "as commit or etag"),
        ("X-Repo-Commit", OTHER_COMMIT, "instead of"),
    ] {
        let server = Server::start(with(name, value));
        let fixture = Fixture::new(&server);
        let error = fixture.refusal(&pinned());
        assert!(matches!(error, HubError::Reply { .. }) && error.to_string().contains(says), "{error}");
        assert!(!fixture.folder().exists());
    }
    let circle = Server::start(|_| Reply::new(302).with("Location", "/again"));
    let error = Fixture::new(&circle).refusal(&pinned());
    assert!(error.to_string().contains("more than 10 redirects"), "{error}");
    let bare = Server::start(|_| Reply::new(200).body(b"<html>"));
    let error = Fixture::new(&bare).refusal(&repository(COMMIT, HubFile::new(NAME)));
    assert!(error.to_string().contains("no etag"), "{error}");
    let wrong_range = hub_with(|_| Reply::new(206).with("Content-Range", "bytes 5-9/200000").body(b"12345"));
    let error = Fixture::new(&wrong_range).refusal(&pinned());
    assert!(error.to_string().contains("range"), "{error}");
}

/// Shows that the cryptography is there as well: without it the first handshake would panic.
#[test]
fn a_server_without_encryption_is_an_error_for_https() {
    let server = good();
    let mut fixture = Fixture::new(&server);
    fixture.params.endpoint = fixture.params.endpoint.replace("http:", "https:");
    let error = fixture.refusal(&pinned());
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
}
