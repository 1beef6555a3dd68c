//! Small files that claim much: images, and archives of weights.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// So many zeros in the deflate of PNG and zlib, a thousandth of them.
pub fn deflated_zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for first in (0..bytes).step_by(zeros.len()) {
        encoder.write_all(&zeros[..zeros.len().min(bytes - first)]).expect("in memory");
    }
    encoder.finish().expect("in memory")
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [kind, data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &named, &crc32fast::hash(&named).to_be_bytes()].concat()
}

/// An 8-bit grey PNG with this header, chunks before its pixels, and pixels as they are compressed.
pub fn png((width, height): (u32, u32), before: &[u8], pixels: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let (header, data, end) = (chunk(b"IHDR", &header), chunk(b"IDAT", pixels), chunk(b"IEND", b""));
    [SIGNATURE, &header, before, &data, &end].concat()
}

/// A colour profile that unpacks to this many bytes.
pub fn profile(bytes: usize) -> Vec<u8> {
    chunk(b"iCCP", &[&b"p\0\0"[..], &deflated_zeros(bytes)].concat())
}

/// A comment that unpacks to this many bytes.
pub fn comment(bytes: usize) -> Vec<u8> {
    chunk(b"zTXt", &[&b"Comment\0\0"[..], &deflated_zeros(bytes)].concat())
}

/// A GIF of one frame with a claim.
pub fn gif(side: u16) -> Vec<u8> {
    let side = side.to_le_bytes();
    let screen = [b"GIF89a", &side[..], &side, &[0x80, 0, 0], &[0, 0, 0, 255, 255, 255]].concat();
    [&screen[..], &[0x2c, 0, 0, 0, 0], &side, &side, &[0, 2, 2, 0x4c, 1, 0, 0x3b]].concat()
}

/// A TIFF of one uncompressed strip with a claim and sixteen pixels.
pub fn tiff(side: u32) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let tags = [
        (256, LONG, side),
        (257, LONG, side),
        (258, SHORT, 8),
        (259, SHORT, 1),
        (262, SHORT, 1),
        (273, LONG, 8),
        (277, SHORT, 1),
        (278, LONG, side),
        (279, LONG, side.saturating_mul(side)),
    ];
    let mut bytes =
        [&b"II*\0"[..], &24_u32.to_le_bytes(), &[0; 16], &(tags.len() as u16).to_le_bytes()].concat();
    for (tag, kind, value) in tags {
        bytes.extend([&u16::to_le_bytes(tag)[..], &kind.to_le_bytes(), &1_u32.to_le_bytes()].concat());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

/// A JPEG file with another size in its header.
pub fn jpeg_claiming(jpeg: &[u8], side: u16) -> Vec<u8> {
    let start = jpeg.windows(2).position(|marker| marker == b"\xff\xc0").expect("a baseline JPEG");
    let side = side.to_be_bytes();
    [&jpeg[..start + 5], &side, &side, &jpeg[start + 9..]].concat()
}

/// An entry of a zip file: its name, how it is compressed, its bytes, and how many it claims to unpack to.
pub struct Entry<'a> {
    pub name: &'a str,
    pub deflated: bool,
    pub bytes: &'a [u8],
    pub claim: u32,
}

/// A zip file as PyTorch's are, of one entry.
pub fn zip(entry: &Entry<'_>) -> Vec<u8> {
    let Entry { name, deflated, bytes, claim } = *entry;
    let method = if deflated { 8_u16 } else { 0 };
    let packed = if deflated { bytes.len() as u32 } else { claim };
    let common = [
        &0_u16.to_le_bytes()[..],
        &method.to_le_bytes(),
        &[0; 4],
        &crc32fast::hash(bytes).to_le_bytes(),
        &packed.to_le_bytes(),
        &claim.to_le_bytes(),
        &(name.len() as u16).to_le_bytes(),
        &[0; 2],
    ]
    .concat();
    let local = [b"PK\x03\x04\x14\0", &common[..], name.as_bytes(), bytes].concat();
    let central = [b"PK\x01\x02\x14\0\x14\0", &common[..], &[0; 14], name.as_bytes()].concat();
    let (size, start) = ((central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes());
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &size[..], &start, &[0; 2]].concat();
    [local, central, end].concat()
}
