//! Why a node gets nothing, in words.

use super::{READ_BYTES, machine};
use crate::office::Office;
use crate::record::Standing;
use netloom_base::{Seed, Time};
use netloom_control_protocol::{ControlEvent, FailureCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Tells a node that was removed, or has joined anew with another key, that it is not known, once it has said
/// hello. Nothing else of it is heard.
pub(crate) async fn turn_away<S>(mut stream: S, office: &Office, node: &str, seed: Seed)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut machine = machine(office, node, seed);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match machine.poll_event() {
            Some(ControlEvent::Hello(_)) => {
                let (text, solution) = shut_out_words(node, None);
                machine.fail(Time::ZERO, FailureCode::UNDECLARED, text, &solution);
                while let Some(frame) = machine.poll_transmit() {
                    if stream.write_all(&frame).await.is_err() {
                        return;
                    }
                }
                // Who hangs up before that has heard enough.
                let _ = stream.shutdown().await;
                return;
            }
            Some(_) => return,
            None => {}
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => machine.handle_input(Time::ZERO, &buffer[..count]),
        }
    }
}

/// Why a node gets nothing, and what the fabric's admin does about it.
pub(super) fn shut_out_words(node: &str, standing: Option<Standing>) -> (String, String) {
    match standing {
        Some(Standing::Waiting) => (
            format!("node `{node}` waits for approval"),
            format!("at control: netloom approve {node}"),
        ),
        Some(Standing::Revoked) => (
            format!("node `{node}` was revoked"),
            format!(
                "if it shall take part again: `netloom remove {node}` at control, `netloom down` here, and join with a \
                 new token"
            ),
        ),
        Some(Standing::Approved) => (
            format!("node `{node}` is not declared"),
            "declare it in the fabric's file, and netloom apply".to_owned(),
        ),
        None => (
            format!("node `{node}` is not known"),
            "`netloom down` here, and join with a new token".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::expired_tests::office;
    use netloom_control_protocol::{
        AgentConfig, AgentEvent, AgentSession, End, ResourceSet, Timing, Versions,
    };
    use std::collections::BTreeSet;

    #[test]
    fn who_was_removed_is_told_so() {
        let folder = std::env::temp_dir().join(format!("netloom-away-{}", std::process::id()));
        let office = office(&folder);
        let config = AgentConfig {
            fabric: office.world().identity.id,
            node: "pi".to_owned(),
            software: "test".to_owned(),
            features: BTreeSet::new(),
            versions: Versions::OURS,
            timing: Timing::default(),
        };
        let mut agent = AgentSession::new(config, ResourceSet::new(), 0, Seed([5; 32]), Time::ZERO);
        let told = async {
            let (mut stream, far) = tokio::io::duplex(1 << 16);
            let turning = turn_away(far, &office, "pi", Seed([3; 32]));
            let hearing = async {
                while let Some(frame) = agent.poll_transmit() {
                    stream.write_all(&frame).await.unwrap();
                }
                let mut heard = Vec::new();
                stream.read_to_end(&mut heard).await.unwrap();
                agent.handle_input(Time::ZERO, &heard);
                std::iter::from_fn(|| agent.poll_event()).last()
            };
            tokio::join!(turning, hearing).1
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(told);
        let Some(AgentEvent::Ended(End::Failed(why) | End::Refused(why))) = told else {
            panic!("{told:?}")
        };
        assert!(why.text.contains("`pi` is not known"), "{}", why.text);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn who_is_shut_out_is_told_its_own_cure() {
        let said = |standing| {
            let (text, solution) = shut_out_words("beta", standing);
            format!("{text}; {solution}")
        };
        assert!(said(Some(Standing::Waiting)).contains("netloom approve beta"));
        assert!(said(Some(Standing::Revoked)).contains("netloom remove beta"));
        assert!(said(Some(Standing::Approved)).contains("not declared"));
        assert!(said(None).contains("new token"));
    }
}
