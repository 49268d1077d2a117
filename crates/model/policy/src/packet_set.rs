//! Exact sets of packets: unions of boxes over addresses, transport, conntrack state and identity.

use crate::interval::IntervalSet;

/// What a packet is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Source address, numbered by [`crate::interval::address_number`].
    Source,
    /// Destination address.
    Destination,
    /// Protocol and destination port (or ICMP type and code): see [`transport`].
    Transport,
    /// Conntrack state: 0 is new, 1 established, 2 related, 3 invalid.
    State,
    /// Policy identity of the source; 0 is none.
    SourceIdentity,
    /// Policy identity of the destination; 0 is none.
    DestinationIdentity,
}

const DIMENSIONS: usize = 6;

/// One packet: a number in every dimension, in the order of [`Dimension`].
pub type Point = [u128; DIMENSIONS];

/// The number of a protocol and a port in [`Dimension::Transport`]: `protocol << 16 | port`.
/// For ICMP the "port" is `type << 8 | code`; for protocols without ports it is 0.
pub fn transport(protocol: u8, port: u16) -> u128 {
    u128::from(protocol) << 16 | u128::from(port)
}

/// A set of packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketSet {
    /// Disjoint boxes, none of them empty.
    boxes: Vec<PacketBox>,
}

/// All packets whose number in each dimension is in the set given for it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PacketBox {
    sides: [IntervalSet; DIMENSIONS],
}

impl PacketSet {
    /// No packet.
    pub const EMPTY: Self = Self { boxes: Vec::new() };

    /// Every packet.
    pub fn full() -> Self {
        Self { boxes: vec![PacketBox { sides: std::array::from_fn(|_| IntervalSet::full()) }] }
    }

    /// The packets whose number in `dimension` is in `side`.
    pub fn only(dimension: Dimension, side: IntervalSet) -> Self {
        let mut whole = Self::full();
        if side.is_empty() {
            return Self::EMPTY;
        }
        whole.boxes[0].sides[dimension as usize] = side;
        whole
    }

    /// Whether it holds no packet.
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    /// Whether it holds `packet`.
    pub fn contains(&self, packet: &Point) -> bool {
        self.boxes
            .iter()
            .any(|part| part.sides.iter().zip(packet).all(|(side, number)| side.contains(*number)))
    }

    /// One of its packets: in each dimension the smallest number of the first box.
    pub fn example(&self) -> Option<Point> {
        let part = self.boxes.first()?;
        let mut point = [0; DIMENSIONS];
        for (number, side) in point.iter_mut().zip(&part.sides) {
            *number = side.first()?;
        }
        Some(point)
    }

    /// The packets in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self.boxes.iter().flat_map(|a| other.boxes.iter().map(move |b| (a, b)));
        Self { boxes: pairs.filter_map(|(a, b)| a.intersection(b)).collect() }
    }

    /// Its packets that `other` does not hold.
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = self.boxes.clone();
        for cut in &other.boxes {
            left = left.iter().flat_map(|part| part.difference(cut)).collect();
        }
        Self { boxes: left }
    }

    /// The packets in either.
    pub fn union(&self, other: &Self) -> Self {
        let mut boxes = self.boxes.clone();
        boxes.extend(other.difference(self).boxes);
        Self { boxes }
    }

    /// Whether every packet of `other` is in it.
    pub fn covers(&self, other: &Self) -> bool {
        other.difference(self).is_empty()
    }

    /// The numbers that its packets have in `dimension`.
    pub fn project(&self, dimension: Dimension) -> IntervalSet {
        let sides = self.boxes.iter().map(|part| &part.sides[dimension as usize]);
        sides.fold(IntervalSet::EMPTY, |all, side| all.union(side))
    }
}

impl PacketBox {
    fn intersection(&self, other: &Self) -> Option<Self> {
        let sides: [IntervalSet; DIMENSIONS] =
            std::array::from_fn(|i| self.sides[i].intersection(&other.sides[i]));
        sides.iter().all(|side| !side.is_empty()).then_some(Self { sides })
    }

    /// Cuts `other` out: one box for each dimension in which a part stands outside.
    fn difference(&self, other: &Self) -> Vec<Self> {
        if self.intersection(other).is_none() {
            return vec![self.clone()];
        }
        let mut rest = self.clone();
        let mut outside = Vec::new();
        for i in 0..DIMENSIONS {
            let beyond = rest.sides[i].difference(&other.sides[i]);
            if !beyond.is_empty() {
                let mut part = rest.clone();
                part.sides[i] = beyond;
                outside.push(part);
            }
            rest.sides[i] = rest.sides[i].intersection(&other.sides[i]);
        }
        outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIVERSE: u128 = 3;

    fn small_set() -> impl Strategy<Value = PacketSet> {
        let side = proptest::collection::vec((0..UNIVERSE, 0..UNIVERSE), 1..3);
        let sides = proptest::array::uniform6(side);
        proptest::collection::vec(sides, 0..4).prop_map(|boxes| {
            boxes.into_iter().fold(PacketSet::EMPTY, |all, sides| {
                let mut one = PacketSet::full();
                for (index, side) in sides.into_iter().enumerate() {
                    let dimension = [
                        Dimension::Source,
                        Dimension::Destination,
                        Dimension::Transport,
                        Dimension::State,
                        Dimension::SourceIdentity,
                        Dimension::DestinationIdentity,
                    ][index];
                    one = one.intersection(&PacketSet::only(dimension, side.into_iter().collect()));
                }
                all.union(&one)
            })
        })
    }

    fn points() -> impl Iterator<Item = Point> {
        let base = usize::try_from(UNIVERSE).unwrap() + 1;
        (0..base.pow(6)).map(move |mut code| {
            std::array::from_fn(|_| {
                let digit = code % base;
                code /= base;
                digit as u128
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn operations_agree_with_membership(a in small_set(), b in small_set()) {
            let (union, both, rest) = (a.union(&b), a.intersection(&b), a.difference(&b));
            for point in points() {
                let (in_a, in_b) = (a.contains(&point), b.contains(&point));
                prop_assert_eq!(union.contains(&point), in_a || in_b);
                prop_assert_eq!(both.contains(&point), in_a && in_b);
                prop_assert_eq!(rest.contains(&point), in_a && !in_b);
            }
            prop_assert!(union.covers(&a) && union.covers(&b));
            prop_assert_eq!(rest.is_empty(), b.covers(&a));
            if let Some(example) = rest.example() {
                prop_assert!(a.contains(&example) && !b.contains(&example));
            }
        }
    }
}
