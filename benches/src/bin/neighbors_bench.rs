//! Builds the approximate index over a `.npy` matrix on one thread and asks it for ten neighbours of
//! each row of another: the side of `scripts/compare_neighbors.py` that is ours.
//!
//! Usage: `neighbors_bench ROWS.npy QUERIES.npy LINKS EF_CONSTRUCTION EF_SEARCH...`
//!
//! Prints JSON: CPU seconds of the building, and for each breadth of searching CPU seconds of all
//! queries, asked one by one, and the rows found. `exact` in place of a breadth asks the exact index.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};
use serde_json::{Value, json};
use synth_benches::cpu_seconds;
use synth_core::NeighborIndex;
use synth_embed::{ExactNeighborsParams, HnswParams};
use synth_export::read_npy;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const NEIGHBORS: usize = 10;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rows, queries, links, ef_construction, breadths @ ..] = arguments.as_slice() else {
        return Err("usage: neighbors_bench ROWS.npy QUERIES.npy LINKS EF_CONSTRUCTION EF_SEARCH...".into());
    };
    let (rows, queries) = (load(rows)?, load(queries)?);
    let params =
        HnswParams::default().with_max_links(links.parse()?).with_ef_construction(ef_construction.parse()?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let report = pool.install(|| measure(&params, rows.view(), queries.view(), breadths))?;
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}

fn load(path: &str) -> Outcome<Array2<f32>> {
    Ok(read_npy(Path::new(path))?.mapv(|value| value as f32))
}

fn measure(
    params: &HnswParams,
    rows: ArrayView2<'_, f32>,
    queries: ArrayView2<'_, f32>,
    breadths: &[String],
) -> Outcome<Value> {
    let ids: Vec<String> = (0..rows.nrows()).map(|row| row.to_string()).collect();
    let mut index = params.clone().build(rows.ncols())?;
    let start = cpu_seconds()?;
    index.add(&ids, rows)?;
    let build = cpu_seconds()? - start;
    let mut searches = Vec::new();
    for breadth in breadths {
        let (seconds, found) = if breadth == "exact" {
            let mut exact = ExactNeighborsParams::default().build(rows.ncols())?;
            exact.add(&ids, rows)?;
            ask(&exact, queries, queries.nrows())?
        } else {
            index = index.with_ef_search(breadth.parse()?)?;
            ask(&index, queries, 1)?
        };
        searches.push(json!({ "ef_search": breadth, "cpu_s": seconds, "found": found }));
    }
    Ok(json!({ "build_cpu_s": build, "searches": searches }))
}

/// CPU seconds, and the ids found, `at_once` queries a call.
fn ask(
    index: &dyn NeighborIndex,
    queries: ArrayView2<'_, f32>,
    at_once: usize,
) -> Outcome<(f64, Vec<Vec<String>>)> {
    let (start, mut found) = (cpu_seconds()?, Vec::new());
    for queries in queries.axis_chunks_iter(Axis(0), at_once) {
        let neighbors = index.search(queries, NEIGHBORS, &|_| true)?;
        found.extend(neighbors.into_iter().map(|row| row.into_iter().map(|near| near.id).collect()));
    }
    Ok((cpu_seconds()? - start, found))
}
