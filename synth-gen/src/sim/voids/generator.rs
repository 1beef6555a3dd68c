use std::collections::BTreeMap;

use image::DynamicImage;
use rayon::prelude::*;
use synth_core::{
    Determinism, Error, Generator, ParameterSet, ParameterSpace, Provenance, Request, Result, Sample,
    SampleError,
};

use super::base::BaseImage;
use super::blur::Blur;
use super::layout::{Knobs, Layout};
use super::params::VoidsParams;
use super::scratch::{Scratch, ScratchPool};
use super::shade::Tone;

/// Name and version; the version changes whenever the bytes of an image or a label do.
const NAME: &str = "voids-1";
/// The pin, and the input recorded, that names the base image.
const BASE_IMAGE: &str = "base_image";

/// Draws dark (or light) voids on base images, with exact instance labels.
///
/// ```text
/// mask  = 1 − Π (1 − coverage of void k)            exact, anti-aliased, before the blur
/// alpha = Gaussian(mask; σ = edge_blur)             borders mirrored
/// pixel = base · (1 − alpha · (1 − brightness_factor))
/// ```
///
/// All voids of an image are turned by one angle, and the union is darkened once. Each image takes
/// the size and pixel type of its base. An instance is where the void's own coverage is at least ½; a
/// later void lies on top; one that does not show keeps its record, with area 0. What cannot be drawn
/// this way (texture inside a void, shadows) is not drawn.
///
/// Pin `base_image` chooses a base by its id; otherwise the item's own stream draws one. Pinning the
/// base that would have been drawn changes nothing.
///
/// **Convention.** As [`Instance`](synth_core::Instance): origin at the upper left corner, y down,
/// pixel (i, j) covers [i, i + 1) × [j, j + 1); angles from the x axis towards the y axis, degrees.
/// Borders are mirrored about the border pixel's centre.
///
/// **Rounding.** In fixed point, the same on every machine. Under full coverage a value is within 0.52
/// (8-bit images) or 3 (16-bit images) of the formula. Where the coverage is partial it is itself good
/// to about 0.3 % only, of which 1/510 is its rounding to 1/255 before the blur: a 16-bit image is not
/// rounded to its nearest values there.
///
/// # Examples
/// ```
/// use synth_core::{GeneratorExt, ParameterSet, Request, Seed};
/// use synth_gen::{VoidsParams, builtin_chips};
/// let voids = VoidsParams::default().build(builtin_chips(48)?)?;
/// let mut request = Request::new(ParameterSet::new(), Seed::from_u64(3), 0);
/// request.pins.insert("base_image".into(), "chip_2".into());
/// let sample = voids.generate_one(&request)?;
/// assert_eq!(sample.provenance.inputs["base_image"], "chip_2");
///
/// request.pins.insert("base_image".into(), "chip_9".into());
/// assert!(voids.generate_one(&request).is_err(), "no such base");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Voids {
    params: VoidsParams,
    space: ParameterSpace,
    blur: Blur,
    bases: Vec<BaseImage>,
    scratch: ScratchPool,
}

impl Voids {
    pub(super) fn new(params: VoidsParams, space: ParameterSpace, blur: Blur, bases: Vec<BaseImage>) -> Self {
        Self { params, space, blur, bases, scratch: ScratchPool::default() }
    }

    /// What it was built from.
    #[must_use]
    pub fn params(&self) -> &VoidsParams {
        &self.params
    }

    /// The images that voids are drawn on.
    #[must_use]
    pub fn bases(&self) -> &[BaseImage] {
        &self.bases
    }

    /// What is odd about a parameter set, though it can be drawn: a radius above half the shorter
    /// side of a base, with which a void can hide the whole image. One sentence fragment each.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the set lies outside the space.
    pub fn warnings(&self, params: &ParameterSet) -> Result<Vec<String>> {
        let knobs = Knobs::read(&self.space.resolve(params)?)?;
        let side = |base: &BaseImage| base.image.width().min(base.image.height());
        let shortest = self.bases.iter().min_by_key(|base| side(base));
        Ok(shortest
            .filter(|base| knobs.base_size > 0.5 * f64::from(side(base)))
            .map(|base| {
                format!(
                    "base_size {} px is more than half of the {} px side of base image `{}`; pixel sizes do not \
                     scale with the image",
                    knobs.base_size,
                    side(base),
                    base.id
                )
            })
            .into_iter()
            .collect())
    }

    fn order(&self, request: &Request) -> Result<Order<'_>> {
        let knobs = Knobs::read(&self.space.resolve(&request.params)?)?;
        let mut stream = request.stream();
        let mut base = &self.bases[stream.index(self.bases.len())];
        for (pin, value) in &request.pins {
            if pin != BASE_IMAGE {
                return Err(Error::invalid("pin", BASE_IMAGE, pin));
            }
            let pinned = self.bases.iter().find(|base| base.id == *value);
            base = pinned.ok_or_else(|| Error::invalid(BASE_IMAGE, self.known_bases(), value))?;
        }
        let size = [base.image.width(), base.image.height()];
        let layout = Layout::draw(&knobs, size, self.params.centred, &mut stream);
        Ok(Order { base, tone: Tone::new(knobs.brightness), layout })
    }

    fn known_bases(&self) -> String {
        let ids: Vec<&str> = self.bases.iter().take(8).map(|base| base.id.as_str()).collect();
        let more = if self.bases.len() > 8 { ", …" } else { "" };
        format!("the id of a base image ({}{more})", ids.join(", "))
    }

    fn make(&self, request: &Request, order: &Order<'_>, scratch: &mut Scratch) -> Sample<DynamicImage> {
        let mut item = order.base.image.clone();
        let annotations = scratch.lay_down(&order.layout, [item.width(), item.height()], &self.params);
        scratch.shade(&mut item, &self.blur, order.tone);
        let uncontrolled = [
            ("rotation", order.layout.rotation_deg),
            ("edge_blur", self.blur.sigma()),
            ("outline", self.params.outline),
        ];
        let provenance = Provenance {
            generator: NAME.to_owned(),
            request: request.clone(),
            inputs: BTreeMap::from([(BASE_IMAGE.to_owned(), order.base.id.clone())]),
            uncontrolled: uncontrolled.map(|(name, value)| (name.to_owned(), value.into())).into(),
        };
        Sample { item, annotations, provenance }
    }
}

impl Generator for Voids {
    type Item = DynamicImage;

    fn space(&self) -> &ParameterSpace {
        &self.space
    }

    fn determinism(&self) -> Determinism {
        Determinism::Portable
    }

    fn generate(&self, requests: &[Request]) -> Result<Vec<Result<Sample<DynamicImage>, SampleError>>> {
        let orders = requests.iter().map(|request| self.order(request)).collect::<Result<Vec<_>>>()?;
        Ok(requests
            .par_iter()
            .zip(&orders)
            .map_init(
                || self.scratch.borrow(),
                |scratch, (request, order)| Ok(self.make(request, order, scratch)),
            )
            .collect())
    }
}

/// A request, checked, with everything drawn.
#[derive(Debug)]
struct Order<'a> {
    base: &'a BaseImage,
    tone: Tone,
    layout: Layout,
}
