"""Makes the corpus of bad files in bad/: tiny, each wrong in one way. Needs Pillow."""

import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image

BAD = Path(__file__).parent / "bad"
PIXELS = bytes((x * 7 + y * 13) % 256 for y in range(24) for x in range(24))
GREY = Image.frombytes("L", (24, 24), PIXELS)


def encoded(kind, image=GREY, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = png_chunk(b"IDAT", zlib.compress(b"\0" * 64))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + data + png_chunk(b"IEND", b"")


def half(data):
    return data[: len(data) // 2]


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


def images():
    png, jpeg, bmp = encoded("PNG"), encoded("JPEG"), encoded("BMP")
    tiff = encoded("TIFF", compression="tiff_deflate")
    webp = encoded("WEBP", GREY.convert("RGB"), lossless=True)
    thumbnail = encoded("JPEG", GREY.resize((8, 8)))
    app1 = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    idat = png.index(b"IDAT")
    return {
        "empty.png": b"",
        "text.png": b"this is no image\n",
        "truncated.png": half(png),
        "signature_only.png": png[:8],
        "flipped_data.png": flipped(png, idat + 20),
        "flipped_header.png": flipped(png, 18),
        "wide.png": png_claiming(2**31 - 1, 1),
        "bomb.png": png_claiming(32768, 32768),
        "huge.png": png_claiming(50000, 50000),
        "no_pixels.png": png_claiming(0, 24),
        "truncated.jpg": half(jpeg),
        "end_only_in_thumbnail.jpg": half(jpeg[:2] + app1 + jpeg[2:])[: -len(jpeg) // 4],
        "truncated.bmp": half(bmp),
        "bomb.bmp": bmp[:18] + struct.pack("<ii", 2**30, 2**30) + bmp[26:],
        "truncated.tif": half(tiff),
        "truncated.webp": half(webp),
        "gif.png": encoded("GIF"),
    }


def manifests():
    digest = {"blake3": "0" * 64, "bytes": 1}
    run = {
        "version": 1,
        "about": {"config_blake3": "0" * 64},
        "steps": [{"name": "one", "files": ["one/a.json"]}],
        "files": {"config.yaml": digest, "one/a.json": digest},
    }
    whole = json.dumps(run, indent=2)
    outside = {**run, "steps": [{"name": "one", "files": ["../a"]}], "files": {"config.yaml": digest, "../a": digest}}
    return {
        "empty.json": "",
        "truncated.json": whole[: len(whole) // 2],
        "other_version.json": json.dumps({**run, "version": 99}),
        "unknown_key.json": json.dumps({**run, "extra": 1}),
        "step_without_hash.json": json.dumps({**run, "files": {"config.yaml": digest}}),
        "hash_without_step.json": json.dumps({**run, "steps": []}),
        "no_config.json": json.dumps({**run, "about": {}}),
        "path_outside.json": json.dumps(outside),
        "array.json": "[]",
        "binary.json": "\u0000\u0001\u0002",
    }


for folder, files in (("images", images()), ("manifests", manifests())):
    (BAD / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (BAD / folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
