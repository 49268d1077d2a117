//! What runs in a lab: processes that die, ports that are taken, control and its dashboard.

use super::*;

#[test]
fn a_process_that_dies_is_started_again_and_status_says_so() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let dying = TINY.replace(
        "attach: { serve: { tcp: 80 } } }\n  b:",
        "attach: { process: { run: [/bin/sh, -c, \"sleep 0.2; exit 3\"] } } }\n  b:",
    );
    let file = home.write("dying.yaml", &dying);
    home.succeed(&["lab", "up", &file]);
    wait_until("the end of the process is told", || {
        let state = home.status()["workloads"]["a"]["state"].to_string();
        state.contains("exit status: 3")
    });
    let missing = TINY.replace(
        "attach: { serve: { tcp: 80 } } }\n  b:",
        "attach: { process: { run: [/no/such/program] } } }\n  b:",
    );
    let file = home.write("missing.yaml", &missing);
    home.succeed(&["lab", "apply", &file]);
    wait_until("the missing program is told", || {
        home.status()["workloads"]["a"]["state"].to_string().contains("/no/such/program")
    });
}

#[test]
fn a_port_that_is_taken_is_an_error_with_its_cure() {
    let home = Home::new();
    let listener = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let error = home.fail(&["serve", "--tcp", &port]);
    assert!(error.contains(&port) && error.contains("another"), "{error}");
}

#[test]
fn control_is_asked_where_it_runs_and_its_dashboard_from_here() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    let text = home.succeed(&["lab", "up", &file]);
    let address = text.lines().find_map(|line| line.strip_prefix("dashboard  ")).unwrap();
    let (origin, token) = address.split_once("/#token=").unwrap();
    let authority = origin.strip_prefix("http://").unwrap();
    assert!(get(authority, "/", None).unwrap().contains("<html"), "the page");
    let revision = || {
        let status = get(authority, "/v1/status", Some(token))?;
        Some(serde_json::from_str::<Value>(&status).ok()?["revision"].clone())
    };
    assert_eq!(revision(), Some(Value::from(1)));
    let more = TINY
        .replace("tests:", "  c: { node: two, subnet: s, attach: { serve: { tcp: 81 } } }\ntests:");
    home.succeed(&["lab", "apply", &home.write("more.yaml", &more)]);
    assert_eq!(revision(), Some(Value::from(2)));
    let plan = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "plan", &file]);
    assert!(plan.contains("stops workload c"), "{plan}");
    let own = home.succeed(&["lab", "exec", "two", "--", NETLOOM, "status"]);
    assert!(own.contains("connected to 198.18.0.10:7766"), "{own}");
    // Control comes back, at the same address, and the nodes have gone on without it.
    let run = home.status()["nodes"]["one"]["run_folder"].as_str().unwrap().to_owned();
    kill("control", &run);
    assert!(home.run(&["lab", "test"]).status.success());
    wait_until("control is back", || revision() == Some(Value::from(2)));
    let status = home.succeed(&["lab", "status"]);
    assert!(status.contains(&format!("\ndashboard  {address}\n")), "{status}");
    home.succeed(&["lab", "apply", &file]);
    assert_eq!(revision(), Some(Value::from(3)));
    // What is changed on control's machine is followed by the lab.
    home.succeed(&["lab", "exec", "one", "--", NETLOOM, "rollback", "2"]);
    assert_eq!(home.status()["workloads"]["c"]["state"], "running");
    home.succeed(&["lab", "down"]);
    // The port may be another lab's by now.
    assert_eq!(revision(), None, "nobody there knows the token any more");
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn control_that_runs_on_the_internet_is_asked_there() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    // Each behind a translator of its own, so that control can be with neither.
    let apart = TINY.replace("here: {}", "here: { nat: true }, there: { nat: true }");
    let apart = apart.replace("two: { region: here }", "two: { region: there }");
    let apart = apart.replace("b: { node: two", "b: { node: one");
    let text = home.succeed(&["lab", "up", &home.write("apart.yaml", &apart)]);
    assert!(text.contains("lab exec internet -- netloom history"), "{text}");
    let words =
        ["lab", "exec", "internet", "--", NETLOOM, "network", "test-connectivity", "a", "b"];
    let said = home.succeed(&words);
    assert!(said.contains("sent by node one"), "{said}");
}

#[test]
fn an_agent_that_is_killed_comes_back_and_sessions_with_it() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    home.succeed(&["lab", "up", &quickstart()]);
    let socket = home.status()["nodes"]["alpha"]["socket"].as_str().unwrap().to_owned();
    let state = Path::new(&socket).parent().unwrap().to_string_lossy().into_owned();
    kill("node", &state);
    wait_until("all tests hold again", || home.run(&["lab", "test"]).status.success());
}

#[test]
fn doctor_on_a_machine_of_a_lab_speaks_of_the_lab() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let dying = TINY.replace(
        "attach: { serve: { tcp: 80 } } }\ntests",
        "attach: { process: { run: [/bin/sh, -c, \"echo no bread; exit 3\"] } } }\ntests",
    );
    // Its test cannot hold.
    let dying = dying.split("tests:").next().unwrap();
    let file = home.write("dying.yaml", dying);
    let told = |command| {
        let report = home.succeed(&["lab", command, &file, "--json"]);
        serde_json::from_str::<Value>(&report).unwrap()["fabric"].clone()
    };
    assert_eq!([told("up"), told("apply")], ["tiny", "tiny"]);
    let doctor = |machine: &str| {
        let output = home.run(&["lab", "exec", machine, "--", NETLOOM, "doctor", "--json"]);
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let wrong = findings.into_iter().filter(|found| found["severity"] != "ok");
        wrong.collect::<Vec<Value>>()
    };
    // Control is well there, with a dashboard that listens outside.
    wait_until("control's machine is well", || doctor("one").is_empty());
    wait_until("the workload that ends is told", || {
        doctor("two").iter().any(|found| found["severity"] == "error")
    });
    let wrong = doctor("two");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let command = wrong[0]["command"].as_str().unwrap();
    assert!(command.starts_with("netloom lab exec two -- tail -n 20 /"), "{command}");
    // What it says can be typed where doctor was called.
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let printed = home.succeed(&words);
    let starts: Vec<&str> = printed.lines().collect();
    assert!(starts.len() > 1 && starts.iter().all(|line| *line == "no bread"), "{printed}");
    let error = home.fail(&["lab", "exec", "a", "--", NETLOOM, "doctor"]);
    assert!(error.contains("netloom lab exec one -- netloom COMMAND"), "{error}");
}
