//! Minimising smooth functions in a box.

use crate::gp::dot;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) iterations: usize,
    /// Stop once no coordinate of the projected gradient exceeds this.
    pub(crate) gradient: f64,
    /// Stop once an iteration gains less than this.
    pub(crate) gain: f64,
}

/// Where a minimisation ended.
#[derive(Clone, Debug)]
pub(crate) struct Minimum {
    pub(crate) x: Vec<f64>,
    pub(crate) value: f64,
}

const MEMORY: usize = 8;
const ARMIJO: f64 = 1e-4;

/// Minimises `f` (which writes its gradient and returns its value) over the box by limited-memory
/// BFGS on the free coordinates, with a projected backtracking line search.
///
/// A coordinate at a bound whose gradient points outside is held for the step, the others follow the
/// two-loop recursion on the pairs restricted to them (Bertsekas 1982, "Projected Newton methods",
/// SIAM J. Control Optim. 20(2), §2; Nocedal & Wright 2006, algorithm 7.4). Deterministic. A value
/// that is not finite counts as infinitely bad, so a step never ends on one.
pub(crate) fn minimize_in_box(
    start: &[f64],
    low: &[f64],
    high: &[f64],
    budget: Budget,
    f: &mut dyn FnMut(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let n = start.len();
    let project = |x: &mut [f64]| (0..n).for_each(|i| x[i] = x[i].clamp(low[i], high[i]));
    let mut x = start.to_vec();
    project(&mut x);
    let mut gradient = vec![0.0; n];
    let mut value = f(&x, &mut gradient);
    let mut memory: Vec<(Vec<f64>, Vec<f64>)> = Vec::with_capacity(MEMORY);
    let (mut next, mut next_gradient) = (x.clone(), gradient.clone());
    for _ in 0..budget.iterations {
        if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            break;
        }
        let free: Vec<bool> = (0..n)
            .map(|i| {
                low[i] < high[i]
                    && !(x[i] <= low[i] && gradient[i] > 0.0)
                    && !(x[i] >= high[i] && gradient[i] < 0.0)
            })
            .collect();
        let steepest = (0..n).filter(|i| free[*i]).fold(0.0_f64, |m, i| m.max(gradient[i].abs()));
        if steepest <= budget.gradient {
            break;
        }
        let mut direction = quasi_newton(&gradient, &free, &memory);
        if dot(&direction, &gradient) >= 0.0 {
            memory.clear();
            direction = quasi_newton(&gradient, &free, &memory);
        }
        let first = if memory.is_empty() { first_step(&direction, low, high) } else { 1.0 };
        let Some(reached) =
            line_search(&x, value, &gradient, &direction, first, &project, f, &mut next, &mut next_gradient)
        else {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        };
        remember(&mut memory, &x, &next, &gradient, &next_gradient);
        let gain = value - reached;
        std::mem::swap(&mut x, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = reached;
        if gain <= budget.gain {
            break;
        }
    }
    Minimum { x, value }
}

/// Without curvature, move by a tenth of the box at most.
fn first_step(direction: &[f64], low: &[f64], high: &[f64]) -> f64 {
    let longest =
        (0..direction.len()).map(|i| direction[i].abs() / (high[i] - low[i]).max(1e-300)).fold(0.0, f64::max);
    (0.1 / longest).min(1.0)
}

fn quasi_newton(gradient: &[f64], free: &[bool], memory: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let masked = |v: &[f64]| -> Vec<f64> {
        v.iter().zip(free).map(|(v, free)| if *free { *v } else { 0.0 }).collect()
    };
    let mut q = masked(gradient);
    let pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = memory
        .iter()
        .map(|(s, y)| (masked(s), masked(y)))
        .filter_map(|(s, y)| {
            let sy = dot(&s, &y);
            (sy > 1e-14 * dot(&y, &y)).then_some((s, y, sy))
        })
        .collect();
    let mut alphas = Vec::with_capacity(pairs.len());
    for (s, y, sy) in pairs.iter().rev() {
        let alpha = dot(s, &q) / sy;
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    if let Some((_, y, sy)) = pairs.last() {
        let scale = sy / dot(y, y);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((s, y, sy), alpha) in pairs.iter().zip(alphas.iter().rev()) {
        let beta = dot(y, &q) / sy;
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

#[expect(clippy::too_many_arguments, reason = "the state of one line search, used in one place")]
fn line_search(
    x: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    first: f64,
    project: &dyn Fn(&mut [f64]),
    f: &mut dyn FnMut(&[f64], &mut [f64]) -> f64,
    next: &mut Vec<f64>,
    next_gradient: &mut [f64],
) -> Option<f64> {
    let mut step = first;
    for _ in 0..20 {
        next.clear();
        next.extend(x.iter().zip(direction).map(|(x, d)| x + step * d));
        project(next);
        let decrease: f64 = next.iter().zip(x).zip(gradient).map(|((n, x), g)| (n - x) * g).sum();
        let reached = f(next, next_gradient);
        if reached.is_finite() && decrease < 0.0 && reached <= value + ARMIJO * decrease {
            return Some(reached);
        }
        // The minimiser of the parabola through value, slope and the value reached.
        let parabola = -0.5 * decrease / (reached - value - decrease);
        step *= if parabola.is_finite() { parabola.clamp(0.1, 0.5) } else { 0.1 };
    }
    None
}

fn remember(
    memory: &mut Vec<(Vec<f64>, Vec<f64>)>,
    x: &[f64],
    next: &[f64],
    gradient: &[f64],
    next_gradient: &[f64],
) {
    let s: Vec<f64> = next.iter().zip(x).map(|(n, x)| n - x).collect();
    let y: Vec<f64> = next_gradient.iter().zip(gradient).map(|(n, g)| n - g).collect();
    if dot(&s, &y) > 1e-12 * libm::sqrt(dot(&s, &s) * dot(&y, &y)) {
        if memory.len() == MEMORY {
            memory.remove(0);
        }
        memory.push((s, y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget { iterations: 200, gradient: 1e-9, gain: 0.0 };

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient[0] = -2.0 * a - 400.0 * x[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    }

    #[test]
    fn follows_a_curved_valley() {
        let minimum = minimize_in_box(&[-1.2, 1.0], &[-2.0, -2.0], &[2.0, 2.0], BUDGET, &mut rosenbrock);
        assert!(minimum.value < 1e-15, "{minimum:?}");
    }

    #[test]
    fn stops_on_the_bound_that_holds_the_minimum() {
        // With x ≤ 0.5 the minimum is at (0.5, 0.25), value 0.25: by hand.
        let minimum = minimize_in_box(&[-1.2, 1.0], &[-2.0, -2.0], &[0.5, 2.0], BUDGET, &mut rosenbrock);
        assert!((minimum.x[0] - 0.5).abs() < 1e-12 && (minimum.x[1] - 0.25).abs() < 1e-6, "{minimum:?}");
    }

    #[test]
    fn survives_functions_that_are_not_finite() {
        let mut nan = |_: &[f64], g: &mut [f64]| {
            g.fill(f64::NAN);
            f64::NAN
        };
        assert_eq!(minimize_in_box(&[0.3], &[0.0], &[1.0], BUDGET, &mut nan).x, [0.3]);
        let mut wall = |x: &[f64], g: &mut [f64]| {
            g[0] = -1.0;
            if x[0] > 0.5 { f64::INFINITY } else { -x[0] }
        };
        let end = minimize_in_box(&[0.0], &[0.0], &[1.0], BUDGET, &mut wall);
        assert!(end.value.is_finite() && end.x[0] <= 0.5);
    }

    #[test]
    fn fixed_coordinates_stay() {
        let mut bowl = |x: &[f64], g: &mut [f64]| {
            (0..2).for_each(|i| g[i] = 2.0 * (x[i] - 0.2));
            x.iter().map(|x| (x - 0.2) * (x - 0.2)).sum()
        };
        let end = minimize_in_box(&[0.7, 0.9], &[0.7, 0.0], &[0.7, 1.0], BUDGET, &mut bowl);
        assert!(end.x[0] == 0.7 && (end.x[1] - 0.2).abs() < 1e-8);
    }
}
