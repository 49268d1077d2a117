//! What engines answer, and what is made of it.

use super::*;

fn inspected(state: &str, mode: &str, sandbox: &str) -> Vec<u8> {
    let running = state == "running";
    let pid = if running { 42 } else { 0 };
    format!(
        r#"{{"Id":"f00","Name":"/db","State":{{"Status":"{state}","Running":{running},"Pid":{pid}}},
            "HostConfig":{{"NetworkMode":"{mode}"}},"ResolvConfPath":"/var/lib/x/resolv.conf",
            "NetworkSettings":{{"SandboxKey":"{sandbox}","Ports":{{}}}}}}"#
    )
    .into_bytes()
}

#[test]
fn a_running_container_has_a_namespace() {
    let found =
        interpret("db", 200, &inspected("running", "bridge", "/run/docker/netns/a")).unwrap();
    assert_eq!((found.pid, found.netns.as_str()), (42, "/run/docker/netns/a"));
    let found = interpret("db", 200, &inspected("running", "none", "")).unwrap();
    assert_eq!(found.netns, "/proc/42/ns/net", "an engine that names no sandbox");
}

#[test]
fn what_cannot_be_attached_says_what_to_do() {
    let error = |code, body: &[u8]| interpret("db", code, body).unwrap_err().to_string();
    assert!(error(404, b"{}").contains("docker run --name db"));
    assert!(error(200, &inspected("exited", "bridge", "")).contains("docker start db"));
    assert!(error(200, &inspected("running", "host", "")).contains("attach: host"));
    assert!(error(200, &inspected("running", "container:web", "")).contains("container web"));
    assert!(error(500, br#"{"message":"out of order"}"#).contains("out of order"));
    assert!(error(200, b"[]").contains("answered 200"));
    let nobody = Engine::at(Path::new("/nowhere/docker.sock")).container("db").unwrap_err();
    assert!(nobody.to_string().contains("DOCKER_HOST"), "{nobody}");
}

#[test]
fn what_cannot_be_attached_names_the_command_that_mends_it() {
    let command = |code, body: &[u8]| interpret("db", code, body).unwrap_err().command();
    assert_eq!(command(404, b"{}"), "docker ps --all");
    assert_eq!(command(200, &inspected("exited", "bridge", "")), "docker start db");
    let shared = command(200, &inspected("running", "host", ""));
    assert_eq!(shared, "docker inspect --format '{{.HostConfig.NetworkMode}}' db");
    assert_eq!(command(500, b"x"), "docker info");
    let nobody = Engine::at(Path::new("/nowhere/docker.sock")).container("db").unwrap_err();
    assert_eq!(nobody.command(), "systemctl start docker");
}
