//! Which version both ends speak: the highest that they share.

/// Lowest version that this release speaks.
pub const VERSION_MIN: u64 = 1;
/// Highest version that this release speaks.
pub const VERSION_MAX: u64 = 1;

/// A range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub min: u64,
    /// The highest.
    pub max: u64,
}

impl Versions {
    /// What this release speaks.
    pub const OURS: Self = Self { min: VERSION_MIN, max: VERSION_MAX };

    /// The highest version in both ranges.
    pub fn highest_shared(&self, other: &Self) -> Option<u64> {
        let highest = self.max.min(other.max);
        (highest >= self.min.max(other.min)).then_some(highest)
    }

    /// Whether a version is one of them.
    pub fn contains(&self, version: u64) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.min == self.max {
            return write!(f, "version {}", self.min);
        }
        write!(f, "versions {} to {}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_shared_version_is_chosen() {
        for (ours, theirs, expected) in [
            ((1, 1), (1, 1), Some(1)),
            ((1, 1), (1, 2), Some(1)),
            ((1, 2), (1, 1), Some(1)),
            ((2, 3), (1, 2), Some(2)),
            ((1, 4), (2, 3), Some(3)),
            ((1, 1), (2, 3), None),
            ((3, 3), (1, 2), None),
            ((1, 2), (2, 1), None),
        ] {
            let [ours, theirs] = [ours, theirs].map(|(min, max)| Versions { min, max });
            assert_eq!(ours.highest_shared(&theirs), expected, "{ours} and {theirs}");
            assert_eq!(theirs.highest_shared(&ours), expected, "{ours} and {theirs}");
        }
    }
}
