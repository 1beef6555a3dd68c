//! What the labels say of the voids that are seen, hidden, or not asked for.

use proptest::prelude::*;
use synth_core::ParameterSet;
use synth_gen::{VoidShape, VoidsParams, builtin_chips};

use super::{bare, draw, flat, instances, mask, number, set};

#[test]
fn hidden_voids_keep_their_record() {
    let voids = bare().build(flat(64, 64, 200)).expect("valid");
    let sample = draw(&voids, set("circle", 5, 8.0, 0.0, 0.0), 0);
    let instances = instances(&sample);
    assert_eq!(instances.len(), 5);
    for void in &instances[..4] {
        assert_eq!((void.area, void.visible, void.bbox), (0, false, [0.0; 4]));
        assert!(!mask(void).contains(&true));
        assert!((number(void, "radius") - 8.0).abs() < 1e-12);
    }
    assert!(instances[4].visible && instances[4].area > 0);
}

#[test]
fn without_labels_the_image_is_the_same() {
    let bases = builtin_chips(64).expect("valid");
    let with = VoidsParams::default().build(bases.clone()).expect("valid");
    let without = VoidsParams { labels: false, ..VoidsParams::default() }.build(bases).expect("valid");
    let (with, without) = (draw(&with, ParameterSet::new(), 1), draw(&without, ParameterSet::new(), 1));
    assert_eq!(with.item, without.item);
    assert!(without.annotations.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn labels_are_consistent(
        shape in prop::sample::select(VoidShape::ALL.to_vec()),
        count in 0_i64..40,
        base_size in 0.0..60.0_f64,
        size_std in 0.0..15.0_f64,
        spread in 0.0..1.0_f64,
        size in (32_u32..200, 32_u32..200),
        index in 0_u64..1000,
    ) {
        let voids = bare().build(flat(size.0, size.1, 1000)).expect("valid");
        let sample = draw(&voids, set(shape.name(), count, base_size, size_std, spread), index);
        let instances = instances(&sample);
        prop_assert_eq!(instances.len() as i64, count);
        let (mut owner, samples) = (vec![false; (size.0 * size.1) as usize], sample.item.to_luma16());
        for void in &instances {
            let mask = mask(void);
            let pixels: Vec<(u32, u32)> = (0..size.0 * size.1)
                .filter(|&at| mask[at as usize])
                .map(|at| (at % size.0, at / size.0))
                .collect();
            prop_assert_eq!(void.area, pixels.len() as u64);
            prop_assert_eq!(void.visible, !pixels.is_empty());
            let bound = |axis: fn(&(u32, u32)) -> u32| {
                let values = pixels.iter().map(axis);
                values.clone().min().zip(values.max()).map_or((0, 0), |(low, high)| (low, high - low + 1))
            };
            let ((x, width), (y, height)) = (bound(|p| p.0), bound(|p| p.1));
            prop_assert_eq!(void.bbox, [x, y, width, height].map(f64::from));
            for &(x, y) in &pixels {
                let at = (y * size.0 + x) as usize;
                prop_assert!(!owner[at], "two instances share a pixel");
                owner[at] = true;
                // Half covered at least, so a quarter darker at least.
                prop_assert!(samples.get_pixel(x, y).0[0] <= 755);
            }
        }
        // Nothing else is more than half covered by one void, so full darkness is labelled.
        for (at, sample) in samples.iter().enumerate().filter(|(at, _)| !owner[*at]) {
            prop_assert!(*sample > 500, "an unlabelled pixel {} is fully dark", at);
        }
    }
}
