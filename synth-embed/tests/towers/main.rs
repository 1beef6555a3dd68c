//! CLIP, SigLIP and BERT as embedders. That their numbers are those of the references is tested beside the
//! networks as well, block by block.

mod bert;
mod clip;
mod misshapen;
mod reference;
mod siglip;
