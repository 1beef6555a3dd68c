//! Exact optimal transport between two uniform distributions.

use std::collections::VecDeque;

use ndarray::{Array2, ArrayView2};

/// An optimal plan's cost and the dual prices that prove it optimal.
#[derive(Debug)]
pub(crate) struct Transport {
    /// `Σ π_ij c_ij`, total mass 1.
    pub(crate) cost: f64,
    #[cfg_attr(not(test), expect(dead_code, reason = "the certificate that the tests check"))]
    pub(crate) row_prices: Vec<f64>,
    #[cfg_attr(not(test), expect(dead_code, reason = "the certificate that the tests check"))]
    pub(crate) column_prices: Vec<f64>,
}

/// The cheapest plan that moves mass 1/n from each row to columns of mass 1/m each.
///
/// Masses are made whole numbers, `m/g` per row and `n/g` per column with g the greatest common
/// divisor, so nothing is lost to rounding; equal counts give the assignment problem. Shortest
/// augmenting paths with prices, as Jonker and Volgenant do for assignment, extended to plans in
/// which a row is served by several columns: a Dijkstra search over reduced costs from each row
/// that has mass left, through columns without room to the rows they serve.
pub(crate) fn transport(costs: ArrayView2<'_, f64>) -> Transport {
    let (n, m) = costs.dim();
    let divisor = gcd(n, m);
    let mut solver = Solver {
        costs: costs.as_standard_layout().into_owned(),
        row_prices: vec![0.0; n],
        column_prices: vec![0.0; m],
        supply: vec![m / divisor; n],
        room: vec![n / divisor; m],
        served: vec![Vec::new(); m],
    };
    solver.start();
    for row in 0..n {
        let mut search = Search::new(n, m);
        while solver.supply[row] > 0 {
            solver.augment(row, &mut search);
        }
    }
    let units = (n * m / divisor) as f64;
    let moved = solver.served.iter().enumerate();
    let cost: f64 = moved
        .map(|(j, rows)| rows.iter().map(|&(i, mass)| solver.costs[[i, j]] * mass as f64).sum::<f64>())
        .sum();
    Transport { cost: cost / units, row_prices: solver.row_prices, column_prices: solver.column_prices }
}

struct Solver {
    costs: Array2<f64>,
    row_prices: Vec<f64>,
    column_prices: Vec<f64>,
    /// Mass not yet moved, per row.
    supply: Vec<usize>,
    /// Mass not yet received, per column.
    room: Vec<usize>,
    /// Per column, the rows it serves and how much mass of each.
    served: Vec<Vec<(usize, usize)>>,
}

/// Buffers of one shortest-path search.
struct Search {
    /// Length of the shortest path found so far to each column, and the row before it.
    distance: Vec<f64>,
    before: Vec<usize>,
    /// The column each row of the tree was reached through.
    through: Vec<Option<usize>>,
    /// Columns not yet settled.
    open: Vec<usize>,
    settled: Vec<usize>,
    /// Rows of the tree with the distance at which they joined.
    joined: Vec<(usize, f64)>,
}

impl Search {
    fn new(rows: usize, columns: usize) -> Self {
        Self {
            distance: vec![f64::INFINITY; columns],
            before: vec![0; columns],
            through: vec![None; rows],
            open: Vec::with_capacity(columns),
            settled: Vec::new(),
            joined: Vec::new(),
        }
    }

    fn reset(&mut self) {
        self.distance.fill(f64::INFINITY);
        self.through.fill(None);
        self.open.clear();
        self.open.extend(0..self.distance.len());
        self.settled.clear();
        self.joined.clear();
    }
}

impl Solver {
    /// First prices and moves: each column's price is its cheapest cost, each row's is what is left
    /// of its cheapest; rows take room where that is for free.
    fn start(&mut self) {
        self.column_prices.fill(f64::INFINITY);
        for row in self.costs.rows() {
            for (price, &cost) in self.column_prices.iter_mut().zip(row) {
                *price = price.min(cost);
            }
        }
        for (row, costs) in self.costs.rows().into_iter().enumerate() {
            let reduced = costs.iter().zip(&self.column_prices).map(|(cost, price)| cost - price);
            let (column, cheapest) = smallest(reduced);
            self.row_prices[row] = cheapest;
            let mass = self.supply[row].min(self.room[column]);
            if mass > 0 {
                self.supply[row] -= mass;
                self.room[column] -= mass;
                self.served[column].push((row, mass));
            }
        }
    }

    /// Moves mass of `source` along a cheapest path to a column with room.
    fn augment(&mut self, source: usize, search: &mut Search) {
        search.reset();
        let mut waiting = VecDeque::from([source]);
        search.joined.push((source, 0.0));
        let mut reached = 0.0;
        let end = loop {
            while let Some(row) = waiting.pop_front() {
                self.relax(row, reached, search);
            }
            let (place, distance) = smallest(search.open.iter().map(|&column| search.distance[column]));
            let column = search.open.swap_remove(place);
            reached = distance;
            search.settled.push(column);
            if self.room[column] > 0 {
                break column;
            }
            for &(row, _) in &self.served[column] {
                if row != source && search.through[row].is_none() {
                    search.through[row] = Some(column);
                    search.joined.push((row, reached));
                    waiting.push_back(row);
                }
            }
        };
        self.reprice(reached, search);
        self.push(source, end, search);
    }

    fn relax(&self, row: usize, reached: f64, search: &mut Search) {
        let costs = self.costs.row(row);
        let costs = costs.as_slice().expect("invariant: the costs were copied in row-major order");
        let base = reached - self.row_prices[row];
        for &column in &search.open {
            let length = base + (costs[column] - self.column_prices[column]);
            if length < search.distance[column] {
                search.distance[column] = length;
                search.before[column] = row;
            }
        }
    }

    /// Keeps every reduced cost non-negative and those on the tree's paths zero.
    fn reprice(&mut self, reached: f64, search: &Search) {
        for &column in &search.settled {
            self.column_prices[column] -= reached - search.distance[column];
        }
        for &(row, joined) in &search.joined {
            self.row_prices[row] += reached - joined;
        }
    }

    fn push(&mut self, source: usize, end: usize, search: &Search) {
        let mut mass = self.supply[source].min(self.room[end]);
        let mut path = vec![(search.before[end], end)];
        while let Some(column) = search.through[path[path.len() - 1].0] {
            let row = path[path.len() - 1].0;
            mass = mass.min(self.mass(row, column));
            path.push((search.before[column], column));
        }
        self.supply[source] -= mass;
        self.room[end] -= mass;
        for (place, &(row, column)) in path.iter().enumerate() {
            self.give(row, column, mass);
            if let Some(&(_, earlier)) = path.get(place + 1) {
                self.take(row, earlier, mass);
            }
        }
    }

    fn mass(&self, row: usize, column: usize) -> usize {
        self.served[column].iter().find(|served| served.0 == row).map_or(0, |served| served.1)
    }

    fn give(&mut self, row: usize, column: usize, mass: usize) {
        match self.served[column].iter_mut().find(|served| served.0 == row) {
            Some(served) => served.1 += mass,
            None => self.served[column].push((row, mass)),
        }
    }

    fn take(&mut self, row: usize, column: usize, mass: usize) {
        if let Some(place) = self.served[column].iter().position(|served| served.0 == row) {
            self.served[column][place].1 -= mass;
            if self.served[column][place].1 == 0 {
                self.served[column].swap_remove(place);
            }
        }
    }
}

fn smallest(values: impl Iterator<Item = f64>) -> (usize, f64) {
    values.enumerate().fold((0, f64::INFINITY), |best, now| if now.1 < best.1 { now } else { best })
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synth_core::Seed;

    fn costs(n: usize, m: usize, seed: u64) -> Array2<f64> {
        let mut stream = Seed::from_u64(seed).stream(0);
        Array2::from_shape_simple_fn((n, m), || stream.unit())
    }

    /// Cheapest of all assignments, by trying them.
    fn by_trying(costs: &Array2<f64>, row: usize, used: &mut Vec<bool>) -> f64 {
        if row == costs.nrows() {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for column in 0..costs.ncols() {
            if !used[column] {
                used[column] = true;
                best = best.min(costs[[row, column]] + by_trying(costs, row + 1, used));
                used[column] = false;
            }
        }
        best
    }

    /// Each row and column repeated until both counts are equal: the same problem as assignment.
    fn expanded(costs: &Array2<f64>) -> Array2<f64> {
        let (n, m) = costs.dim();
        let common = n / gcd(n, m) * m;
        Array2::from_shape_fn((common, common), |(i, j)| costs[[i * n / common, j * m / common]])
    }

    #[test]
    fn equals_the_best_of_all_assignments() {
        for seed in 0..20 {
            let square = costs(7, 7, seed);
            let best = by_trying(&square, 0, &mut vec![false; 7]) / 7.0;
            assert!((transport(square.view()).cost - best).abs() < 1e-12, "{seed}");
            let uneven = costs(4, 2, seed);
            let best = by_trying(&expanded(&uneven), 0, &mut vec![false; 4]) / 4.0;
            assert!((transport(uneven.view()).cost - best).abs() < 1e-12, "{seed}");
            assert!((transport(uneven.t()).cost - best).abs() < 1e-12, "{seed}");
            let coprime = costs(2, 3, seed);
            let best = by_trying(&expanded(&coprime), 0, &mut vec![false; 6]) / 6.0;
            assert!((transport(coprime.view()).cost - best).abs() < 1e-12, "{seed}");
        }
    }

    #[test]
    fn prices_prove_the_plan_optimal() {
        for (n, m) in [(150, 150), (120, 97), (30, 200), (1, 9)] {
            let costs = costs(n, m, 77);
            let plan = transport(costs.view());
            let feasible = costs
                .indexed_iter()
                .all(|((i, j), cost)| plan.row_prices[i] + plan.column_prices[j] <= cost + 1e-12);
            let mean = |prices: &[f64]| prices.iter().sum::<f64>() / prices.len() as f64;
            let dual = mean(&plan.row_prices) + mean(&plan.column_prices);
            assert!(feasible && (dual - plan.cost).abs() < 1e-12, "{n} {m}: {dual} {}", plan.cost);
        }
    }

    #[test]
    fn equal_costs_and_zero_costs_end() {
        assert_eq!(transport(Array2::zeros((5, 3)).view()).cost, 0.0);
        assert_eq!(transport(Array2::ones((4, 6)).view()).cost, 1.0);
    }
}
