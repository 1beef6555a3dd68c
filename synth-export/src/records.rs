use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synth_core::{Annotation, Error, ParameterSet, ParameterValue, Result, Sample, Segmentation};

/// Which part of an experiment a sample belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetType {
    /// The target, or a user's own image.
    Real,
    /// Drawn near the hidden truth, for comparison.
    Close,
    /// Drawn far from it, for comparison.
    Far,
    /// Made during calibration or from its result.
    Synthetic,
}

/// One line of `samples.jsonl`: everything known of a sample but its pixels.
///
/// All keys are always written, so that a table reader finds the same columns in every line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRecord {
    /// Unique within the dataset or run; also the name of its files.
    pub sample_id: String,
    /// The iteration that made it; `None` outside a calibration.
    pub iteration: Option<u32>,
    /// Which part of the experiment it belongs to.
    pub dataset_type: DatasetType,
    /// What is independent: permutations, bootstraps and splits act on groups.
    pub group: String,
    /// Name of its parameter set.
    pub param_set_id: String,
    /// Number of this replication of the parameter set.
    pub replication_seed: u64,
    /// The base image it was made on, where there is one.
    pub base_image_id: Option<String>,
    /// The parameters it was made with.
    pub params: ParameterSet,
    /// What the generator drew itself.
    pub uncontrolled_params: BTreeMap<String, ParameterValue>,
    /// Exact labels.
    pub annotations: Vec<Annotation>,
    /// The run's `created_at`, the same for every record of a run.
    pub timestamp: String,
}

/// What a record needs to know beyond the sample itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordContext {
    /// See [`SampleRecord::iteration`].
    pub iteration: Option<u32>,
    /// See [`SampleRecord::dataset_type`].
    pub dataset_type: DatasetType,
    /// See [`SampleRecord::group`].
    pub group: String,
    /// See [`SampleRecord::param_set_id`].
    pub param_set_id: String,
    /// See [`SampleRecord::replication_seed`].
    pub replication_seed: u64,
    /// See [`SampleRecord::timestamp`].
    pub timestamp: String,
}

impl RecordContext {
    /// For a sample outside a calibration: synthetic, its parameter set named by its fingerprint and
    /// being its group, its index as the replication.
    #[must_use]
    pub fn synthetic<T>(sample: &Sample<T>, timestamp: &str) -> Self {
        let request = &sample.provenance.request;
        let param_set_id = request.params.fingerprint();
        Self {
            iteration: None,
            dataset_type: DatasetType::Synthetic,
            group: param_set_id.clone(),
            param_set_id,
            replication_seed: request.index,
            timestamp: timestamp.to_owned(),
        }
    }
}

impl SampleRecord {
    /// The record of a sample; `base_image_id` is the input named `base_image`.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming the key: JSON has no NaN, it would silently become `null`.
    pub fn new<T>(sample_id: impl Into<String>, sample: &Sample<T>, context: RecordContext) -> Result<Self> {
        let provenance = &sample.provenance;
        let record = Self {
            sample_id: sample_id.into(),
            iteration: context.iteration,
            dataset_type: context.dataset_type,
            group: context.group,
            param_set_id: context.param_set_id,
            replication_seed: context.replication_seed,
            base_image_id: provenance.inputs.get("base_image").cloned(),
            params: provenance.request.params.clone(),
            uncontrolled_params: provenance.uncontrolled.clone(),
            annotations: sample.annotations.clone(),
            timestamp: context.timestamp,
        };
        record.check_finite()?;
        Ok(record)
    }

    fn check_finite(&self) -> Result<()> {
        let params = self.params.iter().map(|(name, value)| (format!("params.{name}"), value));
        let uncontrolled = self.uncontrolled_params.iter();
        let uncontrolled = uncontrolled.map(|(name, value)| (format!("uncontrolled_params.{name}"), value));
        let bad = params.chain(uncontrolled).find(|(_, value)| !is_finite(value)).map(|(at, _)| at);
        let bad = bad.or_else(|| {
            let place = self.annotations.iter().position(|annotation| !is_annotation_finite(annotation))?;
            Some(format!("annotations[{place}]"))
        });
        match bad {
            Some(at) => Err(Error::NonFinite { what: format!("the record of `{}`", self.sample_id), at }),
            None => Ok(()),
        }
    }
}

fn is_finite(value: &ParameterValue) -> bool {
    match value {
        ParameterValue::Float(value) => value.is_finite(),
        ParameterValue::Simplex(shares) => shares.iter().all(|share| share.is_finite()),
        ParameterValue::Int(_) | ParameterValue::Choice(_) => true,
    }
}

fn is_annotation_finite(annotation: &Annotation) -> bool {
    let Annotation::Instance(instance) = annotation else { return true };
    let outline = match &instance.segmentation {
        Segmentation::Polygons(polygons) => polygons.iter().flatten().all(|value| value.is_finite()),
        Segmentation::Rle(_) => true,
    };
    outline
        && instance.bbox.iter().all(|value| value.is_finite())
        && instance.attributes.values().all(is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;
    use crate::{parse_json_lines, to_json_lines};
    use std::path::Path;

    #[test]
    fn the_keys_are_those_of_the_design() {
        let sample = sample(3);
        let context = RecordContext::synthetic(&sample, "2026-11-21T00:00:00Z");
        let record = SampleRecord::new("s_000", &sample, context).expect("finite");
        let json: serde_json::Value = serde_json::to_value(&record).expect("JSON");
        let keys: Vec<&str> = json.as_object().expect("object").keys().map(String::as_str).collect();
        let mut expected = [
            "sample_id",
            "iteration",
            "dataset_type",
            "group",
            "param_set_id",
            "replication_seed",
            "base_image_id",
            "params",
            "uncontrolled_params",
            "annotations",
            "timestamp",
        ];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(json["dataset_type"], "synthetic");
        assert_eq!(json["base_image_id"], "die_1");
        let instance = json["annotations"][0].as_object().expect("instance");
        for key in ["category", "bbox", "area", "visible", "segmentation", "attributes"] {
            assert!(instance.contains_key(key), "{key}");
        }
    }

    #[test]
    fn reads_back_equal() {
        let sample = sample(5);
        let context = RecordContext::synthetic(&sample, "t");
        let records = vec![SampleRecord::new("a", &sample, context).expect("finite")];
        let bytes = to_json_lines(&records).expect("JSON");
        assert_eq!(parse_json_lines::<SampleRecord>(Path::new("s"), &bytes).expect("its own"), records);
    }

    #[test]
    fn nan_is_refused_with_its_key() {
        let mut sample = sample(1);
        sample.provenance.uncontrolled.insert("rotation".into(), ParameterValue::Float(f64::NAN));
        let context = RecordContext::synthetic(&sample, "t");
        let error = SampleRecord::new("a", &sample, context).expect_err("NaN");
        assert!(error.to_string().contains("uncontrolled_params.rotation"), "{error}");
    }
}
