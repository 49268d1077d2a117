//! A host is a node of one fabric by one name, until it is told otherwise.

use super::*;
use crate::host::wait_for;
use std::fs;
use std::path::PathBuf;

/// A host's folders, removed in the end.
struct Folders(PathBuf);

impl Folders {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("netloom-membership-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn place(&self, fabric: &str) -> Place {
        let (state_root, run_root) = (self.0.join("state"), self.0.join("run"));
        Place { fabric: fabric.to_owned(), state_root, run_root }
    }

    /// Node `beta` of fabric `shop`, which runs.
    fn node(&self) -> Place {
        let place = self.place("shop");
        fs::create_dir_all(place.node()).unwrap();
        fs::create_dir_all(place.run()).unwrap();
        let facts = r#"{ "fabric": "shop", "fabric_id": "0a", "node": "beta", "signing_key": "",
                         "control": ["192.0.2.1:7766"], "listen_port": 51820 }"#;
        fs::write(place.node().join(JOINED), facts).unwrap();
        place
    }

    /// The same host, as a member of control too.
    fn member(&self) -> Place {
        let place = self.node();
        fs::create_dir_all(place.control()).unwrap();
        fs::write(place.control().join("ca.crt"), "").unwrap();
        place
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_node_begins_no_second_fabric_of_the_name() {
    let folders = Folders::new("second");
    assert!(refuse_second_fabric(&folders.place("shop")).is_ok(), "a new host begins one");
    let place = folders.node();
    let words = refuse_second_fabric(&place).unwrap_err().to_string();
    for part in ["node `beta` of fabric `shop`", "192.0.2.1:7766", "netloom down --state"] {
        assert!(words.contains(part), "{words}");
    }
    assert!(
        refuse_second_fabric(&folders.place("bank")).is_ok(),
        "one of another name is no second"
    );
    fs::write(place.node().join(JOINED), "{").unwrap();
    let words = refuse_second_fabric(&place).unwrap_err().to_string();
    assert!(words.contains("damaged") && words.contains("netloom down"), "{words}");
    let place = folders.member();
    assert!(refuse_second_fabric(&place).is_ok(), "control's own node goes on");
}

#[test]
fn a_node_without_control_says_where_control_is() {
    let folders = Folders::new("where");
    let error = wait_for(folders.node().client().status()).unwrap_err().to_string();
    assert!(
        error.contains("control is at 192.0.2.1:7766; run the command on that host"),
        "{error}"
    );
    let error = wait_for(folders.member().client().status()).unwrap_err().to_string();
    assert!(error.contains("is control up?"), "{error}");
}

#[test]
fn a_host_joins_as_no_second_node() {
    let folders = Folders::new("other");
    assert!(refuse_other_node(&folders.place("shop"), "0a", "beta").is_ok(), "a new host joins");
    let place = folders.node();
    assert!(refuse_other_node(&place, "0a", "beta").is_ok(), "a node may ask again");
    for (fabric_id, name, cause) in [
        ("0a", "gamma", "would be `gamma`"),
        ("0b", "beta", "another fabric that is called `shop`"),
    ] {
        let words = refuse_other_node(&place, fabric_id, name).unwrap_err().to_string();
        assert!(words.contains(cause) && words.contains("netloom down --state"), "{words}");
    }
}

#[test]
fn what_was_stopped_is_to_be_started() {
    let folders = Folders::new("stopped");
    let place = folders.member();
    let words = absence_of_agent(&place);
    assert!(words.contains("tells why it ended") && words.contains("netloom start"), "{words}");
    fs::remove_dir_all(place.run()).unwrap();
    let error = wait_for(place.client().status()).unwrap_err().to_string();
    for words in [absence_of_agent(&place), error] {
        assert!(words.contains("is stopped on this host"), "{words}");
        assert!(words.contains("netloom start --state"), "{words}");
    }
    let words = absence_of_agent(&folders.place("bank"));
    assert!(words.contains("netloom up FILE"), "{words}");
}

#[test]
fn a_fabric_that_is_not_here_is_told_by_its_name() {
    let folders = Folders::new("names");
    let shop = folders.member();
    let file_of_another = folders.place("shopp");
    let error = wait_for(file_of_another.client().status()).unwrap_err().to_string();
    assert!(error.contains("this host has fabric `shop`, and the file is of `shopp`"), "{error}");
    let named = |fabric: &str| Host {
        state: shop.state_root.clone(),
        run: shop.run_root.clone(),
        fabric: Some(fabric.to_owned()),
    };
    assert_eq!(named("shop").chosen().unwrap().fabric, "shop");
    let error = named("nope").chosen().unwrap_err().to_string();
    assert!(error.contains("no fabric `nope`; it has shop"), "{error}");
    assert_eq!(named("nope").named().unwrap().fabric, "nope", "where one may begin or be removed");
}
