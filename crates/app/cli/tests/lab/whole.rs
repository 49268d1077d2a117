//! Whole files: those of the examples, those with errors, names as long as they may be.

use super::*;

#[test]
fn the_quickstart_comes_up_keeps_its_promises_and_leaves_nothing() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let text = home.succeed(&["lab", "up", &quickstart()]);
    assert!(text.contains("15 of 15 tests hold"), "{text}");
    assert!(text.contains("8 of 8 names resolve"), "{text}");
    let netloom = env!("CARGO_BIN_EXE_netloom");
    home.succeed(&["lab", "exec", "web-1", "--", netloom, "connect", "api-1:8080"]);
    let denied = home.run(&["lab", "exec", "db-1", "--", netloom, "connect", "web-1:80"]);
    assert!(!denied.status.success());
    let records = home.succeed(&["lab", "exec", "web-1", "--", netloom, "lookup", "db.services"]);
    assert!(records.contains("10.0.2.5") && records.contains("10.0.4.5"), "{records}");
    let signalled =
        home.run(&["lab", "exec", "web-1", "--", "sh", "-c", "kill -TERM $$; echo survived"]);
    assert!(signalled.stdout.is_empty(), "signals reach what runs inside");
    let error = home.fail(&["lab", "exec", "web1", "--", "true"]);
    assert!(error.contains("did you mean `web-1`"), "{error}");
    let error = home.fail(&["lab", "up", &quickstart()]);
    assert!(error.contains("is up already"), "{error}");
    home.succeed(&["lab", "down"]);
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
    let error = home.fail(&["lab", "status"]);
    assert!(error.contains("no lab is up"), "{error}");
}

#[test]
fn the_examples_of_whole_networks_come_up_and_keep_their_promises() {
    for (name, tests) in [("regions", 18), ("app-network", 21), ("architecture", 43)] {
        let home = Home::new();
        if !labs_work(&home) {
            return;
        }
        let file = format!("{}/../../../examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = home.succeed(&["lab", "up", &file]);
        assert!(text.contains(&format!("{tests} of {tests} tests hold")), "{name}: {text}");
        home.succeed(&["lab", "down"]);
        assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_fabric_with_errors_starts_nothing() {
    let home = Home::new();
    let file = home.write("bad.yaml", &TINY.replace("node: one", "node: oen"));
    let error = home.fail(&["lab", "up", &file]);
    assert!(error.contains("did you mean `one`"), "{error}");
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn explain_and_check_say_the_same_as_json() {
    let home = Home::new();
    let file = quickstart();
    let text = home.run(&["explain", "web-1", "db-1:5432/tcp", "-f", &file]);
    assert!(!text.status.success(), "a denied flow");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("ingress") && text.contains("quickstart.yaml:"), "{text}");
    let json = home.run(&["explain", "web-1", "api-1:8080", "-f", &file, "--json"]);
    let answers: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["allowed"] == true));
    let broken = home.write("bad.yaml", &TINY.replace("node: one", "node: oen"));
    let json = home.run(&["check", &broken, "--json"]);
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["findings"][0]["code"], "N0201");
    assert_eq!(found["findings"][0]["did_you_mean"], "one");
    let failing = home.write("failing.yaml", &TINY.replace("expect: allow", "expect: deny"));
    let text = home.run(&["check", &failing]);
    let said = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(said.contains("should not pass, and does") && said.contains("0 of 1"), "{said}");
    let json = home.run(&["check", &failing, "--json"]);
    assert_eq!((text.status.code(), json.status.code()), (Some(1), Some(1)));
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    let line = TINY.lines().position(|line| line.contains("expect: allow")).unwrap() + 1;
    assert_eq!(found["broken_tests"][0]["line"], line, "{found}");
}

#[test]
fn names_as_long_as_they_may_be_serve() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let (fabric, node) = ("f".repeat(63), "n".repeat(63));
    let long = TINY.replace("fabric: tiny", &format!("fabric: {fabric}"));
    let long = long.replace("one: {", &format!("{node}: {{"));
    let long = long.replace("node: one", &format!("node: {node}"));
    home.succeed(&["lab", "up", &home.write("long.yaml", &long)]);
}
