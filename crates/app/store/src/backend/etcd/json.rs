//! What etcd's gateway takes and gives: byte strings in base64, 64-bit numbers as strings, nothing where there is nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `etcdserverpb.RangeRequest`, of which we use this.
#[derive(Debug, Default, Serialize)]
pub(super) struct RangeRequest {
    #[serde(serialize_with = "to_base64")]
    pub(super) key: Vec<u8>,
    #[serde(serialize_with = "to_base64", skip_serializing_if = "Vec::is_empty")]
    pub(super) range_end: Vec<u8>,
    #[serde(serialize_with = "to_text")]
    pub(super) limit: u64,
    pub(super) keys_only: bool,
}

/// `etcdserverpb.TxnRequest`. Nothing is done if the comparison fails.
#[derive(Debug, Serialize)]
pub(super) struct TxnRequest {
    pub(super) compare: Vec<Compare>,
    pub(super) success: Vec<Operation>,
}

/// `etcdserverpb.Compare`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Compare {
    result: &'static str,
    target: &'static str,
    #[serde(serialize_with = "to_base64")]
    key: Vec<u8>,
    #[serde(serialize_with = "some_to_base64", skip_serializing_if = "Option::is_none")]
    value: Option<Vec<u8>>,
    #[serde(serialize_with = "some_to_text", skip_serializing_if = "Option::is_none")]
    create_revision: Option<u64>,
    #[serde(serialize_with = "some_to_text", skip_serializing_if = "Option::is_none")]
    mod_revision: Option<u64>,
}

impl Compare {
    pub(super) fn value(key: Vec<u8>, value: Vec<u8>) -> Self {
        let (result, target) = ("EQUAL", "VALUE");
        Self { result, target, key, value: Some(value), ..Self::default() }
    }

    pub(super) fn absent(key: Vec<u8>) -> Self {
        let (result, target) = ("EQUAL", "CREATE");
        Self { result, target, key, create_revision: Some(0), ..Self::default() }
    }

    pub(super) fn revision(key: Vec<u8>, revision: u64) -> Self {
        let (result, target) = ("EQUAL", "MOD");
        Self { result, target, key, mod_revision: Some(revision), ..Self::default() }
    }
}

/// `etcdserverpb.RequestOp`.
#[derive(Debug, Serialize)]
pub(super) enum Operation {
    #[serde(rename = "request_range")]
    Range(RangeRequest),
    #[serde(rename = "request_put")]
    Put(PutRequest),
    #[serde(rename = "request_delete_range")]
    Delete(DeleteRequest),
}

/// `etcdserverpb.PutRequest`.
#[derive(Debug, Serialize)]
pub(super) struct PutRequest {
    #[serde(serialize_with = "to_base64")]
    key: Vec<u8>,
    #[serde(serialize_with = "to_base64")]
    value: Vec<u8>,
}

/// `etcdserverpb.DeleteRangeRequest`, of one key.
#[derive(Debug, Serialize)]
pub(super) struct DeleteRequest {
    #[serde(serialize_with = "to_base64")]
    key: Vec<u8>,
}

impl Operation {
    pub(super) fn get(key: Vec<u8>) -> Self {
        Self::Range(RangeRequest { key, ..RangeRequest::default() })
    }

    pub(super) fn put(key: Vec<u8>, value: Vec<u8>) -> Self {
        Self::Put(PutRequest { key, value })
    }

    pub(super) fn delete(key: Vec<u8>) -> Self {
        Self::Delete(DeleteRequest { key })
    }
}

/// `etcdserverpb.ResponseHeader`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub(super) revision: u64,
}

/// `etcdserverpb.TxnResponse`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TxnResponse {
    pub(super) header: Header,
    pub(super) succeeded: bool,
    pub(super) responses: Vec<ResponseOp>,
}

/// `etcdserverpb.ResponseOp`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseOp {
    pub(super) response_range: Option<RangeResponse>,
}

/// `etcdserverpb.RangeResponse`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RangeResponse {
    pub(super) kvs: Vec<KeyValue>,
}

/// `mvccpb.KeyValue`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    #[serde(deserialize_with = "base64")]
    pub(super) key: Vec<u8>,
    #[serde(deserialize_with = "base64")]
    pub(super) value: Vec<u8>,
    #[serde(deserialize_with = "number")]
    pub(super) mod_revision: u64,
}

/// How the gateway says that a request failed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    /// A code of gRPC.
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) error: String,
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn some_to_base64<S: Serializer>(
    bytes: &Option<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    to_base64(bytes.as_deref().unwrap_or_default(), serializer)
}

fn to_text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn some_to_text<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    to_text(&number.unwrap_or_default(), serializer)
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_the_gateway_takes_them() {
        let request = TxnRequest {
            compare: vec![
                Compare::value(b"k".to_vec(), b"v".to_vec()),
                Compare::absent(b"k".to_vec()),
                Compare::revision(b"k".to_vec(), 7),
            ],
            success: vec![
                Operation::put(b"k".to_vec(), Vec::new()),
                Operation::get(b"k".to_vec()),
                Operation::delete(b"k".to_vec()),
            ],
        };
        let expected = concat!(
            r#"{"compare":[{"result":"EQUAL","target":"VALUE","key":"aw==","value":"dg=="},"#,
            r#"{"result":"EQUAL","target":"CREATE","key":"aw==","create_revision":"0"},"#,
            r#"{"result":"EQUAL","target":"MOD","key":"aw==","mod_revision":"7"}],"#,
            r#""success":[{"request_put":{"key":"aw==","value":""}},"#,
            r#"{"request_range":{"key":"aw==","limit":"0","keys_only":false}},"#,
            r#"{"request_delete_range":{"key":"aw=="}}]}"#
        );
        assert_eq!(serde_json::to_string(&request).unwrap(), expected);
    }

    #[test]
    fn answers_are_read_with_what_they_leave_out() {
        let text = r#"{"header":{"cluster_id":"1","revision":"12"},"succeeded":true,"responses":[
            {"response_range":{"header":{},"kvs":[{"key":"aw==","mod_revision":"5","value":"dg=="}],"count":"1"}},
            {"response_range":{}},{"response_put":{}}]}"#;
        let answer: TxnResponse = serde_json::from_str(text).unwrap();
        assert!(answer.succeeded);
        assert_eq!(answer.header.revision, 12);
        let found = answer.responses[0].response_range.as_ref().unwrap();
        assert_eq!((&found.kvs[0].value, found.kvs[0].mod_revision), (&b"v".to_vec(), 5));
        assert!(answer.responses[1].response_range.as_ref().unwrap().kvs.is_empty());
        let answer: TxnResponse = serde_json::from_str(r#"{"header":{"revision":3}}"#).unwrap();
        assert!(!answer.succeeded && answer.header.revision == 3);
        for wrong in
            [r#"{"header":{"revision":"x"}}"#, r#"{"header":{"revision":"-1"}}"#, "[1]", "1"]
        {
            assert!(serde_json::from_str::<TxnResponse>(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<KeyValue>(r#"{"key":"*"}"#).is_err());
    }
}
