use crate::weights::Source;

/// What a family of checkpoints calls the tensors of a tower, given what the models here call them.
///
/// Here a tower has `blocks.0.norm1.weight`, `blocks.0.attention.qkv.bias` and so on; a table names the
/// part that stands before `.weight` or `.bias`, or the whole.
#[derive(Debug)]
pub(crate) struct Names {
    /// Outside the blocks.
    pub(crate) top: &'static [(&'static str, &'static str)],
    /// What stands before the number of a block.
    pub(crate) blocks: &'static str,
    /// Below a block.
    pub(crate) parts: &'static [(&'static str, &'static str)],
    pub(crate) qkv: QkvNames,
}

/// How queries, keys and values are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum QkvNames {
    /// In three layers, `[dim, dim]` each.
    Apart([&'static str; 3]),
    /// In one of this name and `.weight`, `[3 dim, dim]`, or `.bias`.
    Joined(&'static str),
}

impl Names {
    /// Where the checkpoint keeps the tensor that is called `name` here; under the same name where no
    /// table knows it.
    pub(crate) fn source(&self, name: &str) -> Source {
        let Some((at, part)) = name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) else {
            return Source::tensor(translated(self.top, name));
        };
        let block = format!("{}.{at}", self.blocks);
        let Some(kind) = part.strip_prefix("attention.qkv.") else {
            return Source::tensor(format!("{block}.{}", translated(self.parts, part)));
        };
        match self.qkv {
            QkvNames::Apart(three) => Source::stacked(three.map(|layer| format!("{block}.{layer}.{kind}"))),
            QkvNames::Joined(layer) => Source::tensor(format!("{block}.{layer}.{kind}")),
        }
    }
}

fn translated(table: &[(&str, &str)], name: &str) -> String {
    let find = |wanted: &str| table.iter().find(|(ours, _)| *ours == wanted).map(|(_, theirs)| *theirs);
    match (find(name), name.rsplit_once('.')) {
        (Some(theirs), _) => theirs.to_owned(),
        (None, Some((layer, kind))) => format!("{}.{kind}", find(layer).unwrap_or(layer)),
        (None, None) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_know_layers_and_whole_names() {
        let names = Names {
            top: &[("class_token", "cls_token"), ("norm", "last_norm")],
            blocks: "encoder.layer",
            parts: &[("norm1", "before"), ("scale1", "ls1.gamma")],
            qkv: QkvNames::Apart(["q", "k", "v"]),
        };
        let tensor = |name: &str| Source::tensor(name);
        assert_eq!(names.source("class_token"), tensor("cls_token"));
        assert_eq!(names.source("norm.bias"), tensor("last_norm.bias"));
        assert_eq!(names.source("patches.weight"), tensor("patches.weight"));
        assert_eq!(names.source("blocks.7.norm1.weight"), tensor("encoder.layer.7.before.weight"));
        assert_eq!(names.source("blocks.7.scale1"), tensor("encoder.layer.7.ls1.gamma"));
        let three = ["q", "k", "v"].map(|layer| format!("encoder.layer.7.{layer}.bias"));
        assert_eq!(names.source("blocks.7.attention.qkv.bias"), Source::stacked(three));
        let joined = Names { qkv: QkvNames::Joined("attn.qkv"), ..names };
        assert_eq!(joined.source("blocks.7.attention.qkv.bias"), tensor("encoder.layer.7.attn.qkv.bias"));
    }
}
