//! One file per command.

mod ask;
mod compare;
mod embed;
mod generate;
mod report;
mod run;
mod shards;
mod source;
mod trials;

pub(crate) use ask::ask;
pub(crate) use compare::compare;
pub(crate) use embed::embed;
pub(crate) use generate::generate;
pub(crate) use report::report;
pub(crate) use run::run;
