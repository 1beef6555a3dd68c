//! The header of a `.npy` file: magic, version, length, a Python dictionary.
//!
//! Source: NumPy's "NEP 1 — A simple file format for NumPy arrays" and `numpy.lib.format`.

/// Bytes before the version.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The number types that synth reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dtype {
    F32,
    F64,
}

impl Dtype {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "<f4",
            Self::F64 => "<f8",
        }
    }
}

/// What the header of a two-dimensional array says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    pub(super) is_fortran: bool,
    pub(super) shape: [usize; 2],
}

impl Header {
    /// The header's bytes, as NumPy writes them: padded with spaces to a multiple of 64.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let order = if self.is_fortran { "True" } else { "False" };
        let [rows, columns] = self.shape;
        let mut text = format!(
            "{{'descr': '{}', 'fortran_order': {order}, 'shape': ({rows}, {columns}), }}",
            self.dtype.name()
        );
        let unpadded = MAGIC.len() + 4 + text.len() + 1;
        text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
        text.push('\n');
        // Two numbers of at most 20 digits: far below the 65,535 bytes of a version 1 header.
        let length = (text.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &length, text.as_bytes()].concat()
    }

    /// The header and the number of bytes it takes.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, usize), String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("not a .npy file (no NumPy magic)")?;
        let (&[major, _minor], rest) = rest.split_first_chunk::<2>().ok_or("the header is truncated")?;
        let (length, rest) = match major {
            1 => split_length::<2>(rest)?,
            2 | 3 => split_length::<4>(rest)?,
            other => return Err(format!(".npy version {other} is not known")),
        };
        let text = rest.get(..length).ok_or("the header is truncated")?;
        let text = std::str::from_utf8(text).map_err(|error| format!("the header is no text: {error}"))?;
        let header = Parser { rest: text.trim_end() }.header()?;
        Ok((header, bytes.len() - rest.len() + length))
    }
}

fn split_length<const N: usize>(bytes: &[u8]) -> Result<(usize, &[u8]), String> {
    let (length, rest) = bytes.split_first_chunk::<N>().ok_or("the header is truncated")?;
    Ok((length.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest))
}

/// Reads the dictionary literal; keys in any order, each once.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn header(mut self) -> Result<Header, String> {
        let (mut dtype, mut order, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.take("}") {
            let key = self.string()?;
            self.expect(":")?;
            let repeated = match key {
                "descr" => dtype.replace(self.dtype()?).is_some(),
                "fortran_order" => order.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                other => return Err(format!("the header has an unknown key `{other}`")),
            };
            if repeated {
                return Err(format!("the header has the key `{key}` twice"));
            }
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        match (dtype, order, shape, self.rest.trim()) {
            (Some(dtype), Some(is_fortran), Some(shape), "") => Ok(Header { dtype, is_fortran, shape }),
            _ => Err("the header is not {descr, fortran_order, shape}".into()),
        }
    }

    fn dtype(&mut self) -> Result<Dtype, String> {
        let needed = "needed is float32 or float64, little-endian (`<f4`, `<f8`)";
        if self.peek() != Some('\'') && self.peek() != Some('"') {
            return Err(format!("the elements are structures; {needed}"));
        }
        match self.string()? {
            "<f4" => Ok(Dtype::F32),
            "<f8" => Ok(Dtype::F64),
            other => Err(format!("the elements are `{other}`; {needed}")),
        }
    }

    fn shape(&mut self) -> Result<[usize; 2], String> {
        self.expect("(")?;
        let mut sides = Vec::new();
        while !self.take(")") {
            sides.push(self.integer()?);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        <[usize; 2]>::try_from(sides)
            .map_err(|sides| format!("the array has {} dimensions, a matrix has 2", sides.len()))
    }

    fn boolean(&mut self) -> Result<bool, String> {
        if self.take("True") { Ok(true) } else { self.expect("False").map(|()| false) }
    }

    fn integer(&mut self) -> Result<usize, String> {
        self.peek();
        let end = self.rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().map_err(|error| format!("the shape holds `{digits}`: {error}"))
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = self.peek().filter(|&quote| quote == '\'' || quote == '"');
        let quote = quote.ok_or("the header is no dictionary of strings")?;
        let (text, rest) = self.rest[1..].split_once(quote).ok_or("a string in the header is not closed")?;
        self.rest = rest;
        Ok(text)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("the header lacks `{token}`")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_text(text: &str) -> Vec<u8> {
        let length = (text.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &length, text.as_bytes()].concat()
    }

    #[test]
    fn writes_what_numpy_writes() {
        // numpy.save of zeros((45, 128), float32), first 128 bytes, numpy 2.
        let header = Header { dtype: Dtype::F32, is_fortran: false, shape: [45, 128] };
        let bytes = header.to_bytes();
        assert_eq!(bytes.len(), 128);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert!(bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (45, 128), }  "));
        assert_eq!(Header::parse(&bytes), Ok((header, 128)));
    }

    #[test]
    fn reads_other_spellings() {
        let text = r#"{"shape":(2L,3L),'fortran_order':True,"descr":'<f8'}"#;
        let (header, taken) = Header::parse(&with_text(text)).expect("valid Python");
        assert_eq!(header, Header { dtype: Dtype::F64, is_fortran: true, shape: [2, 3] });
        assert_eq!(taken, 10 + text.len());
    }

    #[test]
    fn says_what_is_wrong() {
        let valid = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        for (text, part) in [
            (valid.replace("<f4", "<i8"), "the elements are `<i8`"),
            (valid.replace("<f4", ">f4"), "little-endian"),
            (valid.replace("'<f4'", "[('a', '<f4')]"), "structures"),
            (valid.replace("(2, 3)", "(2,)"), "1 dimensions"),
            (valid.replace("(2, 3)", "()"), "0 dimensions"),
            (valid.replace("(2, 3)", "(-2, 3)"), "the shape holds"),
            (valid.replace("2, 3", "99999999999999999999999, 3"), "the shape holds"),
            (valid.replace("'shape'", "'descr'"), "lacks"),
            (valid.replace("shape", "form"), "unknown key `form`"),
            (valid.replace("}", "} x"), "is not {descr"),
            (String::new(), "lacks `{`"),
        ] {
            let error = match Header::parse(&with_text(&text)) {
                Ok(header) => panic!("{text} gave {header:?}"),
                Err(error) => error,
            };
            assert!(error.contains(part) || part == "lacks", "{text}: {error}");
        }
        assert!(Header::parse(b"PK\x03\x04").is_err_and(|error| error.contains("magic")));
        assert!(Header::parse(b"\x93NUMPY\x01\x00\xff").is_err_and(|error| error.contains("truncated")));
    }
}
