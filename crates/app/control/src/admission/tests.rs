//! Whom tokens with tags let in.

use super::*;
use crate::declared::Declared;
use crate::keys::found;
use crate::proposal::Origin;
use netloom_api::MakeToken;
use netloom_pki::identity::prove_possession;
use netloom_pki::{SigningSecret, Token};
use netloom_store::{MemoryBackend, Store};
use std::collections::BTreeSet;

/// A new fabric that declares `alpha` with two tags, and `beta` without.
fn admission(name: &str) -> (Arc<Office>, Admission) {
    let folder = std::env::temp_dir().join(format!("netloom-{name}-{}", std::process::id()));
    found(&folder, "shop").unwrap();
    let keys = ControlKeys::read(&folder).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let store = Store::open(MemoryBackend::new()).unwrap();
    let identity = crate::record::FabricRecord {
        id: keys.authority.fabric().0,
        name: "shop".to_owned(),
        made_ms: 0,
    };
    Office::found(&store, &identity).unwrap();
    let signing = keys.signing.clone();
    let office =
        Office::open(store, Box::new(move |bytes| signing.sign(bytes)), Box::new(|_| {})).unwrap();
    let office = Arc::new(office);
    declare(&office, "alpha: { region: here, tags: [edge, eu] }, beta: { region: here }");
    let endpoints = vec!["control:7766".to_owned()];
    (Arc::clone(&office), Admission::new(Arc::new(keys), endpoints, None, office))
}

fn declare(office: &Office, nodes: &str) {
    let text =
        format!("version: 1\nfabric: shop\nregions: {{ here: {{}} }}\nnodes: {{ {nodes} }}\n");
    let texts = BTreeMap::from([("s.yaml".to_owned(), text)]);
    let declared = Declared { roots: vec!["s.yaml".to_owned()], texts, api: None };
    office.apply(|_| declared.clone(), &Origin::default(), None).unwrap();
}

fn token(office: &Office, admission: &Admission, tags: &[&str]) -> Token {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let wanted = MakeToken { tags, reusable: true, ..MakeToken::default() };
    Token::parse(&admission.make_token(office, &wanted).unwrap().token, wall_now()).unwrap()
}

fn join(
    office: &Office,
    admission: &Admission,
    node: &str,
    token: &Token,
) -> Result<Joined, AdmissionError> {
    let (key, binding) = (SigningSecret::generate(), [7; 32]);
    let join = Join {
        node: node.to_owned(),
        fabric_id: token.fabric.to_string(),
        secret: BASE64.encode(token.secret.as_bytes()),
        key: BASE64.encode(key.public().0),
        proof: BASE64.encode(prove_possession(&key, token.fabric, node, &binding)),
    };
    admission.join(office, &join, Some(binding))
}

#[test]
fn a_token_with_tags_lets_in_only_nodes_that_are_declared_with_all_of_them() {
    let (office, admission) = admission("tags");
    let edge = token(&office, &admission, &["edge"]);
    let both = token(&office, &admission, &["edge", "eu"]);
    let none = token(&office, &admission, &[]);
    let error = |node, token| join(&office, &admission, node, token).unwrap_err().to_string();
    let said = error("beta", &edge);
    assert!(
        said.contains("`edge`") && said.contains("`beta`") && said.contains("tags: [edge]"),
        "{said}"
    );
    // Nothing says what tags a node has that is not declared.
    let said = error("gamma", &edge);
    assert!(said.contains("`gamma`") && said.contains("netloom apply"), "{said}");
    assert!(office.world().nodes.is_empty());
    assert_eq!(admission.tokens(&office).unwrap().iter().map(|token| token.used).sum::<u64>(), 0);
    join(&office, &admission, "alpha", &both).unwrap();
    assert!(!join(&office, &admission, "gamma", &none).unwrap().declared);
    declare(&office, "alpha: { region: here }, beta: { region: here, tags: [edge] }");
    join(&office, &admission, "beta", &edge).unwrap();
    assert!(error("delta", &both).contains("`delta`"));
    declare(&office, "delta: { region: here, tags: [edge] }");
    let said = error("delta", &both);
    assert!(said.contains("`eu`") && !said.contains("`edge`"), "{said}");
    let tags = BTreeSet::from(["edge".to_owned(), "eu".to_owned()]);
    assert_eq!(office.world().nodes["alpha"].tags, tags);
}
