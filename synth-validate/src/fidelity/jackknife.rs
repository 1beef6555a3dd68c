//! Standard errors and intervals.

/// Variance of an estimate by leaving out one group at a time, groups of unequal size allowed:
/// ```text
/// h_j = n / m_j,   t_j = h_j T − (h_j − 1) T₋ⱼ,   T_J = g T − Σ (1 − m_j/n) T₋ⱼ
/// var = (1/g) Σ (t_j − T_J)² / (h_j − 1)
/// ```
/// `left_out` gives each group's number of rows m_j and the estimate without it. With equal groups
/// this is the usual delete-one jackknife. `None` below two groups, or where an estimate cannot be
/// had without some group.
///
/// For a two-sample statistic the variances of the two sides add. Under the null, where a U-statistic
/// is degenerate, the jackknife errs to the high side.
pub(crate) fn delete_a_group(value: f64, left_out: impl Iterator<Item = (f64, Option<f64>)>) -> Option<f64> {
    let parts: Vec<(f64, f64)> =
        left_out.map(|(rows, without)| without.map(|without| (rows, without))).collect::<Option<_>>()?;
    if parts.len() < 2 {
        return None;
    }
    let n: f64 = parts.iter().map(|(rows, _)| rows).sum();
    let groups = parts.len() as f64;
    let centre = groups * value - parts.iter().map(|(rows, without)| (1.0 - rows / n) * without).sum::<f64>();
    let spread = parts.iter().map(|(rows, without)| {
        let h = n / rows;
        let pseudo = h * value - (h - 1.0) * without;
        (pseudo - centre).powi(2) / (h - 1.0)
    });
    Some(spread.sum::<f64>() / groups)
}

/// Standard error of the mean of `values`, one per row, whose rows fall into `groups` stretches
/// that vary together: `Σ_g (Σ_{i∈g} (vᵢ − v̄))² · G/(G−1) / n²`. `None` below two groups.
pub(crate) fn clustered_std_error(
    values: &[f64],
    groups: impl ExactSizeIterator<Item = std::ops::Range<usize>>,
) -> Option<f64> {
    let count = groups.len() as f64;
    if count < 2.0 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = groups.map(|range| values[range].iter().map(|v| v - mean).sum::<f64>().powi(2)).sum();
    Some((squares * count / (count - 1.0)).sqrt() / n)
}

/// `value ± t · error`, t the 97.5 % point of Student's distribution with `degrees` of freedom.
pub(crate) fn student_interval(value: f64, std_error: f64, degrees: usize) -> [f64; 2] {
    let reach = student_975(degrees) * std_error;
    [value - reach + 0.0, value + reach]
}

/// Wilson's interval of a proportion, for the number of independent rows that would have the
/// standard error seen; where that is 0 (nothing or everything hit), the number of groups.
pub(crate) fn wilson_interval(share: f64, std_error: f64, groups: usize) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let n = if std_error > 0.0 { share * (1.0 - share) / (std_error * std_error) } else { groups as f64 };
    let (z2, centre) = (Z * Z / n, share + 0.5 * Z * Z / n);
    let reach = Z * (share * (1.0 - share) / n + 0.25 * z2 / n).sqrt();
    let bound = |at: f64| (at / (1.0 + z2)).clamp(0.0, 1.0);
    let low = if share > 0.0 { bound(centre - reach) } else { 0.0 };
    [low, if share < 1.0 { bound(centre + reach) } else { 1.0 }]
}

/// The 97.5 % point of Student's t: tabulated to 10 degrees of freedom, above that the expansion of
/// Cornish and Fisher in powers of 1/ν, good to 5e-5
/// (Abramowitz and Stegun 26.7.5).
fn student_975(degrees: usize) -> f64 {
    const TABLE: [f64; 10] = [
        12.706_204_7,
        4.302_652_73,
        3.182_446_31,
        2.776_445_11,
        2.570_581_84,
        2.446_911_85,
        2.364_624_25,
        2.306_004_14,
        2.262_157_16,
        2.228_138_85,
    ];
    if let Some(&value) = TABLE.get(degrees.saturating_sub(1)) {
        return value;
    }
    let (z, v) = (1.959_963_984_540_054_f64, degrees as f64);
    let g1 = (z.powi(3) + z) / 4.0;
    let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    let g4 = (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1_482.0 * z.powi(5) - 1_920.0 * z.powi(3) - 945.0 * z)
        / 92_160.0;
    z + g1 / v + g2 / (v * v) + g3 / v.powi(3) + g4 / v.powi(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_points_are_those_of_the_tables() {
        // scipy.stats.t.ppf(0.975, [11, 20, 30, 100]).
        for (degrees, expected) in [(11, 2.20098516), (20, 2.08596345), (30, 2.04227246), (100, 1.98397152)] {
            assert!((student_975(degrees) - expected).abs() < 5e-5, "{degrees} {}", student_975(degrees));
        }
    }

    #[test]
    fn jackknife_of_a_mean_is_the_textbook_standard_error() {
        let values = [1.0_f64, 4.0, 2.0, 9.0, 5.0];
        let mean = values.iter().sum::<f64>() / 5.0;
        let without = |i: usize| (5.0 * mean - values[i]) / 4.0;
        let variance = delete_a_group(mean, (0..5).map(|i| (1.0, Some(without(i))))).expect("five groups");
        let expected = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4.0 / 5.0;
        assert!((variance - expected).abs() < 1e-12);
        let clustered = clustered_std_error(&values, (0..5).map(|i| i..i + 1)).expect("five groups");
        assert!((clustered.powi(2) - expected).abs() < 1e-12);
    }

    #[test]
    fn rows_that_repeat_inside_groups_add_nothing() {
        let single = clustered_std_error(&[1.0, 4.0, 2.0], (0..3).map(|i| i..i + 1));
        let tripled = clustered_std_error(
            &[1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 2.0, 2.0, 2.0],
            (0..3).map(|i| 3 * i..3 * i + 3),
        );
        assert!((single.expect("three") - tripled.expect("three")).abs() < 1e-12);
        assert_eq!(clustered_std_error(&[1.0, 2.0], std::iter::once(0..2)), None);
    }

    #[test]
    fn interval_of_a_perfect_share_is_not_a_point() {
        let [low, high] = wilson_interval(1.0, 0.0, 10);
        // 10 of 10: Wilson's lower bound is 1/(1 + z²/10).
        assert!((low - 0.722_467).abs() < 1e-5 && high == 1.0, "{low} {high}");
        let [low, high] = wilson_interval(0.5, 0.05, 3);
        assert!(low < 0.41 && high > 0.59);
    }
}
