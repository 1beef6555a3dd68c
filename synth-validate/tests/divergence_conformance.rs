//! The laws of every divergence.

use synth_core::Divergence;
use synth_core::conformance::DivergenceCaps;
use synth_validate::fidelity::{Bandwidth, Cmmd, Energy, Kid, MmdParams};

const fn caps(symmetric: bool, kernel: bool) -> DivergenceCaps {
    DivergenceCaps { symmetric, p_value: true, kernel, min_rows: 2, rows: 40, dim: 4 }
}

mod mmd_median {
    use super::*;
    fn make() -> Box<dyn Divergence> {
        Box::new(MmdParams::default().build().expect("valid"))
    }
    synth_core::divergence_conformance!(make, caps(false, true));
}

mod mmd_fixed {
    use super::*;
    fn make() -> Box<dyn Divergence> {
        Box::new(MmdParams::default().with_bandwidth(Bandwidth::Fixed(2.0)).build().expect("valid"))
    }
    synth_core::divergence_conformance!(make, caps(true, true));
}

mod energy {
    use super::*;
    fn make() -> Box<dyn Divergence> {
        Box::new(Energy::default())
    }
    synth_core::divergence_conformance!(make, caps(true, false));
}

mod cmmd {
    use super::*;
    fn make() -> Box<dyn Divergence> {
        Box::new(Cmmd::default())
    }
    synth_core::divergence_conformance!(make, caps(true, true));
}

mod kid {
    use super::*;
    fn make() -> Box<dyn Divergence> {
        Box::new(Kid::default())
    }
    synth_core::divergence_conformance!(make, caps(true, true));
}
