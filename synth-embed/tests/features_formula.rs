//! The formula in the documentation of `synth_embed::features`, written down a second time: plainly,
//! in float64, from the text and not from the code. Every block of a row is held against it.

use std::f64::consts::PI;

use image::{DynamicImage, GrayImage, Luma};
use synth_core::{Embedder, Seed};
use synth_embed::{Features, FeaturesParams};

/// Rows of a square picture.
type Grid = Vec<Vec<f64>>;

fn grid(side: usize, value: impl Fn(usize, usize) -> f64) -> Grid {
    (0..side).map(|y| (0..side).map(|x| value(x, y)).collect()).collect()
}

fn map(grid: &Grid, f: impl Fn(f64) -> f64) -> Grid {
    grid.iter().map(|row| row.iter().map(|&value| f(value)).collect()).collect()
}

fn mean(grid: &Grid) -> f64 {
    grid.concat().iter().sum::<f64>() / (grid.len() * grid.len()) as f64
}

fn ranked(grid: &Grid, share: f64) -> f64 {
    let mut all = grid.concat();
    all.sort_by(f64::total_cmp);
    all[(share * all.len() as f64) as usize]
}

/// Luminance by area: overlaps of the source cells with [i, i + 1) · n/128.
fn luminance(image: &GrayImage) -> Grid {
    let overlap = |cell: u32, i: usize, n: u32| {
        let (from, to) = (i as f64 * f64::from(n) / 128.0, (i + 1) as f64 * f64::from(n) / 128.0);
        (to.min(f64::from(cell + 1)) - from.max(f64::from(cell))).max(0.0) * 128.0 / f64::from(n)
    };
    let (width, height) = image.dimensions();
    let level = |x, y| f64::from(image.get_pixel(x, y).0[0]) / 255.0;
    let lines: Vec<Vec<f64>> = (0..128)
        .map(|i| {
            let column = |x| (0..height).map(|y| overlap(y, i, height) * level(x, y)).sum();
            (0..width).map(column).collect()
        })
        .collect();
    grid(128, |x, y| (0..width).map(|cell| overlap(cell, x, width) * lines[y][cell as usize]).sum())
}

fn blur(of: &Grid) -> Grid {
    let side = of.len() as i64;
    let mirrored = |at: i64| (if at < 0 { -1 - at } else { at.min(2 * side - 1 - at) }) as usize;
    let weights = [1.0, 4.0, 6.0, 4.0, 1.0].map(|w| w / 16.0);
    grid(of.len(), |x, y| {
        let row = |dy: usize| &of[mirrored(y as i64 + dy as i64 - 2)];
        let across = |dy: usize| -> f64 {
            (0..5).map(|dx| weights[dx] * row(dy)[mirrored(x as i64 + dx as i64 - 2)]).sum()
        };
        (0..5).map(|dy| weights[dy] * across(dy)).sum()
    })
}

fn halve(of: &Grid) -> Grid {
    let two = |x: usize, y: usize| of[y][x] + of[y][x + 1];
    grid(of.len() / 2, |x, y| (two(2 * x, 2 * y) + two(2 * x, 2 * y + 1)) / 4.0)
}

/// v and v' of one scale.
type Scale = (Grid, Grid);

fn scales(luminance: &Grid) -> [Scale; 4] {
    let logs = map(luminance, |value| (value + 1.0 / 32.0).ln());
    let median = ranked(&logs, 0.5);
    let pair = |v: Grid| (v.clone(), blur(&v));
    let zero = pair(map(&logs, |value| value - median));
    let one = pair(halve(&zero.1));
    let two = pair(halve(&one.1));
    let three = pair(halve(&two.1));
    [zero, one, two, three]
}

/// C_k of (value, weight) at `count` levels.
fn cumulated(values: &[(f64, f64)], first: f64, step: f64, count: usize) -> Vec<f64> {
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    let at = |level: f64| -> f64 {
        values.iter().map(|&(x, weight)| weight * ((level - x) / step).clamp(0.0, 1.0)).sum()
    };
    (0..count).map(|k| at(first + step * k as f64) / total).collect()
}

fn unweighted(of: &Grid) -> Vec<(f64, f64)> {
    of.concat().into_iter().map(|value| (value, 1.0)).collect()
}

fn gradients(of: &Grid) -> Vec<(f64, f64)> {
    let last = of.len() - 1;
    let at = |x: usize, y: usize| {
        let dx = of[y][(x + 1).min(last)] - of[y][x.saturating_sub(1)];
        let dy = of[(y + 1).min(last)][x] - of[y.saturating_sub(1)][x];
        (dx / 2.0, dy / 2.0)
    };
    (0..of.len()).flat_map(|y| (0..of.len()).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect()
}

/// Extremum along the line of 2 · half + 1 pixels in direction (dx, dy).
fn line(of: &Grid, half: i64, (dx, dy): (i64, i64), pick: fn(f64, f64) -> f64) -> Grid {
    grid(of.len(), |x, y| {
        let value = |k: i64| {
            let column = usize::try_from(x as i64 + k * dx).ok()?;
            of.get(usize::try_from(y as i64 + k * dy).ok()?)?.get(column).copied()
        };
        (-half..=half).filter_map(value).reduce(pick).expect("the pixel itself")
    })
}

fn closed(of: &Grid, radius: i64) -> Grid {
    let q = 3 * radius / 10;
    let lines = [(radius - 2 * q, (0, 1)), (radius - 2 * q, (1, 0)), (q, (1, 1)), (q, (1, -1))];
    let all = |of: &Grid, pick| lines.iter().fold(of.clone(), |of, &(half, to)| line(&of, half, to, pick));
    all(&all(of, f64::max), f64::min)
}

fn granulometry(of: &Grid) -> Vec<f64> {
    let fill = |radius: i64| {
        let closed = if radius < 8 { closed(of, radius) } else { closed(&halve(of), radius / 2) };
        mean(&closed) - mean(of)
    };
    let filled = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24].map(fill);
    filled.iter().map(|fill| fill / (filled[13] + 0.001)).collect()
}

fn cut(of: &Grid) -> Grid {
    let d = ranked(of, 0.02);
    map(of, |v| ((v - d / 2.0) * 4.0 / (d.abs() + 0.1) + 0.5).clamp(0.0, 1.0))
}

fn corners(v0: &Grid) -> Vec<f64> {
    let side = v0.len();
    let gradients = gradients(v0);
    let entry = |product: fn(f64, f64) -> f64| {
        let product = |x: usize, y: usize| product(gradients[y * side + x].0, gradients[y * side + x].1);
        blur(&grid(side, product)).concat()
    };
    let (xx, yy, xy) = (entry(|x, _| x * x), entry(|_, y| y * y), entry(|x, y| x * y));
    let ratios: Vec<(f64, f64)> = (0..side * side)
        .map(|i| {
            let (trace, det) = (xx[i] + yy[i], xx[i] * yy[i] - xy[i] * xy[i]);
            let root = (trace * trace / 4.0 - det).max(0.0).sqrt();
            let (strong, weak) = ((trace / 2.0 + root).sqrt(), (trace / 2.0 - root).max(0.0).sqrt());
            (weak / (strong + 0.001), strong)
        })
        .collect();
    cumulated(&ratios, 0.05, 0.05, 5)
}

/// κ, v_x and v_y at each pixel; nothing on the border.
fn curvatures(v: &Grid) -> Vec<Vec<Option<(f64, f64, f64)>>> {
    let last = v.len() - 1;
    let at = |x: usize, y: usize| {
        if x == 0 || y == 0 || x == last || y == last {
            return None;
        }
        let (vx, vy) = ((v[y][x + 1] - v[y][x - 1]) / 2.0, (v[y + 1][x] - v[y - 1][x]) / 2.0);
        let (xx, yy) = (v[y][x + 1] - 2.0 * v[y][x] + v[y][x - 1], v[y + 1][x] - 2.0 * v[y][x] + v[y - 1][x]);
        let xy = (v[y + 1][x + 1] + v[y - 1][x - 1] - v[y + 1][x - 1] - v[y - 1][x + 1]) / 4.0;
        let turn = xx * vy * vy + yy * vx * vx - 2.0 * xy * vx * vy;
        Some((turn / ((vx * vx + vy * vy).powf(1.5) + 1e-7), vx, vy))
    };
    (0..v.len()).map(|y| (0..v.len()).map(|x| at(x, y)).collect()).collect()
}

/// The four blocks of curvature.
fn bending(v: &Grid) -> [Vec<f64>; 4] {
    let curvatures = curvatures(v);
    let bounded: Vec<(f64, f64)> = curvatures
        .concat()
        .into_iter()
        .flatten()
        .map(|(k, vx, vy)| (k / (k.abs() + 0.1), vx * vx + vy * vy))
        .collect();
    let levels = [vec![0.0], cumulated(&bounded, -0.9, 0.1, 19), vec![1.0]].concat();
    let roots = levels.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0).sqrt()).collect();
    let mut sums = [
        |_: f64, _: f64, _: f64| 1.0,
        |k: f64, _: f64, _: f64| k.clamp(-1.0, 1.0),
        |k: f64, _: f64, _: f64| k.clamp(-1.0, 1.0).powi(2),
        |_: f64, x: f64, y: f64| (x * x - y * y) / (x * x + y * y + 1e-9),
        |_: f64, x: f64, y: f64| 2.0 * x * y / (x * x + y * y + 1e-9),
    ]
    .map(|value| {
        let weighted = |(k, x, y): (f64, f64, f64)| {
            let g = x.hypot(y);
            g * g.powi(4) / (g.powi(4) + 0.03_f64.powi(4)) * value(k, x, y)
        };
        blur(&halve(&grid(v.len(), |x, y| curvatures[y][x].map_or(0.0, weighted))))
    });
    let [w, m, q, ..] = sums.clone().map(|sum| sum.concat());
    let spreads: Vec<(f64, f64)> = (0..w.len())
        .map(|i| {
            let m = m[i] / (w[i] + 1e-5);
            let deviation = (q[i] / (w[i] + 1e-5) - m * m).max(0.0).sqrt();
            (deviation / (deviation + 0.1), w[i])
        })
        .collect();
    for _ in 1..6 {
        sums = sums.map(|sum| blur(&sum));
    }
    let sums = sums.map(|sum| sum.concat());
    let harmonics = [0.01, 0.02, 0.04, 0.07, 0.12].map(|curved| directions(&sums, curved));
    let [one_way, cross] = [0, 1].map(|at| harmonics.iter().map(|pair| pair[at]).collect());
    [roots, cumulated(&spreads, 0.05, 0.05, 19), one_way, cross]
}

fn directions([w, m, _, c, s]: &[Vec<f64>; 5], curved: f64) -> [f64; 2] {
    let share = |i: usize| {
        let m = m[i] / (w[i] + 1e-5);
        m * m / (m * m + curved * curved)
    };
    let sum = |term: &dyn Fn(usize) -> f64| (0..w.len()).map(|i| share(i) * term(i)).sum::<f64>();
    let below = sum(&|i| w[i]) + 1e-6;
    let second = sum(&|i| c[i]).hypot(sum(&|i| s[i]));
    let fourth = sum(&|i| (c[i] * c[i] - s[i] * s[i]) / (w[i] + 1e-5))
        .hypot(sum(&|i| 2.0 * c[i] * s[i] / (w[i] + 1e-5)));
    [second / below, fourth / below]
}

fn harmonics(v: &Grid) -> Vec<f64> {
    let gradients: Vec<(f64, f64)> = gradients(v)
        .into_iter()
        .map(|(x, y)| (x.hypot(y), y.atan2(x)))
        .filter(|(g, _)| g * g >= 1e-12)
        .collect();
    let total: f64 = gradients.iter().map(|(g, _)| g).sum();
    let length = |k: f64| {
        let c: f64 = gradients.iter().map(|(g, angle)| g * (k * angle).cos()).sum();
        let s: f64 = gradients.iter().map(|(g, angle)| g * (k * angle).sin()).sum();
        c.hypot(s) / total
    };
    [2.0, 4.0, 6.0].map(length).to_vec()
}

fn places(v: &Grid) -> Vec<f64> {
    let side = v.len();
    let energies: Vec<f64> = gradients(v).into_iter().map(|(x, y)| x * x + y * y).collect();
    let total = energies.iter().sum::<f64>() + 1e-9;
    let before = |index: fn(usize, usize) -> usize, eighths: usize| -> f64 {
        let inside = |&i: &usize| 8 * index(i, side) < eighths * side;
        (0..side * side).filter(inside).map(|i| energies[i]).sum::<f64>() / total
    };
    let axes: [fn(usize, usize) -> usize; 2] = [|i, side| i / side, |i, side| i % side];
    axes.into_iter().flat_map(|index| (1..8).map(move |eighths| before(index, eighths))).collect()
}

fn spots(scales: &[Scale; 4]) -> Vec<f64> {
    let parts = |sharp: &Grid, soft: &Grid| {
        let difference = grid(sharp.len(), |x, y| sharp[y][x] - soft[y][x]);
        [1.0, -1.0].map(|sign| mean(&map(&difference, |d| (sign * d).max(0.0))).sqrt())
    };
    scales.iter().flat_map(|(v, soft)| [parts(v, soft), parts(soft, &blur(soft))].concat()).collect()
}

fn patterns(v: &Grid) -> Vec<f64> {
    let mut shares = vec![0.0; 10];
    let inner = v.len() - 2;
    for (x, y) in (0..inner * inner).map(|i| (1 + i % inner, 1 + i / inner)) {
        // The eight neighbours by their angle.
        let above: Vec<bool> = (0..8)
            .map(|k| f64::from(k) * PI / 4.0)
            .map(|angle| (x as f64 + angle.cos().round(), y as f64 + angle.sin().round()))
            .map(|(nx, ny)| v[ny as usize][nx as usize] >= v[y][x])
            .collect();
        let changes = (0..8).filter(|&k| above[k] != above[(k + 1) % 8]).count();
        let pattern = if changes <= 2 { above.iter().filter(|&&bit| bit).count() } else { 9 };
        shares[pattern] += 1.0 / (inner * inner) as f64;
    }
    shares
}

/// The table: blocks and weights.
fn row(image: &GrayImage) -> Vec<(f64, Vec<f64>)> {
    let light = luminance(image);
    let scales = scales(&light);
    let [(v0, soft0), (v1, soft1), (v2, soft2), (_, soft3)] = &scales;
    let [curvature, spread, one_way, cross] = bending(soft0);
    let strengths: Vec<(f64, f64)> = gradients(soft1).into_iter().map(|(x, y)| (x.hypot(y), 1.0)).collect();
    vec![
        (0.4, cumulated(&unweighted(&light), 0.05, 0.05, 19)),
        (4.0, cumulated(&unweighted(v2), -1.3, 0.1, 20)),
        (0.5, halve(&halve(soft3)).concat()),
        (2.1, granulometry(v1)),
        (1.5, granulometry(&cut(soft1))),
        (15.0, corners(v0)),
        (6.0, curvature),
        (2.6, spread),
        (5.4, one_way),
        (1.0, cross),
        (1.0, harmonics(soft0)),
        (1.2, cumulated(&strengths, 0.02, 0.02, 16)),
        (0.5, places(soft1)),
        (3.4, spots(&scales)),
        (2.4, [soft0, soft1, soft2].map(patterns).concat()),
    ]
}

/// Three dark ellipses and noise, in integers.
fn picture() -> GrayImage {
    let mut stream = Seed::from_u64(12).stream(0);
    GrayImage::from_fn(150, 141, |x, y| {
        let inside = |(cx, cy, a, b): (i64, i64, i64, i64)| {
            let (dx, dy) = (i64::from(x) - cx, i64::from(y) - cy);
            (b * dx) * (b * dx) + (a * dy) * (a * dy) < a * a * b * b
        };
        let dark = [(40, 50, 30, 16), (100, 90, 20, 24), (120, 30, 9, 9)].into_iter().any(inside);
        Luma([if dark { 60 } else { 170 } + (x / 10) as u8 + stream.index(20) as u8])
    })
}

#[test]
fn rows_are_the_documented_formula() {
    let picture = picture();
    let features = FeaturesParams::default().build().expect("valid");
    let got = features.embed(&[&DynamicImage::from(picture.clone())]).expect("embeds");
    let blocks = Features::blocks();
    let expected = row(&picture);
    assert_eq!(blocks.len(), expected.len());
    for ((name, columns), (weight, block)) in blocks.into_iter().zip(expected) {
        assert_eq!(columns.len(), block.len(), "{name}");
        for (column, value) in columns.zip(block) {
            let got = f64::from(got[[0, column]]) / weight;
            // Float32 against float64; the rounding of a share near 0 shows in its root.
            assert!((got - value).abs() < 1e-4, "{name}, column {column}: {got} for {value}");
        }
    }
}
