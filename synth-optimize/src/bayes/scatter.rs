//! How much noisier one point is than another, from the scatter of its replications.

/// The scatter of one point's replications.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scatter {
    /// Replications less one.
    pub(crate) freedom: f64,
    /// Sum of squares about their mean.
    pub(crate) squares: f64,
}

/// Points whose scatter must be known before they may differ in noise.
const ENOUGH: usize = 8;

/// The noise variance of each point relative to the pooled one, which stays what all replications together
/// make most probable.
///
/// A handful of replications says little about one point's variance, but all points together say how much
/// variances differ. With `s_i²` on `d_i` degrees of freedom and σ_i² drawn from a scaled inverse χ²
/// distribution of `d_0` degrees about `s_0²`, both fitted to the mean and variance of `ln s_i²`,
///
/// ```text
/// σ̃_i² = (d_0 s_0² + d_i s_i²)/(d_0 + d_i)
/// ```
///
/// (Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", §6.2,
/// as in limma's `squeezeVar`). Where the `s_i²` vary no more than chance leads to expect, `d_0` is infinite and
/// all ratios are 1; so they are for fewer than eight points, and where one has no scatter at all.
pub(crate) fn relative_variances(points: &[Scatter]) -> Vec<f64> {
    let even = vec![1.0; points.len()];
    let pooled =
        points.iter().map(|p| p.squares).sum::<f64>() / points.iter().map(|p| p.freedom).sum::<f64>();
    let usable = pooled.is_finite() && points.iter().all(|p| p.squares > 0.0 && p.freedom >= 1.0);
    if points.len() < ENOUGH || !usable {
        return even;
    }
    let Some((prior_freedom, prior_variance)) = prior(points) else { return even };
    let squeezed = |p: &Scatter| (prior_freedom * prior_variance + p.squares) / (prior_freedom + p.freedom);
    let ratios: Vec<f64> = points.iter().map(|p| squeezed(p) / pooled).collect();
    // On the scale on which the pooled variance is still the most probable one: Σ S_i/r_i = Σ S_i.
    let scaled: f64 = points.iter().zip(&ratios).map(|(p, ratio)| p.squares / ratio).sum();
    let scale = scaled / points.iter().map(|p| p.squares).sum::<f64>();
    ratios.into_iter().map(|ratio| ratio * scale).collect()
}

/// d_0 and s_0², or `None` where d_0 is infinite.
fn prior(points: &[Scatter]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let centred = |p: &Scatter| {
        let half = 0.5 * p.freedom;
        libm::log(p.squares / p.freedom) - digamma(half) + libm::log(half)
    };
    let mean = points.iter().map(centred).sum::<f64>() / n;
    let square = |p: &Scatter| (centred(p) - mean) * (centred(p) - mean) * n / (n - 1.0);
    let excess = points.iter().map(|p| square(p) - trigamma(0.5 * p.freedom)).sum::<f64>() / n;
    if excess <= 0.0 {
        return None;
    }
    let half = inverse_trigamma(excess);
    Some((2.0 * half, libm::exp(mean + digamma(half) - libm::log(half))))
}

/// ψ(x) for x > 0: the recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.5, 6.3.18).
fn digamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 10.0 {
        below += 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r / 132.0))));
    libm::log(x) - 0.5 / x - series - below
}

/// ψ′(x) for x > 0 (Abramowitz & Stegun 6.4.6, 6.4.12).
fn trigamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 10.0 {
        below += 1.0 / (x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r * (1.0 / 30.0 - r * 5.0 / 66.0))));
    1.0 / x + 0.5 * r + series / x + below
}

/// x with ψ′(x) = y: ψ′ falls from infinity to 0, so by bisection of ln x.
fn inverse_trigamma(y: f64) -> f64 {
    let (mut low, mut high) = (libm::log(1e-6), libm::log(1e9));
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if trigamma(libm::exp(middle)) > y { low = middle } else { high = middle }
    }
    libm::exp(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_functions_are_those_of_scipy() {
        // scipy.special.digamma and polygamma(1, ·), SciPy 1.17.
        for (x, psi, slope) in [
            (0.5, -1.963_510_026_021_423_5, 4.934_802_200_544_68),
            (1.0, -0.577_215_664_901_532_9, 1.644_934_066_848_226_4),
            (7.3, 1.917_820_335_637_986, 0.146_795_768_131_427_03),
            (1e4, 9.210_290_371_142_849, 1.000_050_001_666_666_5e-4),
        ] {
            assert!((digamma(x) / psi - 1.0).abs() < 1e-12, "{x}: {}", digamma(x));
            assert!((trigamma(x) / slope - 1.0).abs() < 1e-12, "{x}: {}", trigamma(x));
            assert!((inverse_trigamma(slope) / x - 1.0).abs() < 1e-9, "{x}");
        }
    }

    fn scatters(variances: &[f64], freedoms: &[f64]) -> Vec<Scatter> {
        let scatter = |(s, freedom): (&f64, &f64)| Scatter { freedom: *freedom, squares: s * freedom };
        variances.iter().zip(freedoms).map(scatter).collect()
    }

    #[test]
    fn variances_are_squeezed_as_the_formulas_say() {
        // d_0 = 2.2432, s_0² = 0.38521 by SciPy's digamma, polygamma and brentq, and the posterior of them
        let points = scatters(
            &[0.1, 0.2, 4.0, 0.15, 3.0, 0.05, 1.0, 2.5, 0.3, 0.12],
            &[2.0, 3.0, 2.0, 3.0, 4.0, 2.0, 3.0, 2.0, 5.0, 3.0],
        );
        // on the scale of the pooled one.
        let expected = [
            0.230_301_261,
            0.256_437_184,
            1.918_442_062,
            0.230_164_669,
            1.892_249_758,
            0.208_658_431,
            0.676_797_431,
            1.269_157_138,
            0.299_737_602,
            0.214_401_159,
        ];
        for (got, expected) in relative_variances(&points).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-8, "{got} {expected}");
        }
    }

    #[test]
    fn what_chance_explains_is_not_taken_for_a_difference() {
        let alike = scatters(&[0.9, 1.1, 1.0, 1.2, 0.8, 1.0, 0.95, 1.05], &[3.0; 8]);
        assert_eq!(relative_variances(&alike), [1.0; 8]);
        let few = scatters(&[0.01, 100.0, 0.01], &[3.0; 3]);
        assert_eq!(relative_variances(&few), [1.0; 3]);
        let one_without = scatters(&[0.0, 1.0, 5.0, 0.1, 9.0, 0.1, 3.0, 2.0, 1.0], &[2.0; 9]);
        assert_eq!(relative_variances(&one_without), [1.0; 9]);
    }
}
