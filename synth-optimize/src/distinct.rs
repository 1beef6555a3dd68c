//! What was tried already, and what is left of a discrete space.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use synth_core::{
    Domain, Parameter, ParameterSet, ParameterSpace, ParameterValue, Proposal, Result, Seed, Suggestion,
    Trial,
};

use crate::Encoding;
use crate::encoding::SetKey;

/// The sets that must not be proposed (again).
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(BTreeSet<SetKey>);

impl Seen {
    pub(crate) fn of(history: &[Trial], encoding: &Encoding) -> Result<Self> {
        history.iter().map(|trial| encoding.key(&trial.params)).collect::<Result<_>>().map(Self)
    }

    pub(crate) fn contains(&self, set: &ParameterSet, encoding: &Encoding) -> Result<bool> {
        Ok(self.0.contains(&encoding.key(set)?))
    }

    /// Whether the set is new; it is not from here on.
    pub(crate) fn insert(&mut self, set: &ParameterSet, encoding: &Encoding) -> Result<bool> {
        Ok(self.0.insert(encoding.key(set)?))
    }
}

/// Attempts per proposal before the space is searched systematically.
const ATTEMPTS: u64 = 32;

/// `n` new sets out of `draw(attempt)`; where those run dry, what a discrete space still holds.
pub(crate) fn distinct(
    encoding: &Encoding,
    seen: &mut Seen,
    n: usize,
    seed: Seed,
    mut draw: impl FnMut(u64) -> ParameterSet,
) -> Result<Suggestion> {
    let mut proposals = Vec::with_capacity(n);
    let most = ATTEMPTS.saturating_mul(n as u64);
    for attempt in 0..most {
        if proposals.len() == n {
            break;
        }
        let set = draw(attempt);
        if seen.insert(&set, encoding)? {
            proposals.push(Proposal::new(set));
        }
    }
    if proposals.len() < n {
        let left = n - proposals.len();
        for set in unseen(encoding, seen, left, seed)? {
            seen.insert(&set, encoding)?;
            proposals.push(Proposal::new(set));
        }
    }
    let exhausted = proposals.len() < n;
    Ok(Suggestion { proposals, exhausted })
}

/// Up to `most` sets of a discrete space that were not seen, without walking further than needed;
/// nothing where the space is a continuum. The seed turns the order.
pub(crate) fn unseen(encoding: &Encoding, seen: &Seen, most: usize, seed: Seed) -> Result<Vec<ParameterSet>> {
    let space = encoding.space();
    if most == 0 || size_at_most(space).is_none() {
        return Ok(Vec::new());
    }
    let mut stream = seed.derive("optimize/enumerate").stream(0);
    let offsets: Vec<u64> = space.parameters().iter().map(|_| stream.bits()).collect();
    let mut found = Vec::new();
    let mut problem = None;
    let _ = walk(space.parameters(), &offsets, ParameterSet::new(), &mut |set| {
        match seen.contains(&set, encoding) {
            Ok(false) => found.push(set),
            Ok(true) => {}
            Err(error) => {
                problem = Some(error);
                return ControlFlow::Break(());
            }
        }
        if found.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    problem.map_or(Ok(found), Err)
}

/// An upper bound on the number of sets in a space (saturating; conditions only lower it); `None`
/// for a continuum.
pub(crate) fn size_at_most(space: &ParameterSpace) -> Option<u64> {
    space.parameters().iter().try_fold(1_u64, |product, parameter| {
        let extra = u64::from(parameter.when.is_some());
        Some(product.saturating_mul(parameter.domain.cardinality()?.saturating_add(extra)))
    })
}

fn walk(
    parameters: &[Parameter],
    offsets: &[u64],
    set: ParameterSet,
    visit: &mut dyn FnMut(ParameterSet) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (Some((parameter, rest)), Some((offset, offsets))) =
        (parameters.split_first(), offsets.split_first())
    else {
        return visit(set);
    };
    if !ParameterSpace::is_active(parameter, &set) {
        return walk(rest, offsets, set, visit);
    }
    let count = parameter.domain.cardinality().unwrap_or(0);
    for step in 0..count {
        let level = ((u128::from(step) + u128::from(*offset)) % u128::from(count)) as u64;
        let set = set.clone().with(&parameter.name, level_value(&parameter.domain, level));
        walk(rest, offsets, set, visit)?;
    }
    ControlFlow::Continue(())
}

fn level_value(domain: &Domain, level: u64) -> ParameterValue {
    match domain {
        Domain::Int { low, .. } => ParameterValue::Int(low.saturating_add_unsigned(level)),
        Domain::Choice { choices } => ParameterValue::Choice(choices[level as usize].clone()),
        domain => domain.value_at(0.5).expect("invariant: only a discrete domain has levels"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conditional_space_is_walked_whole() {
        let space = ParameterSpace::new(vec![
            Parameter::new("shape", Domain::choice(["disc", "star"])),
            Parameter::new("spikes", Domain::int(3, 5)).when("shape", ["star"]),
            Parameter::new("one", Domain::float(2.0, 2.0)),
        ])
        .expect("valid");
        let encoding = Encoding::new(&space);
        let all = unseen(&encoding, &Seen::default(), 100, Seed::from_u64(1)).expect("walks");
        assert_eq!(all.len(), 4);
        let history = [Trial::ok(all[2].clone(), 0.0)];
        let left = unseen(&encoding, &Seen::of(&history, &encoding).expect("inside"), 100, Seed::from_u64(1));
        assert_eq!(left.expect("walks").len(), 3);
        assert_eq!(size_at_most(&space), Some(8));
    }

    #[test]
    fn a_continuum_is_not_walked() {
        let space = ParameterSpace::new(vec![Parameter::new("x", Domain::float(0.0, 1.0))]).expect("valid");
        let encoding = Encoding::new(&space);
        assert!(unseen(&encoding, &Seen::default(), 3, Seed::from_u64(1)).expect("walks").is_empty());
        assert_eq!(size_at_most(&space), None);
    }
}
