//! `synth ask`.

use crate::support::Place;

const SPACE: &str = "\
parameters:
  - {name: size, type: float, low: 0, high: 10}
  - {name: shape, type: choice, choices: [disc, star]}
";

#[test]
fn asking_gives_sets_inside_the_space_and_the_same_ones_again() {
    let place = Place::new();
    place.write("space.yaml", SPACE);
    let ask = |arguments: &[&str]| {
        place.run(&[&["ask", "space.yaml", "trials.jsonl", "--count", "5"], arguments].concat())
    };
    let first = ask(&[]).code(0).stdout;
    assert_eq!(first, ask(&["--threads", "1"]).code(0).stdout);
    assert_ne!(first, ask(&["--seed", "1"]).code(0).stdout);
    let sets: Vec<serde_json::Value> =
        first.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(sets.len(), 5);
    assert!(sets.iter().all(|set| set["params"]["size"].as_f64().is_some_and(|x| (0.0..=10.0).contains(&x))));
    // The best of these is at size 7, whatever the shape.
    let trials: String = (0..12)
        .map(|i| {
            let (size, shape) = (f64::from(i) * 0.9, if i % 2 == 0 { "disc" } else { "star" });
            let value = (size - 7.0) * (size - 7.0);
            format!("{{\"params\": {{\"size\": {size}, \"shape\": \"{shape}\"}}, \"value\": {value}}}\n")
        })
        .collect();
    place.write("trials.jsonl", trials);
    let explained = ask(&["--explain", "--acquisition", "ei"]).code(0).stdout;
    let best: serde_json::Value =
        serde_json::from_str(explained.lines().next().expect("a line")).expect("JSON");
    assert!((best["params"]["size"].as_f64().expect("a size") - 7.0).abs() < 0.5, "{best}");
    assert!(best["mean"].is_number() && best["std"].is_number());
}

#[test]
fn wrong_spaces_and_trials_are_placed() {
    let place = Place::new();
    place.write("space.yaml", SPACE);
    place.write("trials.jsonl", "{\"params\": {\"size\": 3, \"shape\": \"cube\"}, \"value\": 1}\n");
    let ask = ["ask", "space.yaml", "trials.jsonl"];
    place.run(&ask).code(2).says(&["trials.jsonl", "line 1: `shape` must be one of disc, star, got cube"]);
    place.write("trials.jsonl", "\n{\"params\": \n");
    place
        .run(&ask)
        .code(2)
        .says(&["`trials.jsonl` is corrupt: line 2, column 11: EOF while parsing a value\n"]);
    place.write("trials.jsonl", "");
    place.run(&[&ask[..], &["--optimizer", "gpp"]].concat()).code(2).says(&["did you mean `gp`?"]);
    place.run(&[&ask[..], &["--acquisition", "ucbb"]].concat()).code(2).says(&["did you mean `ucb`?"]);
    place.write("space.yaml", SPACE.replace("high: 10", "high: -1"));
    place.run(&ask).code(2).says(&["space.yaml:2: `size` must be finite bounds with low <= high"]);
}

#[test]
fn trials_are_taken_as_python_writes_them() {
    let place = Place::new();
    place.write("space.yaml", SPACE);
    let ask = ["ask", "space.yaml", "trials.jsonl", "--count", "3"];
    place.run(&ask).code(0).says(&["0 trials: trials.jsonl does not exist"]);
    let trial = |size: u32, rest: &str| {
        format!("{{\"params\": {{\"size\": {size}, \"shape\": \"disc\"}}, {rest}}}\n")
    };
    let good: String =
        (0..6).map(|size| trial(size, &format!("\"value\": {size}.5, \"std_error\": 0.1"))).collect();
    let failed = trial(7, "\"status\": \"failed\"");
    place.write("trials.jsonl", format!("{good}{failed}"));
    let plain = place.run(&ask).code(0);
    assert_eq!(plain.stderr, "", "the file is there");
    for same in [
        "\"value\": NaN",
        "\"value\": -Infinity, \"status\": \"ok\"",
        "\"value\": Infinity, \"std_error\": NaN",
    ] {
        place.write("trials.jsonl", format!("\n{good}\n  \n{}", trial(7, same)));
        assert_eq!(place.run(&ask).code(0).stdout, plain.stdout, "{same}");
    }
}

#[test]
fn trials_that_contradict_themselves_are_placed() {
    let place = Place::new();
    place.write("space.yaml", SPACE);
    let set = "\"params\": {\"size\": 1, \"shape\": \"disc\"}";
    for (line, says) in [
        (format!("{{{set}, \"status\": \"ok\"}}"), "line 2: `value` must be a number where `status` is `ok`"),
        (
            format!("{{{set}, \"value\": 1, \"std_error\": -1}}"),
            "line 2: `std_error` must be finite and not negative",
        ),
        (format!("{{{set}, \"value\": 1, \"value\": 2}}"), "line 2, column"),
        (
            "{\"params\": {\"size\": 1, \"size\": 2, \"shape\": \"disc\"}, \"value\": 1}".to_owned(),
            "the parameter `size` is given twice",
        ),
        (format!("{{{set}, \"value\": \"1\"}}"), "expected a number, got \"1\""),
        (
            "{\"params\": {\"size\": NaN, \"shape\": \"disc\"}, \"value\": 1}".to_owned(),
            "line 2: `size` must be a number in [0, 10], got NaN",
        ),
    ] {
        place.write("trials.jsonl", format!("{{{set}, \"value\": 1}}\n{line}\n"));
        place.run(&["ask", "space.yaml", "trials.jsonl"]).code(2).says(&["`trials.jsonl`", says]);
    }
}

#[test]
fn choices_are_printed_as_they_are_written() {
    let place = Place::new();
    place.write(
        "space.yaml",
        "parameters:\n- {name: layers, type: choice, choices: [1, 2.5]}\n- {name: flag, type: choice, choices: \
         [true, false], default: true}\n- {name: word, type: choice, choices: [yes, no]}\n- {name: depth, type: int, \
         low: 1, high: 4, when: {parameter: layers, is: [2.5]}}\n",
    );
    let trial =
        "{\"params\": {\"layers\": 2.5, \"flag\": true, \"word\": \"no\", \"depth\": 2}, \"value\": 1}\n";
    place.write("trials.jsonl", trial);
    let answer = place.run(&["ask", "space.yaml", "trials.jsonl", "--count", "6"]).code(0).stdout;
    for line in answer.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let params = &line["params"];
        assert!(params["layers"] == 1 || params["layers"] == 2.5, "{params}");
        assert!(
            params["flag"].is_boolean() && (params["word"] == "yes" || params["word"] == "no"),
            "{params}"
        );
        assert_eq!(params["depth"].is_number(), params["layers"] == 2.5, "{params}");
    }
    // What it proposed can be told back word for word.
    let told: String = answer
        .lines()
        .map(|line| line.replacen("{\"params\"", "{\"value\":2,\"params\"", 1) + "\n")
        .collect();
    place.write("trials.jsonl", told);
    place.run(&["ask", "space.yaml", "trials.jsonl"]).code(0);
    place.write("space.yaml", "- {name: a, type: choice, choices: [1, \"1\"]}\n");
    place
        .run(&["ask", "space.yaml", "none"])
        .code(2)
        .says(&["space.yaml:1: `a.choices` must be a list of different"]);
}

#[test]
fn every_problem_of_a_space_is_at_its_own_line() {
    let place = Place::new();
    place.write(
        "space.yaml",
        "parameters:\n- {name: a, type: float, high: 3}\n- {name: b, type: floot, low: 1, high: 3}\n- name: c\n  type: \
         int\n  low: 1\n  hihg: 3\n  high: 2.5\n- {name: d, type: float, low: -1.0e308, high: 1.0e308}\n\
         objective: {direction: maximice}\n",
    );
    place.run(&["ask", "space.yaml", "none"]).code(2).says(&[
        "space.yaml:2: `a.low` must be a finite number, got nothing",
        "space.yaml:3: `b.type` must be one of float, int, choice, simplex, got \"floot\"",
        "hint: did you mean `float`?",
        "space.yaml:7: unknown key `c.hihg`",
        "space.yaml:8: `c.high` must be a whole number",
        "space.yaml:9: `d` must be bounds less than 1.8e308 apart",
        "space.yaml:10: `objective.direction` must be one of",
        "hint: did you mean `maximise`?",
    ]);
}

#[test]
fn options_without_effect_are_refused() {
    let place = Place::new();
    place.write("space.yaml", SPACE);
    let ask = ["ask", "space.yaml", "none"];
    for (option, value) in [("--acquisition", Some("ei")), ("--explain", None)] {
        for optimizer in ["sobol", "random", "tpe", "cmaes"] {
            let given: Vec<&str> =
                [option].into_iter().chain(value).chain(["--optimizer", optimizer]).collect();
            let option = format!("`{option}` must be left out");
            place.run(&[&ask[..], &given].concat()).code(2).says(&[&option, optimizer, "hint:"]);
        }
    }
    place.run(&[&ask[..], &["--explain"]].concat()).code(0).says(&["nothing to explain"]);
    place.run(&[&ask[..], &["--timestamp", "5"]].concat()).code(0).says(&["--timestamp has no effect"]);
}
