//! Who reaches whom: as policy has it, and as real packets find it.

use super::answer::{Body, blocking};
use super::{Desk, Failure};
use crate::connectivity::{Question, Refusal};
use crate::questions::Unanswered;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use netloom_api::{Connectivity, Matrix, MatrixCell, MatrixClass, TestConnectivity};
use netloom_cbor::{from_bytes, to_bytes};
use netloom_plan::reach::matrix;
use netloom_policy::{IntervalSet, words};
use netloom_resource::trial::{Ask, Told};
use std::time::Duration;

/// How long a node may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn matrix(State(desk): State<Desk>) -> Result<Json<Matrix>, Failure> {
    let world = desk.office.world();
    blocking(move || {
        let found = matrix::matrix(&world.input());
        Ok::<_, Failure>(Json(shown(world.revision, found)))
    })
    .await
}

fn shown(revision: u64, found: matrix::Matrix) -> Matrix {
    let class = |class: matrix::Class| MatrixClass {
        kind: class.kind.word().to_owned(),
        members: class.members,
        network: class.network,
        subnet: class.subnet,
        security_groups: class.groups.into_iter().collect(),
    };
    let set = |set: Option<IntervalSet>| set.as_ref().map(words::words);
    let cell = |((from, to), cell): ((usize, usize), matrix::Cell)| MatrixCell {
        from,
        to,
        ipv4: set(cell.v4),
        ipv6: set(cell.v6),
        obstacle: cell.obstacle,
    };
    Matrix {
        revision,
        classes: found.classes.into_iter().map(class).collect(),
        cells: found.cells.into_iter().map(cell).collect(),
        left_out: found.left_out,
    }
}

pub(super) async fn test(
    State(desk): State<Desk>,
    Body(wanted): Body<TestConnectivity>,
) -> Result<Json<Connectivity>, Failure> {
    let question = Question::new(&desk.office.world(), &wanted)?;
    let ask = Ask::Try { from: wanted.from.clone(), flows: question.trials.clone() };
    let asking = desk.office.questions().ask(&question.node, to_bytes(&ask));
    let told = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(told)) => told,
        Ok(Err(why)) => return Err(unanswered(&desk, &question.node, why)),
        Err(_) => return Err(unanswered(&desk, &question.node, Unanswered::Silent)),
    };
    let flows = match from_bytes::<Told>(&told) {
        Ok(Told::Tried { seen }) => question.compare(&seen),
        Ok(Told::Refused { cause, solution }) => {
            return Err(Failure::new(StatusCode::CONFLICT, cause, solution));
        }
        Err(_) => None,
    };
    let flows = flows.ok_or_else(|| {
        let message = format!("what node `{}` answers is not what was asked", question.node);
        Failure::new(StatusCode::BAD_GATEWAY, message, "bring it to the version of control")
    })?;
    let TestConnectivity { from, to, .. } = wanted;
    Ok(Json(Connectivity { node: question.node, from, to, flows }))
}

/// Why a node that was asked has said nothing.
fn unanswered(desk: &Desk, node: &str, why: Unanswered) -> Failure {
    let observed = desk.office.observed();
    let seen = observed.get(node).filter(|seen| seen.connected);
    let (message, solution) = match (why, seen) {
        (Unanswered::Silent, _) => (
            format!("node `{node}` has not answered in time"),
            format!("look at its log, and at `netloom doctor` on `{node}`"),
        ),
        (Unanswered::NotHere, None) => (
            format!("node `{node}`, which would have to send, is not connected"),
            format!("start it there with `netloom start`; `netloom status` says when `{node}` was last seen"),
        ),
        (Unanswered::NotHere, Some(seen)) => (
            format!(
                "node `{node}` ({}), which would have to send, cannot be asked by this control",
                seen.software
            ),
            "bring the node to control's version; where control has several members, run this on the one that \
             `netloom status` on the node names"
                .to_owned(),
        ),
    };
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, message, solution)
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.message, refusal.solution)
    }
}
