//! The process against independent programs: goldens/make_goldens.py.

use ndarray::{Array2, array};
use serde::Deserialize;
use synth_core::Seed;
use synth_optimize::{
    Column, GaussianProcess, Kernel, KernelFamily, Noise, log_cdf, log_expected_improvement,
};

#[derive(Deserialize)]
struct Goldens {
    sklearn: Vec<SklearnCase>,
    mixed: Vec<MixedCase>,
    tails: Tails,
}

#[derive(Deserialize)]
struct SklearnCase {
    family: KernelFamily,
    x: Vec<Vec<f64>>,
    z: Vec<Vec<f64>>,
    y: Vec<f64>,
    lengths: Vec<f64>,
    variance: f64,
    noise: f64,
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
    lml: f64,
    gradient: Vec<f64>,
}

#[derive(Deserialize)]
struct MixedCase {
    family: KernelFamily,
    x: Vec<Vec<f64>>,
    levels_x: Vec<Vec<usize>>,
    z: Vec<Vec<f64>>,
    levels_z: Vec<Vec<usize>>,
    y: Vec<f64>,
    levels: Vec<usize>,
    theta: Vec<f64>,
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
    lml: f64,
    gradient: Vec<f64>,
}

#[derive(Deserialize)]
struct Tails {
    u: Vec<f64>,
    log_ei: Vec<f64>,
    log_cdf: Vec<f64>,
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("goldens/goldens.json")).expect("goldens read")
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn assert_close(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance * expected.abs().max(1.0),
        "{what}: {got:e} for {expected:e}"
    );
}

fn assert_predicts(process: &GaussianProcess, z: &Array2<f64>, mean: &[f64], covariance: &[Vec<f64>]) {
    let prediction = process.predict(z.view()).expect("fits");
    let joint = process.covariance(z.view()).expect("fits");
    for i in 0..mean.len() {
        assert_close("mean", prediction.mean[i], mean[i], 1e-8);
        assert_close("variance", prediction.variance[i], covariance[i][i], 1e-8);
        for j in 0..mean.len() {
            assert_close("covariance", joint[[i, j]], covariance[i][j], 1e-8);
        }
    }
}

fn process_of(case: &SklearnCase) -> GaussianProcess {
    let kernel = Kernel {
        family: case.family,
        variance: case.variance,
        length_scales: case.lengths.clone(),
        category_rates: vec![],
        additive_share: 0.0,
    };
    let columns = vec![Column::Number; case.lengths.len()];
    GaussianProcess::condition(&columns, kernel, case.noise, 0.0, matrix(&case.x).view(), &case.y, None)
        .expect("valid")
}

#[test]
fn equals_scikit_learn_at_fixed_hyper_parameters() {
    for case in goldens().sklearn {
        let process = process_of(&case);
        assert_predicts(&process, &matrix(&case.z), &case.mean, &case.covariance);
        let (value, gradient) = process.log_marginal_likelihood().expect("finite");
        assert_close("likelihood", value, case.lml, 1e-8);
        let d = case.lengths.len();
        let ours: Vec<f64> =
            [gradient[d]].into_iter().chain(gradient[..d].iter().copied()).chain([gradient[d + 1]]).collect();
        for (got, expected) in ours.iter().zip(&case.gradient) {
            assert_close("gradient", *got, *expected, 1e-8);
        }
    }
}

#[test]
fn equals_an_independent_formula_with_categories() {
    for case in goldens().mixed {
        let exp: Vec<f64> = case.theta.iter().map(|t| t.exp()).collect();
        let kernel = Kernel {
            family: case.family,
            variance: exp[10],
            length_scales: exp[..2].to_vec(),
            category_rates: vec![exp[2..5].to_vec(), exp[5..9].to_vec()],
            additive_share: 1.0 / (1.0 + (-case.theta[9]).exp()),
        };
        let columns: Vec<Column> = [Column::Number; 2]
            .into_iter()
            .chain(case.levels.iter().map(|levels| Column::Category { levels: *levels }))
            .collect();
        let join = |x: &[Vec<f64>], c: &[Vec<usize>]| -> Array2<f64> {
            Array2::from_shape_fn((x.len(), 4), |(i, j)| if j < 2 { x[i][j] } else { c[i][j - 2] as f64 })
        };
        let x = join(&case.x, &case.levels_x);
        let process = GaussianProcess::condition(&columns, kernel, exp[11], 0.0, x.view(), &case.y, None)
            .expect("valid");
        assert_predicts(&process, &join(&case.z, &case.levels_z), &case.mean, &case.covariance);
        let (value, gradient) = process.log_marginal_likelihood().expect("finite");
        assert_close("likelihood", value, case.lml, 1e-8);
        assert_eq!(gradient.len(), case.gradient.len());
        for (got, expected) in gradient.iter().zip(&case.gradient) {
            assert_close("gradient", *got, *expected, 1e-8);
        }
    }
}

#[test]
fn a_point_is_predicted_alone_to_the_bit_as_among_others() {
    let case = &goldens().sklearn[2];
    let process = process_of(case);
    let x = matrix(&case.x);
    let together = process.predict(x.view()).expect("fits");
    for (i, row) in x.rows().into_iter().enumerate() {
        let alone = process.predict(row.insert_axis(ndarray::Axis(0))).expect("fits");
        assert_eq!((alone.mean[0], alone.variance[0]), (together.mean[i], together.variance[i]), "row {i}");
    }
}

#[test]
fn likelihood_gradient_matches_central_differences() {
    let case = &goldens().sklearn[1];
    let (_, gradient) = process_of(case).log_marginal_likelihood().expect("finite");
    let d = case.lengths.len();
    let shifted = |at: usize, h: f64| {
        let (mut lengths, mut variance, mut noise) = (case.lengths.clone(), case.variance, case.noise);
        match at {
            at if at < d => lengths[at] *= h.exp(),
            at if at == d => variance *= h.exp(),
            _ => noise *= h.exp(),
        }
        let kernel = Kernel {
            family: case.family,
            variance,
            length_scales: lengths,
            category_rates: vec![],
            additive_share: 0.0,
        };
        let columns = vec![Column::Number; d];
        GaussianProcess::condition(&columns, kernel, noise, 0.0, matrix(&case.x).view(), &case.y, None)
            .and_then(|process| process.log_marginal_likelihood())
            .expect("finite")
            .0
    };
    for (at, expected) in gradient.iter().enumerate() {
        let difference = (shifted(at, 1e-5) - shifted(at, -1e-5)) / 2e-5;
        assert_close("gradient", difference, *expected, 1e-7);
    }
}

#[test]
fn tails_equal_sixty_digit_arithmetic() {
    let tails = goldens().tails;
    for ((u, log_ei), cdf) in tails.u.iter().zip(&tails.log_ei).zip(&tails.log_cdf) {
        let got = log_expected_improvement(-u, 1.0, 0.0);
        assert!((got / log_ei - 1.0).abs() < 1e-10, "LogEI at {u}: {got:e} for {log_ei:e}");
        let got = log_cdf(*u);
        assert!((got - cdf).abs() <= 1e-12 * cdf.abs().max(1e-3), "ln Phi at {u}: {got:e} for {cdf:e}");
    }
}

#[test]
fn leave_one_out_equals_refitting_without_the_point() {
    let case = &goldens().sklearn[0];
    let whole = process_of(case).leave_one_out();
    for left_out in [0, 5, 11] {
        let keep = |i: &usize| *i != left_out;
        let others: Vec<usize> = (0..case.y.len()).filter(keep).collect();
        let fewer = SklearnCase {
            x: others.iter().map(|i| case.x[*i].clone()).collect(),
            y: others.iter().map(|i| case.y[*i]).collect(),
            family: case.family,
            lengths: case.lengths.clone(),
            z: vec![],
            mean: vec![],
            covariance: vec![],
            gradient: vec![],
            ..*case
        };
        let prediction =
            process_of(&fewer).predict(matrix(&case.x[left_out..=left_out]).view()).expect("fits");
        assert_close("mean", whole.mean[left_out], prediction.mean[0], 1e-9);
        assert_close("variance", whole.variance[left_out], prediction.variance[0] + case.noise, 1e-9);
    }
}

#[test]
fn draws_have_the_posterior_moments() {
    let case = &goldens().sklearn[0];
    let process = process_of(case);
    let draws = process.sample(matrix(&case.z).view(), 20_000, Seed::from_u64(1)).expect("fits");
    for i in 0..case.z.len() {
        let sd = case.covariance[i][i].sqrt();
        let column = draws.column(i);
        let mean = column.sum() / 20_000.0;
        // Five standard errors of a mean of 20,000.
        assert!((mean - case.mean[i]).abs() < 5.0 * sd / 20_000_f64.sqrt(), "{mean} {}", case.mean[i]);
        let both = column
            .iter()
            .zip(draws.column(0))
            .map(|(a, b)| (a - case.mean[i]) * (b - case.mean[0]))
            .sum::<f64>();
        let tolerance = 5.0 * sd * case.covariance[0][0].sqrt() * (2.0_f64 / 20_000.0).sqrt();
        assert!((both / 20_000.0 - case.covariance[i][0]).abs() < tolerance);
    }
    assert_eq!(draws, process.sample(matrix(&case.z).view(), 20_000, Seed::from_u64(1)).expect("fits"));
}

#[test]
fn a_fit_finds_which_columns_and_levels_matter() {
    let n = 40;
    let mut stream = Seed::from_u64(7).stream(0);
    let x =
        Array2::from_shape_fn((n, 3), |(_, j)| if j < 2 { stream.unit() } else { stream.index(3) as f64 });
    // The second column does nothing; levels 0 and 1 are the same, level 2 is another function.
    let y: Vec<f64> = x
        .rows()
        .into_iter()
        .map(|row| (5.0 * row[0]).sin() + if row[2] == 2.0 { 1.5 * (3.0 * row[0]).cos() } else { 0.0 })
        .collect();
    let columns = [Column::Number, Column::Number, Column::Category { levels: 3 }];
    let process = GaussianProcess::fit(&columns, x.view(), &y, None, Noise::None).expect("fits");
    let kernel = process.kernel();
    assert!(kernel.length_scales[1] > 5.0 * kernel.length_scales[0], "{kernel:?}");
    let rates = &kernel.category_rates[0];
    assert!(rates[2] > 10.0 * (rates[0] + rates[1]), "{kernel:?}");
    let at = array![[0.4, 0.9, 1.0], [0.4, 0.1, 2.0]];
    let prediction = process.predict(at.view()).expect("fits");
    assert!((prediction.mean[0] - 2.0_f64.sin()).abs() < 0.02, "{prediction:?}");
    assert!((prediction.mean[1] - 2.0_f64.sin() - 1.5 * 1.2_f64.cos()).abs() < 0.05, "{prediction:?}");
}

#[test]
fn a_fit_learns_the_noise_and_uses_known_noise() {
    let mut stream = Seed::from_u64(8).stream(0);
    let x = Array2::from_shape_fn((80, 1), |_| stream.unit());
    let clean: Vec<f64> = x.column(0).iter().map(|x| (6.0 * x).sin()).collect();
    let y: Vec<f64> = clean.iter().map(|y| y + 0.2 * stream.normal()).collect();
    let process = GaussianProcess::fit(&[Column::Number], x.view(), &y, None, Noise::Unknown).expect("fits");
    let sd = process.noise_variance().sqrt();
    assert!((0.15..0.26).contains(&sd), "{sd}");
    let known = vec![0.04; 80];
    let process =
        GaussianProcess::fit(&[Column::Number], x.view(), &y, Some(&known), Noise::None).expect("fits");
    let error = process
        .predict(x.view())
        .expect("fits")
        .mean
        .iter()
        .zip(&clean)
        .map(|(m, y)| (m - y).abs())
        .fold(0.0, f64::max);
    assert!(error < 0.25, "{error}");
}

#[test]
fn rejects_what_does_not_fit() {
    let x = array![[0.0, 1.0], [1.0, 0.0]];
    let columns = [Column::Number, Column::Category { levels: 2 }];
    let fit = |x: &Array2<f64>, y: &[f64]| GaussianProcess::fit(&columns, x.view(), y, None, Noise::Unknown);
    assert!(fit(&x, &[1.0, 2.0]).is_ok());
    assert!(fit(&x, &[1.0]).is_err(), "one value is missing");
    assert!(fit(&x, &[1.0, f64::NAN]).is_err());
    assert!(fit(&array![[0.0, 2.0], [1.0, 0.0]], &[1.0, 2.0]).is_err(), "there is no level 2");
    assert!(fit(&array![[0.0, 0.5], [1.0, 0.0]], &[1.0, 2.0]).is_err(), "levels are whole");
    assert!(fit(&array![[f64::INFINITY, 1.0], [1.0, 0.0]], &[1.0, 2.0]).is_err());
    assert!(fit(&Array2::zeros((0, 2)), &[]).is_err());
    let kernel = |length: f64, rate: f64| Kernel {
        family: KernelFamily::Rbf,
        variance: 1.0,
        length_scales: vec![length],
        category_rates: vec![vec![rate; 2]],
        additive_share: 0.5,
    };
    let condition = |kernel: Kernel, noise: f64| {
        GaussianProcess::condition(&columns, kernel, noise, 0.0, x.view(), &[1.0, 2.0], None)
    };
    assert!(condition(kernel(1.0, 0.1), 0.0).is_ok());
    assert!(condition(kernel(0.0, 0.1), 0.0).is_err());
    assert!(condition(kernel(1.0, -0.1), 0.0).is_err());
    assert!(condition(kernel(1.0, 0.1), f64::NAN).is_err());
    assert!(condition(Kernel { additive_share: 1.5, ..kernel(1.0, 0.1) }, 0.0).is_err());
    assert!(condition(Kernel { length_scales: vec![], ..kernel(1.0, 0.1) }, 0.0).is_err());
}
