//! The part of a graph that one output needs, and whether it can be run.

use std::collections::BTreeSet;
use std::path::Path;

use synth_core::{Error, Result};
use tract_onnx::pb::{GraphProto, NodeProto};

use super::outlets::list;
use crate::weights::error::corrupt;

/// Domains whose operators tract knows by their bare names.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// With one of these a row depends on chance.
const RANDOM: [&str; 6] =
    ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];

/// The name of the output to take: the one asked for, or the only one.
pub(super) fn choose_output(graph: &GraphProto, wanted: Option<&str>) -> Result<String> {
    match (wanted, graph.output.as_slice()) {
        (Some(name), outputs) if outputs.iter().any(|output| output.name == name) => Ok(name.to_owned()),
        (None, [output]) => Ok(output.name.clone()),
        (wanted, outputs) => {
            let expected = format!("one of {}", list(outputs));
            Err(Error::invalid("output", expected, wanted.unwrap_or("none")))
        }
    }
}

/// Removes what `output` does not depend on, and everything declared of values between input and output,
/// which follows from the shape of the input.
///
/// # Errors
/// [`Error::Corrupt`] for a node whose input nothing before it makes: the nodes of an ONNX graph are sorted.
pub(super) fn prune(graph: &mut GraphProto, output: &str, path: &Path) -> Result<()> {
    let mut needed = BTreeSet::from([output.to_owned()]);
    let mut kept: Vec<NodeProto> = Vec::new();
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|name| !name.is_empty() && needed.contains(name)) {
            needed.extend(named_in(&node));
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.output.retain(|value| value.name == output);
    graph.output.truncate(1);
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    let stored: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.retain(|value| needed.contains(&value.name) && !stored.contains(value.name.as_str()));
    graph.value_info.clear();
    check_order(graph, output, path)
}

fn check_order(graph: &GraphProto, output: &str, path: &Path) -> Result<()> {
    let stored = graph.initializer.iter().map(|tensor| &tensor.name);
    let mut made: BTreeSet<&str> =
        graph.input.iter().map(|value| &value.name).chain(stored).map(String::as_str).collect();
    for node in &graph.node {
        if let Some(missing) =
            node.input.iter().find(|name| !name.is_empty() && !made.contains(name.as_str()))
        {
            let problem = format!("nothing before {} makes its input `{missing}`", words(node));
            return Err(corrupt(path, problem));
        }
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if !made.insert(name) {
                return Err(corrupt(path, format!("`{name}` is made twice")));
            }
        }
    }
    if made.contains(output) {
        Ok(())
    } else {
        Err(corrupt(path, format!("nothing makes its output `{output}`")))
    }
}

/// # Errors
/// [`Error::Unsupported`] naming every operator that tract does not know, or that draws random numbers.
pub(super) fn check_operators(graph: &GraphProto, path: &Path) -> Result<()> {
    let known = tract_onnx::onnx().op_register.0;
    let (mut unknown, mut random) = (BTreeSet::new(), BTreeSet::new());
    each_node(graph, &mut |node| {
        let is_known = DOMAINS.contains(&node.domain.as_str()) && known.contains_key(&node.op_type);
        if RANDOM.contains(&node.op_type.as_str()) {
            random.insert(operator(node));
        } else if !is_known {
            unknown.insert(operator(node));
        }
    });
    let refuse = |which: BTreeSet<String>, reason: &str| {
        let which = which.into_iter().collect::<Vec<_>>().join(", ");
        let what = format!("operator {which} of `{}`", path.display());
        Err(Error::Unsupported { what, reason: reason.to_owned() })
    };
    if !random.is_empty() {
        return refuse(random, "its output would depend on chance; export the model for inference");
    }
    if !unknown.is_empty() {
        return refuse(unknown, "tract, which runs the models, does not have it; export with another opset");
    }
    Ok(())
}

fn operator(node: &NodeProto) -> String {
    if node.domain.is_empty() { node.op_type.clone() } else { format!("{}:{}", node.domain, node.op_type) }
}

fn words(node: &NodeProto) -> String {
    format!("the node `{}` ({})", node.name, operator(node))
}

fn each_node(graph: &GraphProto, visit: &mut dyn FnMut(&NodeProto)) {
    for node in &graph.node {
        visit(node);
        subgraphs(node).for_each(|graph| each_node(graph, visit));
    }
}

/// Branches and bodies of loops.
fn subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// The values that a node reads, those that its subgraphs take from around them included. Names that a subgraph
/// makes itself are among them, and harmless.
fn named_in(node: &NodeProto) -> Vec<String> {
    let mut names = node.input.clone();
    for graph in subgraphs(node) {
        names.extend(graph.output.iter().map(|value| value.name.clone()));
        each_node(graph, &mut |node| names.extend(node.input.iter().cloned()));
    }
    names
}
