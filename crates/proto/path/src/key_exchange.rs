//! Preshared keys that two nodes agree upon inside their tunnel, by ML-KEM-768 (FIPS 203), again on an interval.
//!
//! ```text
//! asker (the smaller public key)            answerer
//!   ask: id, encapsulation key    ──────►   secret, offered: opened if the asker seals with it
//!   secret, adopted: used from    ◄──────   answer: id, ciphertext
//!     the next handshake on
//!   confirmation: id              ──────►   used from now on, too
//! ```
//! The secret goes into WireGuard's slot for a preshared key, beside X25519: who records today and breaks X25519
//! one day still lacks it, though he sees the messages. Asks are repeated until they are answered, and answered
//! alike; an ask also says which secret the asker holds, in case the confirmation was lost.

use crate::message::Message;
use libcrux_ml_kem::mlkem768::{
    MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey, decapsulate, encapsulate,
    generate_key_pair, validate_public_key,
};
use netloom_aead::Wiped;
use netloom_base::Time;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of an encapsulation key.
pub const ENCAPSULATION_KEY_BYTES: usize = 1184;
/// Bytes of a ciphertext.
pub const CIPHERTEXT_BYTES: usize = 1088;
/// Between two asks for the same, longer each time.
const REPEAT_AFTER: Duration = Duration::from_secs(1);
const ASKS_MAX: u32 = 5;
/// A session with what was agreed is there by then, or the peer has lost it.
const REKEY_PATIENCE: Duration = Duration::from_secs(15);
/// After asks that were not answered.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// New asks of a peer are taken no closer together than this, since each costs an encapsulation.
const ASK_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// A secret of both ends, wiped when dropped. Behind a pointer: what is moved leaves a copy, which nobody would wipe.
pub type SharedSecret = Box<Zeroizing<[u8; 32]>>;

/// What is to be done.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this packet to the peer.
    Say(Vec<u8>),
    /// The peer may seal with this secret from now on.
    Offer(SharedSecret),
    /// Both have this secret: shake hands with it.
    Adopt(SharedSecret),
    /// The peer has the secret that was offered.
    Promote,
}

/// One end of the exchange with one peer.
#[derive(Default)]
pub struct KeyExchange {
    asked: Option<Box<Asked>>,
    answered: Option<Box<Answered>>,
    next_id: u32,
    /// The secret that this end has got as asker.
    held: Option<u32>,
    completed: u64,
    adopted: Option<Time>,
    next: Option<Time>,
    steps: VecDeque<Step>,
}

struct Asked {
    id: u32,
    public: [u8; ENCAPSULATION_KEY_BYTES],
    private: Wiped<MlKem768PrivateKey>,
    due: Time,
    asks: u32,
}

struct Answered {
    id: u32,
    /// Of the ask: an asker that was restarted begins with the same numbers again.
    public: [u8; ENCAPSULATION_KEY_BYTES],
    at: Time,
    ciphertext: [u8; CIPHERTEXT_BYTES],
    is_confirmed: bool,
}

impl KeyExchange {
    /// Exchanges completed.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// Whether an ask is due: `is_agreed` says whether the session has a key of an exchange.
    pub fn is_due(&self, now: Time, is_agreed: bool) -> bool {
        let is_time = self.next.is_none_or(|next| next <= now);
        let is_lost = !is_agreed && self.adopted.is_some_and(|at| at + REKEY_PATIENCE <= now);
        self.asked.is_none() && (is_time || is_lost)
    }

    /// Asks; only the asker does. The next one is due after `interval`, or once what was agreed is lost.
    pub fn ask(&mut self, now: Time, interval: Duration, random: &Zeroizing<[u8; 64]>) {
        let pair = generate_key_pair(**random);
        let (private, public) = pair.into_parts();
        let private = Wiped::new(private);
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let due = now + REPEAT_AFTER;
        let public = *public.as_slice();
        self.asked = Some(Box::new(Asked { id, public, private, due, asks: 1 }));
        self.next = Some(now + interval);
        self.say_ask();
    }

    /// An ask of the peer.
    pub fn asked(
        &mut self,
        now: Time,
        id: u32,
        held: Option<u32>,
        key: &[u8; ENCAPSULATION_KEY_BYTES],
        random: &Zeroizing<[u8; 32]>,
    ) {
        if let Some(held) = held {
            self.confirmed(held);
        }
        match &self.answered {
            Some(answered) if answered.id == id && answered.public == *key => {}
            Some(answered) if now.saturating_since(answered.at) < ASK_INTERVAL_MIN => return,
            _ => {
                let public = MlKem768PublicKey::from(key);
                if !validate_public_key(&public) {
                    return;
                }
                let (ciphertext, mut secret) = encapsulate(&public, **random);
                let ciphertext = *ciphertext.as_slice();
                let (public, is_confirmed) = (*key, false);
                let answered = Answered { id, public, at: now, ciphertext, is_confirmed };
                self.answered = Some(Box::new(answered));
                self.steps.push_back(Step::Offer(Box::new(Zeroizing::new(secret))));
                secret.zeroize();
            }
        }
        if let Some(answered) = &self.answered {
            let mut packet = Vec::new();
            Message::KeyAnswer { id, ciphertext: &answered.ciphertext }.encode(&mut packet);
            self.steps.push_back(Step::Say(packet));
        }
    }

    /// An answer of the peer.
    pub fn answered(&mut self, now: Time, id: u32, ciphertext: &[u8; CIPHERTEXT_BYTES]) {
        let Some(asked) = self.asked.take_if(|asked| asked.id == id) else { return };
        let ciphertext = MlKem768Ciphertext::from(ciphertext);
        let secret = Box::new(Zeroizing::new(decapsulate(&asked.private, &ciphertext)));
        self.held = Some(id);
        self.adopted = Some(now);
        self.completed += 1;
        self.steps.push_back(Step::Adopt(secret));
        let mut packet = Vec::new();
        Message::KeyConfirmation { id }.encode(&mut packet);
        self.steps.push_back(Step::Say(packet));
    }

    /// A confirmation of the peer.
    pub fn confirmed(&mut self, id: u32) {
        let answered = self.answered.as_mut().filter(|one| one.id == id && !one.is_confirmed);
        if let Some(answered) = answered {
            answered.is_confirmed = true;
            self.completed += 1;
            self.steps.push_back(Step::Promote);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.asked.as_ref().map(|asked| asked.due)
    }

    /// Asks again, or gives up for a while.
    pub fn handle_timeout(&mut self, now: Time) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.due <= now) else { return };
        if asked.asks == ASKS_MAX {
            self.asked = None;
            self.next = Some(now + RETRY_AFTER);
            return;
        }
        asked.due = now + REPEAT_AFTER * (1 << asked.asks);
        asked.asks += 1;
        self.say_ask();
    }

    /// What is to be done next; to be drained after every other call.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    fn say_ask(&mut self) {
        let Some(asked) = &self.asked else { return };
        let mut packet = Vec::new();
        Message::KeyAsk { id: asked.id, held: self.held, key: &asked.public }.encode(&mut packet);
        self.steps.push_back(Step::Say(packet));
    }
}

impl fmt::Debug for KeyExchange {
    /// Secrets are never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyExchange").field("completed", &self.completed).finish_non_exhaustive()
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Say(_) => "Say(..)",
            Self::Offer(_) => "Offer(..)",
            Self::Adopt(_) => "Adopt(..)",
            Self::Promote => "Promote",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_aead::freed::FreedBlocks;

    /// Of all tests of this crate; it only looks where it is asked to.
    #[global_allocator]
    static ALLOCATOR: FreedBlocks = FreedBlocks;

    const INTERVAL: Duration = Duration::from_secs(3600);

    fn random<const N: usize>(byte: u8) -> Zeroizing<[u8; N]> {
        Zeroizing::new([byte; N])
    }

    /// Brings what one end says to the other; gives what each is to do.
    fn deliver(now: Time, from: &mut KeyExchange, to: &mut KeyExchange, loses: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(step) = from.poll_step() {
            let Step::Say(packet) = &step else {
                steps.push(step);
                continue;
            };
            match Message::parse(packet).filter(|_| !loses) {
                Some(Message::KeyAsk { id, held, key }) => to.asked(now, id, held, key, &random(7)),
                Some(Message::KeyAnswer { id, ciphertext }) => to.answered(now, id, ciphertext),
                Some(Message::KeyConfirmation { id }) => to.confirmed(id),
                None => {}
                other => panic!("{other:?}"),
            }
        }
        steps
    }

    fn secret(steps: &[Step]) -> SharedSecret {
        let secrets = steps.iter().filter_map(|step| match step {
            Step::Offer(secret) | Step::Adopt(secret) => Some(secret.clone()),
            Step::Say(_) | Step::Promote => None,
        });
        let secrets: Vec<_> = secrets.collect();
        assert_eq!(secrets.len(), 1, "{steps:?}");
        secrets[0].clone()
    }

    #[test]
    fn both_ends_come_to_one_secret_whatever_is_lost_once() {
        for lost in 0..4 {
            let (mut a, mut b) = (KeyExchange::default(), KeyExchange::default());
            let mut now = Time::from_millis(1000);
            assert!(a.is_due(now, false));
            a.ask(now, INTERVAL, &random(1));
            let (mut offered, mut adopted) = (Vec::new(), Vec::new());
            for turn in 0..4 {
                adopted.extend(deliver(now, &mut a, &mut b, lost == 0 && turn == 0));
                offered.extend(deliver(now, &mut b, &mut a, lost == 1 && turn == 0));
                adopted.extend(deliver(now, &mut a, &mut b, lost == 2));
                now = now + Duration::from_secs(2);
                a.handle_timeout(now);
            }
            assert_eq!(secret(&adopted), secret(&offered), "lost {lost}");
            assert_eq!(a.completed(), 1);
            assert_eq!(b.completed(), u64::from(lost != 2), "the confirmation");
            assert!(!a.is_due(now, true) && a.is_due(now + INTERVAL, true));
            // The next ask says what the confirmation would have said.
            a.ask(now, INTERVAL, &random(2));
            deliver(now, &mut a, &mut b, false);
            assert!(deliver(now, &mut b, &mut a, false).contains(&Step::Promote) || lost != 2);
        }
    }

    #[test]
    fn one_who_does_not_answer_is_left_alone_for_a_while() {
        let mut a = KeyExchange::default();
        let mut now = Time::from_millis(1000);
        a.ask(now, INTERVAL, &random(1));
        let mut said = 0;
        for _ in 0..50 {
            while a.poll_step().is_some() {
                said += 1;
            }
            now = now + Duration::from_secs(1);
            a.handle_timeout(now);
        }
        assert_eq!(said, ASKS_MAX);
        assert!(!a.is_due(now, false));
        assert!(a.is_due(now + RETRY_AFTER, false));
    }

    #[test]
    fn an_asker_that_was_restarted_gets_a_secret_of_its_own() {
        let (mut a, mut b) = (KeyExchange::default(), KeyExchange::default());
        let now = Time::from_millis(1000);
        a.ask(now, INTERVAL, &random(1));
        deliver(now, &mut a, &mut b, false);
        deliver(now, &mut b, &mut a, false);
        deliver(now, &mut a, &mut b, false);
        let (mut a, now) = (KeyExchange::default(), now + Duration::from_secs(60));
        a.ask(now, INTERVAL, &random(2));
        deliver(now, &mut a, &mut b, false);
        let offered = deliver(now, &mut b, &mut a, false);
        let adopted = deliver(now, &mut a, &mut b, false);
        assert_eq!(secret(&adopted), secret(&offered));
    }

    #[test]
    fn no_private_key_is_left_in_memory_that_was_given_back() {
        let random = Zeroizing::new(std::array::from_fn(|place| (place * 37 + 11) as u8));
        // The end of the seed is the end of the private key (FIPS 203, algorithm 16).
        let end = random.last_chunk().expect("64 bytes hold 16");
        let left = FreedBlocks::with(end, || {
            let mut a = KeyExchange::default();
            a.ask(Time::ZERO, INTERVAL, &random);
            drop(a);
        });
        assert_eq!(left, 0);
    }

    /// Both ends' part of an exchange, and the secret that they come to.
    fn exchange() -> SharedSecret {
        let (mut a, mut b) = (KeyExchange::default(), KeyExchange::default());
        let now = Time::ZERO;
        a.ask(now, INTERVAL, &random(1));
        deliver(now, &mut a, &mut b, false);
        while let Some(step) = b.poll_step() {
            if let Step::Say(packet) = step
                && let Some(Message::KeyAnswer { id, ciphertext }) = Message::parse(&packet)
            {
                a.answered(now, id, ciphertext);
            }
        }
        loop {
            match a.poll_step() {
                Some(Step::Adopt(secret)) => return secret,
                Some(_) => {}
                None => panic!("no secret"),
            }
        }
    }

    #[test]
    fn no_agreed_secret_is_left_in_memory_that_was_given_back() {
        let secret = exchange();
        for half in [secret.first_chunk(), secret.last_chunk()] {
            let left = FreedBlocks::with(half.expect("32 bytes hold 16"), || drop(exchange()));
            assert_eq!(left, 0);
        }
    }

    #[test]
    fn what_was_not_asked_for_changes_nothing() {
        let mut a = KeyExchange::default();
        a.answered(Time::ZERO, 0, &[1; CIPHERTEXT_BYTES]);
        a.confirmed(0);
        // No key of ML-KEM: its numbers are not below the modulus.
        a.asked(Time::ZERO, 1, None, &[0xff; ENCAPSULATION_KEY_BYTES], &random(1));
        assert!(a.poll_step().is_none());
    }
}
