//! What lands where, and how a download goes on.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use synth_core::{Cancel, Error, NoProgress, Progress};
use synth_embed::weights::hub::{HubFile, HubParams};

use super::server::{Reply, Request, Server};
use super::*;

#[test]
fn a_file_lands_where_python_looks_for_it() {
    let server = good();
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.hub().cached(&pinned()), None);
    let folder = fixture.fetch(&pinned()).expect("fetched");
    assert_eq!(folder, fixture.folder().join("snapshots").join(COMMIT));
    assert_eq!(fs::read(folder.join(NAME)).expect("linked"), content());
    assert_eq!(fixture.blobs(), [SHA256]);
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(folder.join(NAME)).expect("a link"),
        Path::new("../../blobs").join(SHA256),
        "relative, so that the cache can be moved"
    );
    assert!(fixture.cache.path().join(format!(".locks/models--org--name/{SHA256}.lock")).exists());
    assert!(!fixture.folder().join("refs").exists(), "a commit needs no name");

    let asked = server.requests().len();
    assert_eq!(fixture.fetch(&pinned()).expect("cached"), folder);
    assert_eq!(server.requests().len(), asked, "the cache needs no network");
    let offline = HubParams { offline: true, ..fixture.params.clone() }.build().expect("valid");
    assert_eq!(offline.fetch(&pinned(), &NoProgress, &Cancel::new()).expect("cached"), folder);
    assert_eq!(offline.cached(&pinned()), Some(folder));
}

#[test]
fn a_branch_is_noted_and_asked_for_anew() {
    let server = Server::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("HEAD", "/org/name/resolve/main/a/b.json") => Reply::new(200)
            .with("X-Repo-Commit", COMMIT)
            .with("ETag", &format!("W/\"{GIT_SHA1}\""))
            .body(b"{}"),
        ("GET", "/org/name/resolve/main/a/b.json") => Reply::new(200).body(b"{}"),
        _ => Reply::new(404),
    });
    let fixture = Fixture::new(&server);
    let repository = repository("main", HubFile::new("a/b.json"));
    for _ in 0..2 {
        let folder = fixture.fetch(&repository).expect("fetched");
        assert_eq!(folder, fixture.folder().join("snapshots").join(COMMIT));
        assert_eq!(fs::read(folder.join("a/b.json")).expect("linked"), b"{}");
    }
    assert_eq!(fs::read_to_string(fixture.folder().join("refs/main")).expect("noted"), COMMIT);
    assert_eq!(fixture.blobs(), [GIT_SHA1]);
    let methods: Vec<String> = server.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["HEAD", "GET", "HEAD"]);
}

#[test]
fn the_token_stays_with_the_endpoint() {
    let elsewhere = Server::start(|request| part(request, &content()));
    let target = format!("{}/blob?signature=1", elsewhere.address());
    let server = Server::start(move |_| described(&target));
    let mut fixture = Fixture::new(&server);
    fixture.params.token = Some("hf_secret".into());
    fixture.fetch(&pinned()).expect("fetched");
    let authorization = |server: &Server| -> Vec<Option<String>> {
        server.requests().iter().map(|request| request.header("authorization")).collect()
    };
    let token = Some("Bearer hf_secret".to_owned());
    assert_eq!(authorization(&server), [token.clone(), token]);
    assert_eq!(authorization(&elsewhere), [None]);
}

#[test]
fn a_cut_download_is_taken_up() {
    let server = hub_with(|request| match request.range_start() {
        None => Reply::new(200).body(&content()).cut_after(60_000),
        Some(60_000) => part(request, &content()).cut_after(70_000),
        Some(_) => part(request, &content()),
    });
    let fixture = Fixture::new(&server);
    let progress = Counted::default();
    fixture.hub().fetch(&pinned(), &progress, &Cancel::new()).expect("fetched");
    assert_eq!(fs::read(fixture.folder().join("blobs").join(SHA256)).expect("there"), content());
    let starts: Vec<Option<usize>> = server.gets("/cdn/blob").iter().map(Request::range_start).collect();
    assert_eq!(starts, [None, Some(60_000), Some(130_000)]);
    assert_eq!(
        *progress.0.lock().expect("not poisoned"),
        [format!("{NAME} 200000"), "200000".into(), "done".into()]
    );
}

/// Adds up what it is told.
#[derive(Debug, Default)]
struct Counted(Mutex<Vec<String>>);

impl Progress for Counted {
    fn start(&self, stage: &str, total: Option<u64>) {
        let total = total.expect("known");
        self.0.lock().expect("not poisoned").extend([format!("{stage} {total}"), "0".into()]);
    }

    fn advance(&self, steps: u64) {
        let mut told = self.0.lock().expect("not poisoned");
        let sum = told.pop().expect("started").parse::<u64>().expect("a number") + steps;
        told.push(sum.to_string());
    }

    fn finish(&self) {
        self.0.lock().expect("not poisoned").push("done".into());
    }
}

#[test]
fn an_earlier_run_is_taken_up_and_anew_where_it_was_wrong() {
    for (left, starts) in [
        (content()[..50_000].to_vec(), vec![Some(50_000)]),
        (vec![7; 50_000], vec![Some(50_000), None]),
        (vec![7; 200_001], vec![None]),
        (vec![7; 200_000], vec![None]),
    ] {
        let server = good();
        let fixture = Fixture::new(&server);
        fs::create_dir_all(fixture.folder().join("blobs")).expect("writable");
        fs::write(fixture.incomplete(), left).expect("writable");
        let folder = fixture.fetch(&pinned()).expect("fetched");
        assert_eq!(fs::read(folder.join(NAME)).expect("linked"), content());
        let asked: Vec<Option<usize>> = server.gets("/cdn/blob").iter().map(Request::range_start).collect();
        assert_eq!(asked, starts);
        assert_eq!(fixture.blobs(), [SHA256], "nothing else is left");
    }
}

#[test]
fn a_server_without_ranges_sends_the_whole() {
    let server = hub_with(|request| {
        let reply = Reply::new(200).body(&content());
        if request.range_start().is_none() { reply.cut_after(90_000) } else { reply }
    });
    let fixture = Fixture::new(&server);
    let folder = fixture.fetch(&pinned()).expect("fetched");
    assert_eq!(fs::read(folder.join(NAME)).expect("linked"), content());
}

#[test]
fn a_file_of_another_length_does_not_count_as_cached() {
    let server = good();
    let fixture = Fixture::new(&server);
    let place = fixture.folder().join("snapshots").join(COMMIT).join(NAME);
    fs::create_dir_all(place.parent().expect("in a folder")).expect("writable");
    fs::write(&place, "torn").expect("writable");
    assert_eq!(fixture.hub().cached(&pinned()), None);
    fixture.fetch(&pinned()).expect("fetched");
    assert_eq!(fs::read(place).expect("replaced"), content());
}

#[test]
fn two_threads_fetch_a_file_once() {
    let server = hub_with(|request| part(request, &content()).slowly());
    let fixture = Fixture::new(&server);
    let folders = std::thread::scope(|scope| {
        let threads = [0, 1].map(|_| scope.spawn(|| fixture.fetch(&pinned()).expect("fetched")));
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(folders[0], folders[1]);
    assert_eq!(fs::read(folders[0].join(NAME)).expect("linked"), content());
    assert_eq!(server.gets("/cdn/blob").len(), 1);
}

#[test]
fn a_cancelled_download_keeps_what_came() {
    let server = hub_with(|request| part(request, &content()).slowly());
    let fixture = Fixture::new(&server);
    let cancel = Cancel::new();
    let progress = CancelsAt { bytes: Mutex::new(0), cancel: cancel.clone() };
    let error = fixture.hub().fetch(&pinned(), &progress, &cancel).expect_err("cancelled");
    assert!(matches!(error, Error::Interrupted), "{error}");
    let kept = fs::metadata(fixture.incomplete()).expect("kept").len();
    assert!((1..200_000).contains(&kept), "{kept}");
    fixture.fetch(&pinned()).expect("taken up");
    assert_eq!(server.gets("/cdn/blob")[1].range_start(), Some(kept as usize));
}

/// Asks to stop as soon as something came.
#[derive(Debug)]
struct CancelsAt {
    bytes: Mutex<u64>,
    cancel: Cancel,
}

impl Progress for CancelsAt {
    fn start(&self, _stage: &str, _total: Option<u64>) {}

    fn advance(&self, steps: u64) {
        let mut bytes = self.bytes.lock().expect("not poisoned");
        *bytes += steps;
        if *bytes > 0 {
            self.cancel.cancel();
        }
    }

    fn finish(&self) {}
}

/// A file of which only the git hash is known cannot be checked as a whole, so it is not pieced together.
#[test]
fn small_files_begin_anew() {
    let server = Server::start(|_| {
        let etag = format!("\"{GIT_SHA1}\"");
        Reply::new(200).with("X-Repo-Commit", COMMIT).with("ETag", &etag).body(b"{}")
    });
    let fixture = Fixture::new(&server);
    let blobs = fixture.folder().join("blobs");
    fs::create_dir_all(&blobs).expect("writable");
    fs::write(blobs.join(format!("{GIT_SHA1}.incomplete")), "[").expect("writable");
    let folder = fixture.fetch(&repository(COMMIT, HubFile::new("config.json"))).expect("fetched");
    assert_eq!(fs::read(folder.join("config.json")).expect("linked"), b"{}");
}
