//! `synth run` and `synth report`.

use std::fs;

use crate::support::{Ended, Place, SMALL, difference, hashes};

const TIME: &[&str] = &["--timestamp", "2026-11-21T10:00:00Z"];

fn run(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["run", "small.yaml"], TIME, arguments].concat())
}

#[test]
fn a_run_leaves_what_the_design_lists_and_says_what_it_found() {
    let place = Place::small();
    let ended = run(&place, &["--out", "a"]).code(0);
    for line in ["verdict: ", "real set: 8 samples in 8 independent groups", "report: a/report.html"] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
    assert!(ended.stderr.contains("iteration  0/2"), "{}", ended.stderr);
    let found = hashes(&place.path("a"));
    for path in [
        "config.yaml",
        "projection.safetensors",
        "iteration_000/images/iter0_real_000.png",
        "iteration_000/masks/iter0_real_000.png",
        "iteration_000/samples.jsonl",
        "iteration_000/embeddings.npy",
        "iteration_000/pca_2d.npy",
        "iteration_000/scores.json",
        "optimizer.json",
        "calibrated.yaml",
        "report.html",
    ] {
        assert!(found.contains_key(path), "{path}");
    }
    assert!(found.keys().any(|path| path.starts_with("plots/") && path.ends_with(".svg")));
    assert!(!found.contains_key("log.jsonl") && place.path("a/log.jsonl").is_file());
    let samples = fs::read_to_string(place.path("a/iteration_000/samples.jsonl")).expect("records");
    assert!(samples.lines().all(|line| line.contains("\"timestamp\":\"2026-11-21T10:00:00Z\"")));
    let page = fs::read_to_string(place.path("a/report.html")).expect("a page");
    assert!(page.contains("small") && !page.contains("src=\"http"));
}

#[test]
fn threads_batches_and_restarts_do_not_show() {
    let place = Place::small();
    run(&place, &["--out", "a", "--threads", "1", "--batch-size", "5"]).code(0);
    run(&place, &["--out", "b", "--threads", "2", "--batch-size", "64"]).code(0);
    assert_eq!(difference(&hashes(&place.path("a")), &hashes(&place.path("b"))), [""; 0]);
    // Another seed is another run.
    run(&place, &["--out", "c", "--seed", "1"]).code(0);
    assert!(difference(&hashes(&place.path("a")), &hashes(&place.path("c"))).len() > 10);
}

#[test]
fn a_finished_run_is_left_alone_and_another_configuration_refused() {
    let place = Place::small();
    run(&place, &["--out", "a"]).code(0);
    let before = hashes(&place.path("a"));
    let again = run(&place, &["--out", "a"]).code(0).says(&["finished already"]);
    assert!(again.stdout.contains("verdict: "));
    run(&place, &["--out", "a", "--resume"]).code(0).says(&["finished already"]);
    run(&place, &["--out", "a", "--set", "seed=7"]).code(2).says(&["`seed` must be 0", "hint:", "--out DIR"]);
    run(&place, &["--out", "a", "--resume", "--set", "max_iterations=3"]).code(2).says(&["`max_iterations`"]);
    place.run(&["run", "small.yaml", "--out", "a", "--timestamp", "5"]).code(2).says(&["created_at"]);
    assert_eq!(difference(&before, &hashes(&place.path("a"))), [""; 0]);
    // What a run resolved its configuration to is itself a configuration of the same run.
    place.run(&["run", "a/config.yaml", "--out", "a"]).code(0).says(&["finished already"]);
}

#[test]
fn the_report_is_made_again_from_files_alone() {
    let place = Place::small();
    run(&place, &["--out", "a"]).code(0);
    let before = hashes(&place.path("a"));
    fs::remove_file(place.path("a/report.html")).expect("removed");
    assert_eq!(place.run(&["report", "a"]).code(0).stdout.trim(), "a/report.html");
    assert_eq!(difference(&before, &hashes(&place.path("a"))), [""; 0]);
    place.run(&["report", "nowhere"]).code(2).says(&["run `nowhere` was not found"]);
}

#[test]
fn interrupts_end_cleanly_and_say_how_to_go_on() {
    let place = Place::new();
    place.write("my config.yaml", SMALL);
    let arguments = |out| ["run", "my config.yaml", "--seed", "3", "--set", "folds=3", "--out", out];
    place.run(&[&arguments("whole")[..], TIME].concat()).code(0);
    // Slow enough to be caught in the middle on any machine.
    let mut child = place
        .synth(&[&arguments("a")[..], TIME].concat())
        .env("SYNTH_FAILPOINT", "after-manifest:2:sleep=5")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    while !place.path("a/iteration_000/scores.json").is_file() {
        assert!(child.try_wait().expect("asked").is_none(), "ended before its first iteration");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let interrupt = format!("kill -INT {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &interrupt]).status().expect("sh").success());
    let ended = Ended::new(&arguments("a"), child.wait_with_output().expect("output"));
    let ended = ended.code(130).says(&["error: interrupted"]);
    assert!(ended.stdout.is_empty());
    place.run(&arguments("a")).code(2).says(&["unfinished run `a` already exists", "--resume"]);
    let hint = ended.stderr.lines().find_map(|line| line.strip_prefix("hint: go on with: ")).expect("a hint");
    // Word for word, as a shell takes it.
    let status = std::process::Command::new("sh")
        .current_dir(place.path(""))
        .args(["-c", &format!("synth() {{ \"$0\" \"$@\"; }}; {hint}"), env!("CARGO_BIN_EXE_synth")])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    assert!(status.expect("sh").success(), "{hint}");
    assert_eq!(difference(&hashes(&place.path("whole")), &hashes(&place.path("a"))), [""; 0]);
}

#[test]
fn the_optimizer_and_its_acquisition_are_honoured() {
    let place = Place::small();
    let mut chosen = std::collections::BTreeSet::new();
    // With fewer trials than its own start the process is not asked yet; of a batch of four in point mode it would
    // give two, where it expects the minimum.
    let more = ["max_iterations=4", "initial_sets=16", "iteration_batch_size=8"];
    let more: Vec<&str> = more.iter().flat_map(|setting| ["--set", setting]).collect();
    for mode in ["distribution", "point"] {
        for setting in ["acquisition_function=ucb", "acquisition_function=pi", "optimizer=sobol"] {
            let out = format!("{mode}_{setting}");
            let mode = format!("mode={mode}");
            let settings = ["--out", &out, "--set", setting, "--set", &mode, "--set", "point_sets=2"];
            run(&place, &[&settings[..], &more].concat()).code(0);
            let sets =
                fs::read_to_string(place.path(&out).join("iteration_001/samples.jsonl")).expect("records");
            chosen.insert(sets);
        }
    }
    assert_eq!(chosen.len(), 6, "six ways to choose, six different batches");
}

#[test]
fn json_and_quiet_are_for_machines() {
    let place = Place::small();
    let ended = run(&place, &["--out", "a", "--json", "--quiet"]).code(0);
    assert_eq!(ended.stderr, "");
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert!(json["result"]["verdict"]["text"].is_string());
    assert_eq!(json["report"], "a/report.html");
}

#[test]
fn close_far_and_topped_up_real_sets_are_named_and_grouped() {
    let place = Place::small();
    let distribution = "{base_size: {mean: 5, std: 1}}";
    let settings = [
        "--set",
        "real={param_sets: 4, replications: 1, total_size: 6}",
        "--set",
        "close={param_sets: 3, replications: 2}",
        "--set",
        "far={param_sets: 3, replications: 2}",
    ];
    let (close, far) = (
        format!("param_distributions.close={distribution}"),
        format!("param_distributions.far={distribution}"),
    );
    run(&place, &[&["--out", "a"], &settings[..], &["--set", &close, "--set", &far]].concat()).code(0);
    let text = fs::read_to_string(place.path("a/iteration_000/samples.jsonl")).expect("records");
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |name: &str| records.iter().filter(|r| r["dataset_type"] == name).count();
    assert_eq!((of("real"), of("close"), of("far")), (6, 6, 6));
    let real_groups: std::collections::BTreeSet<&str> = records
        .iter()
        .filter(|r| r["dataset_type"] == "real")
        .map(|r| r["group"].as_str().expect("a group"))
        .collect();
    assert_eq!(real_groups.len(), 4, "six images are four groups");
    let scores = fs::read_to_string(place.path("a/iteration_000/scores.json")).expect("scores");
    let scores: serde_json::Value = serde_json::from_str(&scores).expect("JSON");
    assert!(scores["sets"]["close"]["value"].is_number() && scores["epsilon"].is_number());
    assert_eq!(scores["nearest_real"].as_object().expect("distances").len(), 12);
}

#[test]
fn a_folder_of_ones_own_images_is_the_real_set() {
    let place = Place::small();
    for kind in 0..8 {
        place.image(&format!("photos/{kind}.png"), 64, kind);
        place.image(&format!("clean/{kind}.png"), 64, 20 + kind);
    }
    place.write(
        "photos/groups.csv",
        (0..8).fold("file,group\n".to_owned(), |text, kind| format!("{text}{kind}.png,wafer{}\n", kind / 2)),
    );
    let own = SMALL_OWN;
    place.write("own.yaml", own);
    let ended = place.run(&["run", "own.yaml", "--timestamp", "5"]).code(0);
    assert!(ended.stdout.contains("8 samples in 4 independent groups"), "{}", ended.stdout);
    let found = hashes(&place.path("runs/own"));
    assert!(found.contains_key("iteration_000/real_images.jsonl"));
    assert!(!found.contains_key("iteration_000/images/iter0_real_000.png"), "referenced, not copied");
    // Another image under the same name is another experiment.
    place.image("photos/3.png", 64, 99);
    place.run(&["run", "own.yaml", "--timestamp", "5"]).code(2).says(&["`real.dir`", "3.png has changed"]);
}

const SMALL_OWN: &str = "\
experiment_name: own
real: {dir: photos}
base_image_dir: clean
param_bounds: {base_size: [2, 12], size_std: [0, 4]}
initial_sets: 6
iteration_batch_size: 4
replications_per_iteration: 2
max_iterations: 1
bootstrap_replicates: 19
folds: 2
";
