//! `synth generate`: labelled samples in shards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use synth_core::{Error, ParameterDistribution, ParameterSpace, Progress, Request, Result, Seed};
use synth_export::{
    Damage, Dataset, DatasetHead, DatasetWriter, PngCodec, RecordContext, SampleRecord, ShardWriter,
};

use super::shards::Share;
use super::source::Source;
use crate::args::GenerateArguments;
use crate::config::GeneratorChoice;
use crate::context::Context;
use crate::failure::Failure;
use crate::generators::{self, ImageGenerator};
use crate::host;
use crate::talk::{print, print_json};

/// What was typed, built and checked.
struct Order {
    recipe: Recipe,
    generator: Box<ImageGenerator>,
    seed: Seed,
    share: Share,
}

/// All that the dataset depends on; its text is the dataset's configuration.
#[derive(Debug, Serialize)]
struct Recipe {
    generator: GeneratorChoice,
    seed: u64,
    count: u64,
    shard_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_images_blake3: Option<String>,
    space: ParameterSpace,
    distribution: ParameterDistribution,
}

/// Makes the dataset, or the shards of it that are this process's.
pub(crate) fn generate(arguments: &GenerateArguments, context: &Context) -> Result<(), Failure> {
    let order = Order::read(arguments, context)?;
    let recipe =
        serde_saphyr::to_string(&order.recipe).map_err(|source| Error::component("configuration", source))?;
    let about = BTreeMap::from([
        ("created_at".to_owned(), context.created_at()),
        ("synth".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("seed".to_owned(), order.recipe.seed.to_string()),
        ("device".to_owned(), "cpu".to_owned()),
        ("cpu".to_owned(), host::cpu()),
    ]);
    let head = DatasetHead { config: recipe, about };
    let dataset = DatasetWriter::open(&arguments.out, &head, Arc::new(PngCodec), true).map_err(|error| {
        let other = matches!(&error, Error::InvalidParam { .. } | Error::AlreadyExists { .. });
        let failure = Failure::from(error);
        if other { failure.hint("choose another folder: --out DIR") } else { failure }
    })?;
    if dataset.is_complete() {
        check_whole(&arguments.out)?;
    }
    let made = order.make(&dataset, context).map_err(|failure| {
        if failure.is_interruption() {
            failure.hint("give the same command again to go on; finished shards are kept")
        } else {
            failure
        }
    })?;
    conclude(&order, &dataset, arguments, made, context)
}

/// A complete dataset must still be what its manifest says.
fn check_whole(root: &Path) -> Result<(), Failure> {
    match Damage::to_error(&Dataset::open(root)?.verify(), root) {
        None => Ok(()),
        Some(error) => {
            let hint = format!("or remove {} and give the same command again", root.display());
            Err(Failure::from(error).hint(hint))
        }
    }
}

impl Order {
    fn read(arguments: &GenerateArguments, context: &Context) -> Result<Self, Failure> {
        let share = Share::read(arguments.shard.as_deref())?;
        let Source { calibrated, bases, image_size } = Source::read(arguments)?;
        let size = bases.size_warning(&calibrated.distribution, &calibrated.param_bounds);
        for warning in bases.warnings.iter().chain(&size) {
            context.talk.say(format!("warning: {warning}"));
        }
        let base_images_blake3 = bases.blake3.clone();
        let generator = generators::build(&calibrated.generator, &calibrated.param_bounds, bases)?;
        let seed = context.seed.unwrap_or(0);
        let recipe = Recipe {
            generator: calibrated.generator,
            seed,
            count: arguments.count,
            shard_size: arguments.shard_size,
            image_size,
            base_images_blake3,
            space: calibrated.param_bounds,
            distribution: calibrated.distribution,
        };
        Ok(Self { recipe, generator, seed: Seed::from_u64(seed), share })
    }

    fn shards(&self) -> u64 {
        self.recipe.count.div_ceil(self.recipe.shard_size)
    }

    fn make(&self, dataset: &DatasetWriter, context: &Context) -> Result<u64, Failure> {
        let (progress, mut made) = (context.talk.progress(), 0);
        let size_of = |shard: u64| self.range(shard).1 - self.range(shard).0;
        let own: Vec<u64> = (0..self.shards()).filter(|&shard| self.share.holds(shard)).collect();
        let created_at = dataset.about().get("created_at").cloned().unwrap_or_default();
        progress.start("generating", Some(own.iter().copied().map(size_of).sum()));
        for shard in own {
            match dataset.begin(shard)? {
                None => progress.advance(size_of(shard)),
                Some(writer) => {
                    self.make_shard(shard, writer, &created_at, context, progress.as_ref())?;
                    made += size_of(shard);
                }
            }
        }
        progress.finish();
        Ok(made)
    }

    /// First index of a shard, and one past its last.
    fn range(&self, shard: u64) -> (u64, u64) {
        let first = shard * self.recipe.shard_size;
        (first, (first + self.recipe.shard_size).min(self.recipe.count))
    }

    fn make_shard(
        &self,
        shard: u64,
        mut writer: ShardWriter<'_>,
        created_at: &str,
        context: &Context,
        progress: &dyn Progress,
    ) -> Result<()> {
        let (first, end) = self.range(shard);
        let mut missing = Vec::new();
        for from in (first..end).step_by(context.batch_size) {
            context.cancel.check()?;
            let indices: Vec<u64> = (from..end.min(from + context.batch_size as u64)).collect();
            let requests =
                indices.iter().map(|&index| self.request("sample", index)).collect::<Result<_>>()?;
            missing.extend(self.write(&mut writer, &indices, requests, created_at)?);
            progress.advance(indices.len() as u64);
        }
        self.top_up(shard, &mut writer, missing, created_at, context)?;
        writer.finish()
    }

    /// Makes samples that failed again, from the shard's own unbounded stream of requests.
    fn top_up(
        &self,
        shard: u64,
        writer: &mut ShardWriter<'_>,
        mut missing: Vec<u64>,
        created_at: &str,
        context: &Context,
    ) -> Result<()> {
        let purpose = format!("top-up of shard {shard}");
        // The lowest index first, whatever the batches were.
        missing.sort_unstable_by(|a, b| b.cmp(a));
        for attempt in 0.. {
            let Some(index) = missing.pop() else { break };
            if attempt >= ATTEMPTS {
                let reason = format!("{ATTEMPTS} attempts to replace failed samples failed too");
                return Err(Error::Unsupported { what: format!("shard {shard}"), reason });
            }
            context.cancel.check()?;
            let requests = vec![self.request(&purpose, attempt)?];
            missing.extend(self.write(writer, &[index], requests, created_at)?);
        }
        Ok(())
    }

    fn request(&self, purpose: &str, index: u64) -> Result<Request> {
        let seed = self.seed.derive(&format!("generate/{purpose}"));
        let mut stream = seed.derive("parameters").stream(index);
        let params = self.recipe.distribution.draw(&self.recipe.space, &mut stream)?;
        Ok(Request::new(params, seed, index))
    }

    /// Generates and writes samples under the ids of `indices`; gives the indices that failed.
    fn write(
        &self,
        writer: &mut ShardWriter<'_>,
        indices: &[u64],
        requests: Vec<Request>,
        created_at: &str,
    ) -> Result<Vec<u64>> {
        let (mut samples, mut records, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for (result, &index) in self.generator.generate(&requests)?.into_iter().zip(indices) {
            let Ok(sample) = result else {
                failed.push(index);
                continue;
            };
            // Every sample's parameters are drawn for it alone, so it is independent of the others also
            // where the distribution is a single set.
            let id = self.sample_id(index);
            let context =
                RecordContext { group: id.clone(), ..RecordContext::synthetic(&sample, created_at) };
            records.push(SampleRecord::new(id, &sample, context)?);
            samples.push(sample);
        }
        writer.write(&samples, &records)?;
        Ok(failed)
    }

    fn sample_id(&self, index: u64) -> String {
        let width = (self.recipe.count - 1).to_string().len().max(6);
        format!("{}_{index:0width$}", self.recipe.generator.name)
    }
}

/// Failed samples in a shard that are replaced before the generator counts as unable.
const ATTEMPTS: u64 = 10_000;

fn conclude(
    order: &Order,
    dataset: &DatasetWriter,
    arguments: &GenerateArguments,
    made: u64,
    context: &Context,
) -> Result<(), Failure> {
    let complete = dataset.finish(0..order.shards())?.is_some();
    let out = arguments.out.display();
    if context.json {
        let count = order.recipe.count;
        print_json(&serde_json::json!({
            "dataset": out.to_string(), "count": count, "made": made, "complete": complete,
        }))?;
    } else {
        print(&format!("{out}\n"))?;
    }
    context.talk.say(match (complete, made) {
        (true, 0) => format!("{out} is complete already; nothing to do"),
        (true, _) => format!("{} samples in {out}, complete with manifest.json", order.recipe.count),
        (false, _) => format!("{made} samples in {out}; other shards of the dataset are missing"),
    });
    Ok(())
}
