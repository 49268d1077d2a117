//! Changes of a lab that is up: by file and by API, refused, renamed, with machines that come and go.

use super::*;

#[test]
fn what_is_declared_over_the_api_is_in_the_lab_and_files_refer_to_it() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let more = TINY.replace(
        "tests:",
        "  c: { node: two, subnet: added, security_groups: [open], attach: { serve: { tcp: 80 } } }\n  \
           d: { node: one, subnet: added, security_groups: [open], attach: { serve: { tcp: 80 } } }\n\
         tests:\n  - { from: c, to: d, port: 80/tcp, expect: allow }",
    );
    let more = home.write("more.yaml", &more);
    let error = home.fail(&["lab", "apply", &more]);
    assert!(error.contains("there is no subnet `added`"), "{error}");
    let create = ["network", "create", "added", "--cidr", "10.9.0.0/24"];
    home.succeed(&[&["lab", "exec", "one", "--", NETLOOM], &create[..]].concat());
    // On the machine of control as from outside of the lab.
    let plan = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "plan", &more]);
    assert!(plan.contains("starts workload c"), "{plan}");
    let text = home.succeed(&["lab", "apply", &more]);
    assert!(text.contains("2 of 2 tests hold"), "{text}");
    assert_eq!(home.status()["workloads"]["c"]["network"], "added");
    let history = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "history", "3"]);
    assert!(history.contains("# (api)") && history.contains("10.9.0.0/24"), "{history}");
    // A file without it leaves it alone.
    home.succeed(&["lab", "apply", &file]);
    let networks = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "network", "ls"]);
    assert!(networks.contains("added"), "{networks}");
    // What fails goes back to what was, with what the API has.
    let wrong = home.write("wrong.yaml", &TINY.replace("expect: allow", "expect: deny"));
    home.fail(&["lab", "apply", &wrong]);
    home.succeed(&["lab", "apply", &more]);
    home.succeed(&["lab", "down"]);
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn an_apply_changes_only_what_changed_and_ends_what_is_forbidden_now() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let same = home.succeed(&["lab", "apply", &file]);
    assert_eq!(same.matches(": 0 operations").count(), 2, "{same}");
    let before = home.status()["workloads"]["a"].clone();
    // A flow that is under way when policy closes it.
    let script = "exec 3<>/dev/tcp/b/80; echo one >&3; read -t 5 x <&3; echo got $x; sleep 3; \
                  echo two >&3; read -t 2 y <&3 || echo ended";
    let mut flow = home.command(&["lab", "exec", "a", "--", "bash", "-c", script]);
    let flow = flow.stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let closed =
        TINY.replace("ingress: [{ from: all }]", "ingress: [{ protocol: udp, from: all }]");
    let closed = closed.replace("expect: allow", "expect: deny");
    let file = home.write("closed.yaml", &closed);
    let text = home.succeed(&["lab", "apply", &file]);
    assert!(text.contains("table network-net"), "{text}");
    assert!(!text.contains("veth") && !text.contains("namespace"), "{text}");
    assert_eq!(home.status()["workloads"]["a"], before, "the workload goes on");
    let output = flow.wait_with_output().unwrap();
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(seen.contains("got one") && seen.contains("ended"), "{seen}");
}

#[test]
fn a_renamed_workload_is_who_it_was_at_the_address_that_it_had() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let object = |name: &str| {
        let arguments = ["lab", "exec", "one", "--", NETLOOM, "objects", "workloads", "--json"];
        let found: Value = serde_json::from_str(&home.succeed(&arguments)).unwrap();
        found["objects"]["workloads"][name].clone()
    };
    let uid = object("b")["uid"].clone();
    assert_eq!((uid.as_str().unwrap().len(), &object("b")["since"]), (36, &Value::from(1)));
    let address = home.status()["workloads"]["b"]["addresses"].clone();
    let renamed = TINY.replace("  b: { node", "  c: { was: b, node").replace("to: b,", "to: c,");
    let renamed = home.write("renamed.yaml", &renamed);
    home.succeed(&["lab", "apply", &renamed]);
    assert_eq!(home.status()["workloads"]["c"]["addresses"], address);
    assert_eq!((&object("c")["uid"], &object("b")), (&uid, &Value::Null));
    home.succeed(&["lab", "exec", "a", "--", NETLOOM, "connect", "c:80"]);
    // What it was is somebody else's name now.
    let anew = TINY
        .replace("tests:", "  c: { node: one, subnet: s, attach: { serve: { tcp: 80 } } }\ntests:");
    let anew = home.write("anew.yaml", &anew);
    home.succeed(&["lab", "apply", &anew]);
    assert_eq!(object("c")["uid"], uid);
    assert_ne!(object("b")["uid"], uid);
    assert_ne!(home.status()["workloads"]["b"]["addresses"], address);
    let none = home.fail(&["lab", "exec", "one", "--", NETLOOM, "objects", "peerings"]);
    assert!(none.contains("nothing is declared under `peerings`"), "{none}");
    home.succeed(&["lab", "down"]);
}

#[test]
fn an_apply_that_a_node_refuses_goes_back_to_what_was() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let before = home.status()["workloads"].clone();
    // A node serves 64 networks at most, which it says itself.
    let mut many = TINY.to_owned();
    for (key, entry) in [
        ("networks: {", " n#: { cidr: 10.#.0.0/16 },"),
        ("subnets: {", " s#: { network: n#, cidr: 10.#.1.0/24 },"),
        ("workloads:\n", "  w#: { node: one, subnet: s#, attach: { serve: { tcp: 80 } } }\n"),
    ] {
        let entries: String =
            (100..165).map(|number| entry.replace('#', &number.to_string())).collect();
        many = many.replacen(key, &format!("{key}{entries}"), 1);
    }
    let file = home.write("many.yaml", &many);
    let error = home.fail(&["lab", "apply", &file]);
    assert!(error.contains("64"), "{error}");
    assert_eq!(home.status()["workloads"], before);
    let tests = home.succeed(&["lab", "test"]);
    assert!(tests.contains("1 of 1"), "{tests}");
    let broken = home.write("broken.yaml", &TINY.replace("expect: allow", "expect: deny"));
    let error = home.fail(&["lab", "apply", &broken]);
    assert!(error.contains("nothing was changed") && !error.contains("taken back"), "{error}");
    let history = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "history", "--json"]);
    let history: Value = serde_json::from_str(&history).unwrap();
    let revisions: Vec<&Value> =
        history.as_array().unwrap().iter().map(|one| &one["rollback_of"]).collect();
    assert_eq!(revisions, [&Value::from(1), &Value::Null, &Value::Null, &Value::Null]);
    // Kept all the same by somebody inside, it can still be looked at, and mended from there.
    let inside = ["lab", "exec", "one", "--", NETLOOM];
    let kept = home.run(&[&inside[..], &["apply", "--keep-refused", &file]].concat());
    assert!(!kept.status.success());
    let looked = home.run(&["lab", "status"]);
    let told = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success() && told.contains("cannot follow"), "{told}");
    home.succeed(&[&inside[..], &["rollback", "1"]].concat());
    assert_eq!(home.status()["workloads"], before);
}

#[test]
fn machines_come_and_go_and_control_stays_where_it_is() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let changed =
        TINY.replace("two: { region: here }", "three: { region: far }, two: { region: far }");
    let changed = changed.replace("here: {}", "here: {}, far: { nat: true }");
    let changed = changed.replace(
        "tests:",
        "  c: { node: three, subnet: s, security_groups: [open], \
                                  attach: { serve: { tcp: 80 } } }\ntests:\n  \
                                  - { from: c, to: a, port: 80/tcp, expect: allow }",
    );
    // Node two moves behind a translator, and a new one beside it.
    let text = home.succeed(&["lab", "apply", &home.write("changed.yaml", &changed)]);
    assert!(text.contains("2 of 2 tests hold"), "{text}");
    let text = home.succeed(&["lab", "apply", &file]);
    assert!(text.contains("1 of 1 test holds"), "{text}");
    assert!(home.status()["nodes"]["three"].is_null());
    let unseated = TINY.replace("one: { region: here }, ", "").replace("node: one", "node: two");
    let error = home.fail(&["lab", "apply", &home.write("unseated.yaml", &unseated)]);
    assert!(error.contains("control of this lab runs on one"), "{error}");
    assert!(home.succeed(&["lab", "test"]).contains("1 of 1"));
}
