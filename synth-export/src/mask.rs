use image::{ImageBuffer, Luma};
use synth_core::{Annotation, Error, Result, Segmentation};

/// An image of instance ids.
pub type InstanceMask = ImageBuffer<Luma<u16>, Vec<u16>>;

/// The ids of the instances that show at each pixel.
///
/// **Convention.** Id i + 1 is `annotations[i]`, 0 is the background; annotations that are no
/// instances, and instances without a visible pixel, use up their number. Where run lengths overlap,
/// the later annotation lies on top. Origin upper left, x to the right, y down.
///
/// # Errors
/// [`Error::Shape`] for run lengths of another image size, [`Error::Unsupported`] for outlines (they
/// have no exact pixels) and for more than 65,535 annotations.
pub fn instance_mask(annotations: &[Annotation], width: u32, height: u32) -> Result<InstanceMask> {
    let mut mask = InstanceMask::new(width, height);
    for (place, annotation) in annotations.iter().enumerate() {
        let Annotation::Instance(instance) = annotation else { continue };
        let id = u16::try_from(place + 1).map_err(|_overflow| Error::Unsupported {
            what: "an instance mask of more than 65,535 annotations".into(),
            reason: format!("ids are 16-bit, there are {} annotations", annotations.len()),
        })?;
        let Segmentation::Rle(rle) = &instance.segmentation else {
            return Err(Error::Unsupported {
                what: format!("an instance mask of outlines (annotation {place})"),
                reason: "only run lengths say exactly which pixels show".into(),
            });
        };
        if rle.size() != [height, width] {
            let expected = vec![height as usize, width as usize];
            let got = rle.size().map(|side| side as usize).to_vec();
            return Err(Error::Shape { what: "segmentation", expected, got });
        }
        for (column, top, rows) in rle.column_runs() {
            for row in top..top + rows {
                mask.put_pixel(column, row, Luma([id]));
            }
        }
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::instance;
    use synth_core::Rle;

    fn void(size: [u32; 2], counts: &[u32]) -> Annotation {
        instance(Rle::new(size, counts.to_vec()).expect("valid"))
    }

    #[test]
    fn ids_follow_the_annotations_and_the_later_lies_on_top() {
        // Two rows, three columns. First: columns 0 and 1. A label. Then the upper pixel of column 1.
        let label = Annotation::Label { category: "bad".into() };
        let annotations = [void([2, 3], &[0, 4, 2]), label, void([2, 3], &[2, 1, 3])];
        let mask = instance_mask(&annotations, 3, 2).expect("valid");
        assert_eq!(mask.into_raw(), [1, 3, 0, 1, 1, 0]);
    }

    #[test]
    fn another_size_is_an_error() {
        let error = instance_mask(&[void([2, 3], &[6])], 2, 3).expect_err("turned");
        assert!(matches!(error, Error::Shape { what: "segmentation", .. }), "{error}");
    }

    #[test]
    fn outlines_are_refused() {
        let mut annotation = void([1, 1], &[1]);
        if let Annotation::Instance(instance) = &mut annotation {
            instance.segmentation = Segmentation::Polygons(vec![vec![0.0, 0.0, 1.0, 0.0, 1.0, 1.0]]);
        }
        assert!(matches!(instance_mask(&[annotation], 1, 1), Err(Error::Unsupported { .. })));
    }
}
