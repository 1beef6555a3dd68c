"""Writes images/ and what Pillow makes of each, as PNG, into expected/. Needs Pillow and NumPy."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
WIDTH, HEIGHT = 37, 22
y, x = np.mgrid[:HEIGHT, :WIDTH]
RED, GREEN, BLUE = x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), ((x - 18) ** 2 + (y - 8) ** 2) // 2 % 256
COLOUR = Image.fromarray(np.stack([RED, GREEN, BLUE], -1).astype(np.uint8))
GREY = COLOUR.convert("L")
ALPHA = Image.fromarray(((x + y) * 4 % 256).astype(np.uint8))
DEEP = ((x * 1771 + y * 311) % 65536).astype(np.uint16)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rgb16_png():
    """Pillow writes no 16-bit RGB."""
    rows = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], -1).astype(">u2")
    data = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data))
            + chunk(b"IEND", b""))


def ycck(cmyk_jpeg):
    """Pillow writes no YCCK: the transform of the Adobe segment becomes 2, the data stays."""
    at = cmyk_jpeg.index(b"Adobe") + 11
    assert cmyk_jpeg[at] == 0
    return cmyk_jpeg[:at] + b"\2" + cmyk_jpeg[at + 1 :]


def oriented(tag):
    exif = Image.Exif()
    exif[0x112] = tag
    return exif


def images():
    palette = COLOUR.quantize(16)
    transparent = COLOUR.quantize(16)
    transparent.info["transparency"] = bytes(range(0, 256, 16))
    cmyk = encoded(COLOUR.convert("CMYK"), "JPEG", quality=90)
    rgba = COLOUR.copy()
    rgba.putalpha(ALPHA)
    yield "palette.png", encoded(palette, "PNG")
    yield "palette_with_alpha.png", encoded(transparent, "PNG")
    yield "bilevel.png", encoded(GREY.convert("1"), "PNG")
    yield "grey_with_alpha.png", encoded(Image.merge("LA", (GREY, ALPHA)), "PNG")
    yield "with_alpha.png", encoded(rgba, "PNG")
    yield "with_alpha.webp", encoded(rgba, "WEBP", lossless=True, exact=True)
    yield "grey16.png", encoded(Image.fromarray(DEEP), "PNG")
    yield "grey16.tif", encoded(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw")
    yield "rgb16.png", rgb16_png()
    yield "rgb.tif", encoded(COLOUR, "TIFF", compression="tiff_adobe_deflate")
    yield "cmyk.tif", encoded(COLOUR.convert("CMYK"), "TIFF")
    yield "cmyk.jpg", cmyk
    yield "ycck.jpg", ycck(cmyk)
    yield "grey.jpg", encoded(GREY, "JPEG", quality=90)
    yield "full_chroma.jpg", encoded(COLOUR, "JPEG", quality=90, subsampling="4:4:4")
    yield "half_chroma.jpg", encoded(COLOUR, "JPEG", quality=90, subsampling="4:2:0")
    yield "progressive.jpg", encoded(COLOUR, "JPEG", quality=90, subsampling="4:4:4", progressive=True)
    for tag in range(1, 9):
        options = {"quality": 60, "subsampling": "4:4:4", "exif": oriented(tag)}
        yield f"oriented_{tag}.jpg", encoded(COLOUR, "JPEG", **options)
    yield "oriented_6.png", encoded(COLOUR, "PNG", exif=oriented(6))
    yield "oriented_6.webp", encoded(COLOUR, "WEBP", lossless=True, exif=oriented(6))
    yield "oriented_6.tif", encoded(COLOUR, "TIFF", compression="tiff_adobe_deflate", tiffinfo={0x112: 6})


def as_decoded(content):
    image = Image.open(io.BytesIO(content))
    mode = {"P": "RGBA" if "transparency" in image.info else "RGB", "1": "L", "CMYK": "RGB"}
    image = ImageOps.exif_transpose(image)
    return image.convert(mode[image.mode]) if image.mode in mode else image


for folder in ("images", "expected"):
    (HERE / folder).mkdir(exist_ok=True)
for name, content in images():
    (HERE / "images" / name).write_bytes(content)
    (HERE / "expected" / f"{name}.png").write_bytes(encoded(as_decoded(content), "PNG", optimize=True))
