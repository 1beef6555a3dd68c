/// Where in a checkpoint a tensor lies that a model asks for by its own name.
///
/// Families of checkpoints differ in names, in whether query, key and value are one tensor or three, and
/// in which way round a matrix is. A model asks for one layout; a function from its names to sources
/// reads another.
///
/// # Examples
/// A checkpoint with one tensor for query, key and value, read by a model that asks for three:
/// ```
/// use synth_embed::weights::Source;
///
/// let fused = |name: &str| match name.strip_suffix("query.weight") {
///     Some(block) => Source::part(format!("{block}qkv.weight"), 0, 3),
///     None => Source::tensor(name),
/// };
/// assert_eq!(fused("blocks.0.attn.query.weight"), Source::part("blocks.0.attn.qkv.weight", 0, 3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The tensor of this name, as it is.
    Tensor(String),
    /// The `index`-th (from 0) of `of` equal parts of a tensor along its first axis.
    Part {
        /// Name of the tensor.
        name: String,
        /// Which part.
        index: usize,
        /// Number of parts.
        of: usize,
    },
    /// Tensors one after another along their first axis.
    Stacked(Vec<String>),
    /// A matrix with its two axes exchanged.
    Transposed(String),
}

impl Source {
    /// The tensor of this name, as it is.
    pub fn tensor(name: impl Into<String>) -> Self {
        Self::Tensor(name.into())
    }

    /// The `index`-th (from 0) of `of` equal parts of a tensor along its first axis.
    pub fn part(name: impl Into<String>, index: usize, of: usize) -> Self {
        Self::Part { name: name.into(), index, of }
    }

    /// Tensors one after another along their first axis.
    pub fn stacked<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Stacked(names.into_iter().map(Into::into).collect())
    }

    /// A matrix with its two axes exchanged.
    pub fn transposed(name: impl Into<String>) -> Self {
        Self::Transposed(name.into())
    }

    /// The names of all tensors that it is made of.
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::Tensor(name) | Self::Part { name, .. } | Self::Transposed(name) => {
                std::slice::from_ref(name)
            }
            Self::Stacked(names) => names,
        }
    }

    /// Its shape, given those of the tensors it is made of in the order of [`names`](Self::names); `None`
    /// where they do not go together.
    pub(super) fn shape(&self, shapes: &[&[usize]]) -> Option<Vec<usize>> {
        let (first, others) = shapes.split_first()?;
        match self {
            Self::Tensor(_) => Some(first.to_vec()),
            Self::Part { index, of, .. } => {
                let (rows, rest) = first.split_first()?;
                let part = rows.checked_div(*of).filter(|part| part * of == *rows && index < of)?;
                Some([&[part], rest].concat())
            }
            Self::Stacked(_) => {
                let (rows, rest) = first.split_first()?;
                let rows = others.iter().try_fold(*rows, |sum, shape| {
                    let (more, others) = shape.split_first()?;
                    if others == rest { sum.checked_add(*more) } else { None }
                })?;
                Some([&[rows], rest].concat())
            }
            Self::Transposed(_) => match first {
                [rows, columns] => Some(vec![*columns, *rows]),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_the_source() {
        assert_eq!(Source::tensor("a").shape(&[&[2, 3]]), Some(vec![2, 3]));
        assert_eq!(Source::part("a", 2, 3).shape(&[&[9, 4]]), Some(vec![3, 4]));
        assert_eq!(Source::stacked(["a", "b"]).shape(&[&[2, 3], &[4, 3]]), Some(vec![6, 3]));
        assert_eq!(Source::transposed("a").shape(&[&[2, 3]]), Some(vec![3, 2]));
    }

    #[test]
    fn tensors_that_do_not_go_together_have_no_shape() {
        assert_eq!(Source::part("a", 3, 3).shape(&[&[9, 4]]), None);
        assert_eq!(Source::part("a", 0, 0).shape(&[&[9, 4]]), None);
        assert_eq!(Source::part("a", 0, 2).shape(&[&[9, 4]]), None);
        assert_eq!(Source::part("a", 0, 1).shape(&[&[]]), None);
        assert_eq!(Source::stacked(["a", "b"]).shape(&[&[2, 3], &[2, 4]]), None);
        assert_eq!(Source::Stacked(Vec::new()).shape(&[]), None);
        assert_eq!(Source::transposed("a").shape(&[&[2, 3, 4]]), None);
    }
}
