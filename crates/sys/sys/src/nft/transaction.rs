//! Commits changes of a table: all visible at once, or none.

use super::encode::{IfMissing, Step, Target};
use super::observe::read_elements;
use super::ownership::{find_table, new_table, ownership_for_new_table};
use super::uapi;
use crate::netlink::{Message, NetlinkError, NetlinkSocket, Refusal};
use netloom_state::nft::{Change, Element};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// `NLM_F_ACK`.
const FLAG_ACK: u16 = 4;
/// `NLM_F_REQUEST`.
const FLAG_REQUEST: u16 = 1;
/// How often a transaction is sent again without what turned out to be gone.
const ATTEMPTS_MAX: u32 = 8;
/// Bytes of the two messages around a batch, with room to spare.
const ENVELOPE_BYTES: usize = 64;

/// Why a change of a table was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// The kernel could not be asked.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The kernel refused one of the changes, and so made none.
    #[error("cannot {change}: {refusal}")]
    Refused {
        /// What was refused.
        change: String,
        /// The kernel's words.
        refusal: Refusal,
    },
    /// Another process owns the table.
    #[error(
        "another process (netlink port {owner}) owns the table; stop that agent, then try again"
    )]
    Owned {
        /// Its netlink port, which usually is its process id.
        owner: u32,
    },
    /// The changes that must become visible at once exceed what the kernel takes in one message.
    #[error(
        "one transaction of {bytes} bytes exceeds the send buffer of {limit}; \
         raise net.core.wmem_max"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Makes `changes` to `table` in one transaction. A table that is made carries `mark`.
///
/// A table whose owner is gone is taken over first. What does not fit the send buffer at once goes
/// ahead in transactions of its own, if nothing can see it before the last one: new sets with
/// their elements, new chains that no rule jumps to yet.
pub fn commit(
    socket: &mut NetlinkSocket,
    table: &str,
    mark: &str,
    changes: &[Change],
) -> Result<(), TransactionError> {
    let existing = find_table(socket, table)?;
    let orphan = existing.as_ref().is_some_and(super::TableOwnership::is_orphan);
    let flags = match &existing {
        Some(known) if !orphan => known.flags(),
        _ => ownership_for_new_table(),
    };
    let attempt = |socket: &mut NetlinkSocket, flags| {
        let target = Target { table, mark, flags };
        let mut steps = Vec::new();
        if orphan {
            let message = new_table(table, mark, flags);
            steps.push(Step { message, change: None, if_missing: IfMissing::Fail });
        }
        for (index, change) in changes.iter().enumerate() {
            target.encode(index, change, &mut steps);
        }
        send_staged(socket, &target, steps, changes)
    };
    let result = attempt(socket, flags);
    match (result, existing.and_then(|known| known.owner)) {
        // A kernel without the persist flag: a plain table then.
        (Err(TransactionError::Refused { refusal, .. }), None)
            if refusal.errno == libc::EOPNOTSUPP && flags == ownership_for_new_table() =>
        {
            attempt(socket, 0)
        }
        (Err(TransactionError::Refused { refusal, .. }), Some(owner))
            if refusal.errno == libc::EPERM =>
        {
            Err(TransactionError::Owned { owner })
        }
        (result, _) => result,
    }
}

fn send_staged<'a>(
    socket: &mut NetlinkSocket,
    target: &Target<'a>,
    steps: Vec<Step<'a>>,
    changes: &[Change],
) -> Result<(), TransactionError> {
    let limit = socket.reserve(bytes_of(&steps))?;
    if bytes_of(&steps) <= limit {
        return send(socket, target, steps, changes);
    }
    let ahead = stageable(changes);
    let is_ahead = |step: &Step<'_>| step.change.is_none_or(|change| ahead[change]);
    let (ahead, rest): (Vec<_>, Vec<_>) = steps.into_iter().partition(is_ahead);
    let bytes = bytes_of(&rest);
    if bytes > limit {
        return Err(TransactionError::TooLarge { bytes, limit });
    }
    let mut part: Vec<Step<'_>> = Vec::new();
    for step in ahead {
        if bytes_of(&part) + step.message.len() > limit {
            send(socket, target, std::mem::take(&mut part), changes)?;
        }
        part.push(step);
    }
    send(socket, target, part, changes)?;
    send(socket, target, rest, changes)
}

fn bytes_of(steps: &[Step<'_>]) -> usize {
    ENVELOPE_BYTES + steps.iter().map(|step| step.message.len()).sum::<usize>()
}

/// Which changes nothing can see until the others are made: what fills sets that no rule uses yet,
/// and chains that no rule jumps to yet.
fn stageable(changes: &[Change]) -> Vec<bool> {
    let has = |wanted: &dyn Fn(&Change) -> bool| changes.iter().any(wanted);
    if has(&|change| matches!(change, Change::DeleteTable)) {
        return vec![false; changes.len()];
    }
    let set_kept = |name: &String| {
        !has(&|change| match change {
            Change::DeleteSet { set } | Change::DeleteElements { set, .. } => set == name,
            _ => false,
        })
    };
    let set_new = |name: &String| has(&|c| matches!(c, Change::AddSet { set, .. } if set == name));
    let chain_kept =
        |name: &String| !has(&|c| matches!(c, Change::DeleteChain { chain } if chain == name));
    let one = |change: &Change| match change {
        Change::AddTable => true,
        Change::AddChain { chain, base: None } => chain_kept(chain),
        Change::AddSet { set, .. } => set_kept(set),
        Change::AddElements { set, .. } => set_kept(set) && set_new(set),
        _ => false,
    };
    changes.iter().map(one).collect()
}

/// Sends steps as one transaction; what should go and is gone already is left out.
fn send<'a>(
    socket: &mut NetlinkSocket,
    target: &Target<'a>,
    mut steps: Vec<Step<'a>>,
    changes: &[Change],
) -> Result<(), TransactionError> {
    let mut attempts = 0;
    while !steps.is_empty() {
        attempts += 1;
        let refusals = attempt(socket, &mut steps)?;
        let Some((first, refusal)) = refusals.first() else { return Ok(()) };
        let missing: BTreeSet<usize> = refusals
            .iter()
            .filter(|(_, refusal)| refusal.errno == libc::ENOENT)
            .map(|(index, _)| *index)
            .filter(|index| !matches!(steps[*index].if_missing, IfMissing::Fail))
            .collect();
        if missing.is_empty() || attempts == ATTEMPTS_MAX {
            let change = describe(steps[*first].change, changes);
            return Err(TransactionError::Refused { change, refusal: refusal.clone() });
        }
        let mut remaining = Vec::with_capacity(steps.len());
        let mut present = Present::new();
        for (index, step) in steps.into_iter().enumerate() {
            if missing.contains(&index) {
                remaining.extend(without_missing(socket, target, step, &mut present)?);
            } else {
                remaining.push(step);
            }
        }
        steps = remaining;
    }
    Ok(())
}

/// Elements that sets were found to have, each read once for all steps that are about it.
type Present<'a> = BTreeMap<&'a str, BTreeMap<Vec<u8>, Element>>;

/// What remains of a step when something that it should remove is gone.
fn without_missing<'a>(
    socket: &mut NetlinkSocket,
    target: &Target<'a>,
    step: Step<'a>,
    present: &mut Present<'a>,
) -> Result<Vec<Step<'a>>, TransactionError> {
    let (set, kind, mut elements) = match step.if_missing {
        IfMissing::Select(set, kind, elements) => (set, kind, elements),
        IfMissing::Fail | IfMissing::Skip => return Ok(Vec::new()),
    };
    let found = match present.entry(set) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => {
            match read_elements(socket, target.table, set, kind.interval) {
                // Without the set, none.
                Err(error) if error.errno() == Some(libc::ENOENT) => {
                    unknown.insert(BTreeMap::new())
                }
                read => unknown.insert(read?),
            }
        }
    };
    elements.retain(|(key, element)| {
        found.get(*key).is_some_and(|found| !kind.interval || found.last == element.last)
    });
    Ok(target.delete_elements(step.change, set, kind, &elements))
}

/// One transaction; gives the refusals with the steps they are about.
fn attempt(
    socket: &mut NetlinkSocket,
    steps: &mut [Step<'_>],
) -> Result<Vec<(usize, Refusal)>, TransactionError> {
    let mut bytes = Vec::with_capacity(bytes_of(steps));
    let begin = socket.next_sequence();
    bytes.extend_from_slice(envelope(uapi::BATCH_BEGIN).seal(FLAG_REQUEST, begin)?);
    let count = steps.len();
    let mut sequences = BTreeMap::new();
    for (index, step) in steps.iter_mut().enumerate() {
        let sequence = socket.next_sequence();
        // Refusals always come; one acknowledgement, of the last, says that all is done.
        let ack = if index + 1 == count { FLAG_ACK } else { 0 };
        bytes.extend_from_slice(step.message.seal(FLAG_REQUEST | ack, sequence)?);
        sequences.insert(sequence, index);
    }
    let end = socket.next_sequence();
    bytes.extend_from_slice(envelope(uapi::BATCH_END).seal(FLAG_REQUEST, end)?);
    let answers = socket.batch(&bytes)?;
    if answers.is_empty() {
        return Err(NetlinkError::NoAnswer.into());
    }
    let mut refusals = Vec::new();
    for (sequence, refusal) in answers {
        if refusal.errno == 0 {
            continue;
        }
        match sequences.get(&sequence) {
            Some(index) => refusals.push((*index, refusal)),
            None => return Err(NetlinkError::Refused(refusal).into()),
        }
    }
    refusals.sort_by_key(|(index, _)| *index);
    Ok(refusals)
}

/// The message that begins or ends a batch.
fn envelope(kind: u16) -> Message {
    let mut message = Message::new(kind, 0);
    let [high, low] = uapi::SUBSYSTEM.to_be_bytes();
    message.fixed(&[0, 0, high, low]);
    message
}

fn describe(change: Option<usize>, changes: &[Change]) -> String {
    let Some(change) = change.and_then(|index| changes.get(index)) else {
        return "take over the table".to_owned();
    };
    match change {
        Change::AddTable => "add the table".to_owned(),
        Change::DeleteTable => "delete the table".to_owned(),
        Change::AddChain { chain, .. } => format!("add chain {chain}"),
        Change::DeleteChain { chain } => format!("delete chain {chain}"),
        Change::FlushChain { chain } => format!("flush chain {chain}"),
        Change::AppendRule { chain, rule } => {
            let name = rule.name.as_deref().unwrap_or("without name");
            format!("append rule {name} to chain {chain}")
        }
        Change::AddSet { set, .. } => format!("add set {set}"),
        Change::DeleteSet { set } => format!("delete set {set}"),
        Change::AddElements { set, elements, .. } => {
            format!("add {} elements to set {set}", elements.len())
        }
        Change::DeleteElements { set, elements, .. } => {
            format!("delete {} elements from set {set}", elements.len())
        }
    }
}
