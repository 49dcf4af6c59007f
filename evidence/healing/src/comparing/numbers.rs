//! Which numbers of a lane came by.

use std::collections::BTreeMap;

/// The numbers of a lane that came by, in whatever order.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The first that came; 0 before any.
    first: u64,
    /// The largest that came.
    last: u64,
    /// What is missing between the two: first number to last.
    missing: BTreeMap<u64, u64>,
}

impl Numbers {
    /// Takes one; false when it came before.
    pub fn take(&mut self, number: u64) -> bool {
        if self.first == 0 {
            (self.first, self.last) = (number, number);
            return true;
        }
        if number > self.last {
            self.leave_out(self.last + 1, number - 1);
            self.last = number;
            return true;
        }
        if number < self.first {
            self.leave_out(number + 1, self.first - 1);
            self.first = number;
            return true;
        }
        let Some((&from, &to)) = self.missing.range(..=number).next_back() else {
            return false;
        };
        if number > to {
            return false;
        }
        self.missing.remove(&from);
        self.leave_out(from, number - 1);
        self.leave_out(number + 1, to);
        true
    }

    fn leave_out(&mut self, from: u64, to: u64) {
        if from <= to {
            self.missing.insert(from, to);
        }
    }

    /// How many lie before the first that came.
    pub fn before(&self) -> u64 {
        self.first.saturating_sub(1)
    }

    /// What is missing after the first that came: first and last number.
    pub fn missing(&self) -> impl Iterator<Item = (u64, u64)> {
        self.missing.iter().map(|(from, to)| (*from, *to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes these, and tells which came for the first time, how many lie before them, and what is missing.
    fn taken(numbers: &[u64]) -> (Vec<bool>, u64, Vec<(u64, u64)>) {
        let mut taken = Numbers::default();
        let new = numbers.iter().map(|number| taken.take(*number)).collect();
        (new, taken.before(), taken.missing().collect())
    }

    #[test]
    fn nothing_is_missing_of_what_comes_in_order() {
        assert_eq!(taken(&[]), (vec![], 0, vec![]));
        assert_eq!(taken(&[1, 2, 3]), (vec![true; 3], 0, vec![]));
        assert_eq!(taken(&[7, 8]), (vec![true; 2], 6, vec![]));
    }

    #[test]
    fn what_comes_again_is_known() {
        let (new, ..) = taken(&[1, 2, 1, 2, 5, 5, 2]);
        assert_eq!(new, [true, true, false, false, true, false, false]);
    }

    #[test]
    fn what_comes_late_is_not_missing() {
        assert_eq!(taken(&[1, 6]).2, [(2, 5)]);
        assert_eq!(taken(&[1, 6, 2]).2, [(3, 5)]);
        assert_eq!(taken(&[1, 6, 5]).2, [(2, 4)]);
        assert_eq!(taken(&[1, 6, 4]).2, [(2, 3), (5, 5)]);
        assert_eq!(taken(&[1, 6, 4, 2, 3, 5]), (vec![true; 6], 0, vec![]));
        assert_eq!(taken(&[5, 6, 2]), (vec![true; 3], 1, vec![(3, 4)]));
    }
}
