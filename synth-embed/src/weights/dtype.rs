use std::fmt;

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Dtype {
    /// IEEE 754 binary64, rounded to the nearest f32 when read.
    F64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// One of the eight-bit floats; told apart from weights, not read.
    F8,
    /// Two binary32, real and imaginary; not read.
    C64,
    /// Signed, 64 bits; like all that follow no weight, so its shape is known and it is not read.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 64 bits.
    U64,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl Dtype {
    /// Bytes of one number.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F64 | Self::C64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::F8 | Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether its tensors can be read as f32.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Whether it counts or marks, as `position_ids` and `num_batches_tracked` do, so that a model can
    /// do without.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        !matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16 | Self::F8 | Self::C64)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::F8 => "f8",
            Self::C64 => "c64",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::I8 => "i8",
            Self::U64 => "u64",
            Self::U32 => "u32",
            Self::U16 => "u16",
            Self::U8 => "u8",
            Self::Bool => "bool",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which end of a number comes first in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// Appends the numbers in `bytes`, whose length is a multiple of a number's, as f32.
///
/// `dtype` is readable; of the others nothing is appended.
pub(super) fn append_f32(dtype: Dtype, order: ByteOrder, bytes: &[u8], values: &mut Vec<f32>) {
    use ByteOrder::{Big, Little};
    match (dtype, order) {
        (Dtype::F64, Little) => append(bytes, values, |b| f64::from_le_bytes(b) as f32),
        (Dtype::F64, Big) => append(bytes, values, |b| f64::from_be_bytes(b) as f32),
        (Dtype::F32, Little) => append(bytes, values, f32::from_le_bytes),
        (Dtype::F32, Big) => append(bytes, values, f32::from_be_bytes),
        (Dtype::F16, Little) => append(bytes, values, |b| f32_from_f16(u16::from_le_bytes(b))),
        (Dtype::F16, Big) => append(bytes, values, |b| f32_from_f16(u16::from_be_bytes(b))),
        (Dtype::BF16, Little) => append(bytes, values, |b| f32_from_bf16(u16::from_le_bytes(b))),
        (Dtype::BF16, Big) => append(bytes, values, |b| f32_from_bf16(u16::from_be_bytes(b))),
        _ => {}
    }
}

fn append<const N: usize>(bytes: &[u8], values: &mut Vec<f32>, number: impl Fn([u8; N]) -> f32) {
    let (chunks, _) = bytes.as_chunks::<N>();
    values.extend(chunks.iter().map(|chunk| number(*chunk)));
}

fn f32_from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Exact: every binary16 is a binary32. The payload of a NaN is kept.
fn f32_from_f16(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let mantissa = u32::from(bits & 0x03ff);
    let magnitude = match exponent {
        // Subnormal: mantissa · 2⁻²⁴, which is normal in f32.
        0 => (mantissa as f32 * f32::from_bits((127 - 24) << 23)).to_bits(),
        0x1f => 0xff << 23 | mantissa << 13,
        _ => (exponent + 127 - 15) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IEEE 754-2019, section 3.4: (−1)ˢ · 2ᵉ⁻¹⁵ · (1 + m/1024), or (−1)ˢ · 2⁻¹⁴ · m/1024 for e = 0.
    #[test]
    fn every_half_equals_the_standards_formula() {
        for bits in 0..=u16::MAX {
            let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let found = f32_from_f16(bits);
            match exponent {
                0x1f if mantissa > 0.0 => assert!(found.is_nan(), "{bits:#06x}"),
                0x1f => assert_eq!(f64::from(found), sign * f64::INFINITY, "{bits:#06x}"),
                _ => {
                    let (power, one) = if exponent == 0 { (-14, 0.0) } else { (exponent - 15, 1.0) };
                    let expected = sign * 2_f64.powi(power) * (one + mantissa / 1024.0);
                    assert_eq!(f64::from(found).to_bits(), expected.to_bits(), "{bits:#06x}");
                }
            }
        }
    }

    #[test]
    fn both_byte_orders_give_the_same_numbers() {
        let mut little = Vec::new();
        let mut big = Vec::new();
        for value in [0.0_f64, -0.1, 3.5e-42, 7e33] {
            append_f32(Dtype::F64, ByteOrder::Little, &value.to_le_bytes(), &mut little);
            append_f32(Dtype::F64, ByteOrder::Big, &value.to_be_bytes(), &mut big);
        }
        assert_eq!(little, [0.0, -0.1, 3.5e-42, 7e33]);
        assert_eq!(little, big);
    }
}
