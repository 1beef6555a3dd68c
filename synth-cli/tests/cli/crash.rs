//! A run that is killed at any moment resumes to the same bytes as one that was not.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Instant;

use synth_export::{BOUNDARIES, Boundary};

use crate::support::{Ended, Place, SMALL, difference, hashes};

const RUN: [&str; 5] = ["run", "small.yaml", "--timestamp", "2026-11-21T10:00:00Z", "--quiet"];

fn place() -> Place {
    let place = Place::new();
    // One batch is enough to have every kind of step.
    place.write("small.yaml", SMALL.replacen("max_iterations: 2", "max_iterations: 1", 1));
    place
}

fn arguments(out: &str) -> Vec<&str> {
    [&RUN[..], &["--resume", "--out", out]].concat()
}

fn uninterrupted(place: &Place) -> BTreeMap<String, String> {
    place.run(&arguments("whole")).code(0);
    hashes(&place.path("whole"))
}

#[test]
fn killed_at_every_write_boundary() {
    let place = place();
    let whole = uninterrupted(&place);
    for boundary in BOUNDARIES {
        let out = boundary.name();
        // The first time the process comes there, and again well into the work.
        for count in [1, 9] {
            let status = place
                .synth(&arguments(out))
                .env("SYNTH_FAILPOINT", format!("{boundary}:{count}:abort"))
                .stderr(Stdio::null())
                .stdout(Stdio::null())
                .status()
                .expect("started");
            let reaches = match boundary {
                // Only a finished matrix or dataset is cleaned up.
                Boundary::BeforeCleanup => false,
                // Fewer than nine of each: a manifest per step, a line of the log per event.
                Boundary::BeforeManifest | Boundary::AfterManifest | Boundary::MidLog => count == 1,
                _ => true,
            };
            assert_eq!(status.code().is_none(), reaches, "{boundary} {count}: {status}");
        }
        place.run(&arguments(out)).code(0);
        assert_eq!(difference(&whole, &hashes(&place.path(out))), [""; 0], "{boundary}");
    }
}

#[test]
fn killed_at_twenty_moments() {
    const KILLS: u32 = 20;
    let place = place();
    let started = Instant::now();
    let whole = uninterrupted(&place);
    let mut duration = started.elapsed();
    let (mut killed, mut runs) = (0, 0);
    while killed < KILLS {
        let out = format!("run{runs}");
        // Several kills on the way of each run, at moments that differ from run to run.
        for kill in 0..5_u32 {
            let moment = duration.mul_f64(f64::from(kill * 4 + runs % 4 + 1) / 45.0);
            let mut child = place
                .synth(&arguments(&out))
                .stderr(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .expect("started");
            sleep(moment);
            // SIGKILL: no handler, no destructor.
            child.kill().expect("killed");
            if child.wait().expect("waited").code().is_some() {
                // It was faster than the whole run before; the next moments are earlier.
                duration /= 2;
                break;
            }
            killed += 1;
        }
        place.run(&arguments(&out)).code(0);
        assert_eq!(difference(&whole, &hashes(&place.path(&out))), [""; 0], "{out}");
        runs += 1;
    }
}

/// Three chunks, killed at every kind of write; then given again.
#[test]
fn a_killed_embedding_goes_on_to_the_same_rows() {
    let place = Place::new();
    (0..600).for_each(|kind| place.image(&format!("photos/{kind:03}.png"), 32, kind));
    let embed = |out: &str| vec!["embed".to_owned(), "photos".into(), "--out".into(), format!("{out}.npy")];
    let files = |out: &str| {
        ["npy", "rows.jsonl"].map(|end| fs::read(place.path(&format!("{out}.{end}"))).expect("written"))
    };
    let run = |out: &str, failpoint: Option<String>| {
        let arguments = embed(out);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = place.synth(&arguments);
        command.envs(failpoint.map(|failpoint| ("SYNTH_FAILPOINT", failpoint)));
        Ended::new(&arguments, command.output().expect("started"))
    };
    run("whole", None).code(0);
    let mut killed = Vec::new();
    for boundary in BOUNDARIES {
        let out = boundary.name();
        for count in [1, 3] {
            if run(out, Some(format!("{boundary}:{count}:abort"))).code.is_none() {
                killed.push(boundary);
                assert!(!place.path(&format!("{out}.npy")).exists() || boundary == Boundary::BeforeCleanup);
            }
        }
        run(out, None).code(0);
        assert!(files("whole") == files(out), "{boundary}");
    }
    assert!(killed.len() >= 5 && killed.contains(&Boundary::BeforeCleanup), "{killed:?}");
}
