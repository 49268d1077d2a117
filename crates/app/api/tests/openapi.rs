//! `openapi.json` says of every type what serde does with it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use netloom_api as api;
use serde::de::value::Error as Stop;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::Value;
use std::collections::BTreeSet;

/// Asks a type for its fields, and gives it nothing.
struct Fields<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        *self.0 = Some(fields);
        Err(Stop::custom("that is all"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    let mut found = None;
    let _ = T::deserialize(Fields(&mut found));
    found.unwrap().iter().map(|name| (*name).to_owned()).collect()
}

fn document() -> Value {
    serde_json::from_str(api::OPENAPI).unwrap()
}

fn names(value: &Value) -> BTreeSet<String> {
    let texts = value.as_array().into_iter().flatten();
    texts.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Fields, which of them are needed or always there, and the kinds of values.
fn check<T: DeserializeOwned + Serialize + Default>(
    name: &str,
    is_request: bool,
    seen: &mut BTreeSet<String>,
) {
    seen.insert(name.to_owned());
    let document = document();
    let schema = &document["components"]["schemas"][name];
    let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("no schema {name}"));
    let described: BTreeSet<String> = properties.keys().cloned().collect();
    assert_eq!(described, fields::<T>(), "fields of {name}");
    let example = serde_json::to_value(T::default()).unwrap();
    let example = example.as_object().unwrap();
    let required: BTreeSet<String> = if is_request {
        // Needed is what cannot be left out.
        let without = |field: &&String| {
            let mut rest = serde_json::Map::clone(example);
            rest.remove(*field);
            serde_json::from_value::<T>(rest.into()).is_err()
        };
        described.iter().filter(without).cloned().collect()
    } else {
        example.keys().cloned().collect()
    };
    assert_eq!(names(&schema["required"]), required, "required of {name}");
    // Nodes of later versions join with what they say more.
    if is_request && name != "Join" {
        let mut more = serde_json::Map::clone(example);
        more.insert("nod".to_owned(), Value::from("x"));
        let refused = serde_json::from_value::<T>(more.into()).map(drop).unwrap_err().to_string();
        assert!(refused.contains("unknown field `nod`"), "{name}: {refused}");
        assert_eq!(schema["additionalProperties"], false, "what else {name} may have");
    }
    for (field, value) in example {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let property = &properties[field];
        let refers = property["$ref"].is_string() && kind == "object";
        let says = property["type"] == kind || names(&property["type"]).contains(kind);
        assert!(refers || says, "{name}.{field} is {kind}, and is described as {property}");
    }
}

#[test]
fn schemas_have_the_fields_that_are_sent_and_taken() {
    let mut seen = BTreeSet::new();
    let known = &mut seen;
    check::<api::Access>("Access", false, known);
    check::<api::AccessMade>("AccessMade", false, known);
    check::<api::Applied>("Applied", false, known);
    check::<api::Apply>("Apply", true, known);
    check::<api::Connect>("Connect", true, known);
    check::<api::Connectivity>("Connectivity", false, known);
    check::<api::ControlMember>("ControlMember", false, known);
    check::<api::Declare>("Declare", true, known);
    check::<api::DeclareAll>("DeclareAll", true, known);
    check::<api::Disconnect>("Disconnect", true, known);
    check::<api::Etcd>("Etcd", false, known);
    check::<api::MakeNetwork>("MakeNetwork", true, known);
    check::<api::Member>("Member", false, known);
    check::<api::MemberKeys>("MemberKeys", false, known);
    check::<api::Network>("Network", false, known);
    check::<api::Error>("Error", false, known);
    check::<api::Finding>("Finding", false, known);
    check::<api::Flow>("Flow", false, known);
    check::<api::FlowTried>("FlowTried", false, known);
    check::<api::Join>("Join", true, known);
    check::<api::Joined>("Joined", false, known);
    check::<api::MakeAccess>("MakeAccess", true, known);
    check::<api::MakeToken>("MakeToken", true, known);
    check::<api::Matrix>("Matrix", false, known);
    check::<api::MatrixCell>("MatrixCell", false, known);
    check::<api::MatrixClass>("MatrixClass", false, known);
    check::<api::Me>("Me", false, known);
    check::<api::Node>("Node", false, known);
    check::<api::NodeChange>("NodeChange", false, known);
    check::<api::NodeRefusal>("NodeRefusal", false, known);
    check::<api::Object>("Object", false, known);
    check::<api::Objects>("Objects", false, known);
    check::<api::Peer>("Peer", false, known);
    check::<api::Plan>("Plan", true, known);
    check::<api::Proposed>("Proposed", false, known);
    check::<api::Rename>("Rename", false, known);
    check::<api::Revision>("Revision", false, known);
    check::<api::Rollback>("Rollback", true, known);
    check::<api::SetPeerKey>("SetPeerKey", true, known);
    check::<api::Sources>("Sources", true, known);
    check::<api::Status>("Status", false, known);
    check::<api::TestConnectivity>("TestConnectivity", true, known);
    check::<api::Token>("Token", false, known);
    check::<api::TokenMade>("TokenMade", false, known);
    check::<api::Withdraw>("Withdraw", true, known);
    check::<api::Workload>("Workload", false, known);
    check::<api::Subnet>("Subnet", false, known);
    check::<api::RouteTable>("RouteTable", false, known);
    check::<api::Route>("Route", false, known);
    check::<api::Gateway>("Gateway", false, known);
    check::<api::Peering>("Peering", false, known);
    check::<api::RuleSet>("RuleSet", false, known);
    check::<api::Rule>("Rule", false, known);
    let document = document();
    let described = document["components"]["schemas"].as_object().unwrap();
    let described: BTreeSet<String> = described.keys().cloned().collect();
    assert_eq!(described, seen, "schemas and types");
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| walk(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    walk(&document, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// Longest description of a schema, in characters.
const DESCRIPTION_CHARS_MAX: usize = 300;

#[test]
fn every_schema_is_described_in_a_sentence_or_two() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let text = schema["description"].as_str().unwrap_or_else(|| panic!("{name} has none"));
        let is_prose = !text.contains("pub ") && !text.contains("//") && text.ends_with('.');
        assert!(is_prose && text.len() <= DESCRIPTION_CHARS_MAX, "{name}: {text}");
    }
}
