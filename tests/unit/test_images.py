"""Every kind of image file becomes pictures that every model takes; nothing else gets through."""

from __future__ import annotations

import base64
import random
import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, PngImagePlugin

from llm_interactive.errors import TaskDataError
from llm_interactive.media.images import Picture, normalise
from tests.receipts import as_file, receipt


def one(data: bytes) -> Picture:
    (picture,) = normalise(data)
    return picture


def decoded(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.data))
    image.load()
    assert image.size == (picture.width, picture.height)
    assert image.get_format_mimetype() == picture.mime
    return image


def photo(width: int = 320, height: int = 200) -> Image.Image:
    """Many colours; the same ones each time."""
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


def marked(width: int = 60, height: int = 40) -> Image.Image:
    """White with a black corner, upper left."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((0, 0, 15, 15), fill="black")
    return image


def refusal(data: bytes) -> str:
    with pytest.raises(TaskDataError) as caught:
        normalise(data)
    return caught.value.message


# ------------------------------------------------------------------ kinds


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_each_kind_is_read_and_becomes_png_or_jpeg(kind: str) -> None:
    picture = one(as_file(marked(), kind))
    assert picture.mime in ("image/png", "image/jpeg")
    assert (picture.width, picture.height) == (60, 40)
    image = decoded(picture).convert("L")
    assert image.getpixel((5, 5)) < 30  # type: ignore[operator]
    assert image.getpixel((50, 30)) > 225  # type: ignore[operator]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("1", "L"),
        ("L", "L"),
        ("LA", "RGBA"),
        ("P", "RGB"),
        ("RGB", "RGB"),
        ("RGBA", "RGBA"),
        ("CMYK", "RGB"),
        ("I;16", "L"),
        ("I", "L"),
        ("F", "L"),
    ],
)
def test_each_mode_is_brought_to_one_that_models_take(mode: str, expected: str) -> None:
    image = marked().convert("L") if mode in ("I;16", "I", "F") else marked()
    image = image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    result = decoded(one(as_file(image, "TIFF" if mode in ("CMYK", "F", "I") else "PNG")))
    assert result.mode == expected
    grey = result.convert("RGB").convert("L")
    assert grey.getpixel((5, 5)) < 30  # type: ignore[operator]
    assert grey.getpixel((50, 5)) > 225  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_ink_is_turned_into_light(kind: str) -> None:
    red = Image.new("RGB", (40, 40), (220, 20, 20)).convert("CMYK")
    picture = decoded(one(as_file(red, kind))).convert("RGB")
    assert all(abs(found - meant) < 12 for found, meant in zip(picture.getpixel((20, 20)), (220, 20, 20), strict=True))  # type: ignore[arg-type]


def test_a_transparent_colour_of_a_palette_stays_transparent() -> None:
    image = marked().convert("P")
    data = as_file(image, transparency=image.getpixel((5, 5)))
    alpha = decoded(one(data)).getchannel("A")
    assert (alpha.getpixel((5, 5)), alpha.getpixel((50, 30))) == (0, 255)


def test_sixteen_bits_keep_their_shades() -> None:
    image = Image.new("I;16", (256, 10))
    for x in range(256):
        for y in range(10):
            image.putpixel((x, y), x * 200 + 1000)
    grey = decoded(one(as_file(image))).convert("L")
    assert [round(grey.getpixel((x, 5)) / 8) for x in (0, 64, 128, 255)] == [0, 8, 16, 32]  # type: ignore[operator]


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = as_file(frames[0], kind, save_all=True, append_images=frames[1:])
        red, green, _ = decoded(one(data)).convert("RGB").getpixel((10, 10))  # type: ignore[misc]
        assert (red > 240, green < 20) == (True, True)


def test_a_tiff_gives_a_picture_for_each_page() -> None:
    pages = [Image.new("RGB", (20 + number, 30), "white") for number in range(3)]
    pictures = normalise(as_file(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert [picture.width for picture in pictures] == [20, 21, 22]


def test_a_tiff_with_too_many_pages_is_refused() -> None:
    page = Image.new("1", (8, 8))
    assert "more than 20 pages" in refusal(as_file(page, "TIFF", save_all=True, append_images=[page] * 20))


# ------------------------------------------------------------------ size, orientation, metadata


@pytest.mark.parametrize(
    ("size", "expected"),
    [((4096, 1024), (2048, 512)), ((1000, 3000), (683, 2048)), ((2048, 2048), (2048, 2048)), ((9000, 1), (2048, 1))],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_longer_side_is_at_most_2048_pixels(kind: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = one(as_file(Image.new("RGB", size, "white"), kind))
    assert (picture.width, picture.height) == expected


def test_small_images_stay_as_they_are() -> None:
    image = receipt()
    assert decoded(one(as_file(image))).convert("RGB").tobytes() == image.tobytes()


# Where the black corner of `marked` comes to lie, by the EXIF orientation.
CORNERS = {1: "ul", 2: "ur", 3: "lr", 4: "ll", 5: "ul", 6: "ur", 7: "lr", 8: "ll"}


@pytest.mark.parametrize(("orientation", "corner"), CORNERS.items())
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_image_is_turned_as_its_camera_says(kind: str, orientation: int, corner: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decoded(one(as_file(marked(), kind, exif=exif))).convert("L")
    assert image.size == ((60, 40) if orientation < 5 else (40, 60))
    x = 5 if corner[1] == "l" else image.width - 6
    y = 5 if corner[0] == "u" else image.height - 6
    assert image.getpixel((x, y)) < 30  # type: ignore[operator]
    assert image.getpixel((image.width // 2, image.height // 2)) > 225  # type: ignore[operator]


def with_metadata(image: Image.Image, kind: str) -> bytes:
    """A file that says where and by whom it was made."""
    exif = Image.Exif()
    exif[0x010F] = "SECRET camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    options: dict[str, object] = {"exif": exif, "icc_profile": b"SECRET profile", "xmp": b"<SECRET/>"}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", "SECRET author", zip=False)
        text.add_itxt("XML:com.adobe.xmp", "<SECRET/>")
        options = {"exif": exif, "icc_profile": b"SECRET profile", "pnginfo": text}
    if kind in ("JPEG", "GIF"):
        options["comment"] = b"SECRET comment"
    data = as_file(image, kind, **options)
    assert b"SECRET" in data
    return data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
@pytest.mark.parametrize("image", [marked(), photo()], ids=["few colours", "many colours"])
def test_no_metadata_gets_through(kind: str, image: Image.Image) -> None:
    picture = one(with_metadata(image, kind))
    assert b"SECRET" not in picture.data
    result = decoded(picture)
    assert dict(result.getexif()) == {}
    assert set(result.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}


# ------------------------------------------------------------------ encoding


def test_few_colours_stay_exact_as_png() -> None:
    assert one(as_file(receipt(), "BMP")).mime == "image/png"


def test_photos_become_jpeg() -> None:
    assert one(as_file(photo())).mime == "image/jpeg"
    assert one(as_file(photo().convert("L"))).mime == "image/jpeg"


def test_transparency_is_kept() -> None:
    image = photo().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    assert decoded(one(as_file(image))).mode == "RGBA"


def test_transparency_that_is_nowhere_is_dropped() -> None:
    assert one(as_file(photo().convert("RGBA"))).mime == "image/jpeg"


def test_a_picture_is_its_own_address() -> None:
    picture = one(as_file(marked()))
    start, _, payload = picture.data_uri.partition(",")
    assert start == f"data:{picture.mime};base64"
    assert base64.b64decode(payload) == picture.data


# ------------------------------------------------------------------ everything else


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty"),
        (b"  <!DOCTYPE html><html>", "an HTML or XML page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">', "an SVG image"),
        (b'{"detail": "Not found"}', "JSON"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "a HEIC image"),
        (b"\x00\x00\x00\x20ftypavif\x00\x00", "an AVIF image"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00", "a video"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "an audio file"),
        (b"ID3\x03\x00", "an audio file"),
        (b"PK\x03\x04", "a ZIP or office file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "of an unknown kind"),
        (b"plain text", "of an unknown kind"),
        (b"P6\n1 1\n255\n\x00\x00\x00", "of an unknown kind"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, found: str) -> None:
    assert refusal(data) == f"The task's file is {found}; PNG, JPEG, WebP, GIF, TIFF, BMP and PDF can be read."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_an_image_that_breaks_off_is_damaged(kind: str) -> None:
    data = as_file(photo(), kind)
    assert kind.lower() in refusal(data[: len(data) // 2]).lower()


def png_of(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims to be as large as that."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(10_000, 9_000), (13_000, 13_000), (100_000, 100_000)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    assert refusal(png_of(*size)) == "The task's image has more than 89 megapixels."


def test_a_text_chunk_that_explodes_is_refused() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 80_000_000, zip=True)
    data = as_file(marked(), pnginfo=text)
    assert len(data) < 200_000
    assert "damaged" in refusal(data)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"]), data=st.data())
def test_damage_of_any_sort_ends_in_pictures_or_in_a_sentence(kind: str, data: st.DataObject) -> None:
    file = bytearray(as_file(marked(), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert normalise(bytes(file))
    except TaskDataError:
        pass
