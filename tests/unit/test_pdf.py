"""PDFs are drawn page by page."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from io import BytesIO

import pytest
from PIL import Image

from llm_interactive.errors import SetupError, TaskDataError
from llm_interactive.media import pdf
from llm_interactive.media.decoding import Decoder
from llm_interactive.media.images import normalise
from tests.receipts import as_file, receipt

pytestmark = pytest.mark.skipif(find_spec("pypdfium2") is None, reason="the OCR extra is not installed")


def written(*objects: bytes) -> bytes:
    """A PDF of these objects, the first one its catalog."""
    data, starts = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        starts.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    count = len(objects) + 1
    return data + b"xref\n0 %d\n0000000000 65535 f \n%btrailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        count,
        table,
        count,
        len(data),
    )


def page(drawn: bytes, *objects: bytes, box: Sequence[int] = (0, 0, 600, 600)) -> bytes:
    """A PDF of one page on which `drawn` stands; /X in it is the first of `objects`."""
    return written(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%d %d %d %d]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>"
        % tuple(box),
        stream(b"", drawn),
        *objects,
    )


def stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(content), content)


def form(content: bytes, resources: bytes = b"") -> bytes:
    return stream(b"/Type/XObject/Subtype/Form/BBox[0 0 600 600]" + resources, content)


def doubling(levels: int) -> bytes:
    """A page of a form that draws twice a form that draws twice … a square."""
    inner = [form(b"/X Do /X Do", b"/Resources<</XObject<</X %d 0 R>>>>" % (6 + level)) for level in range(levels)]
    return page(b"/X Do", *inner, form(b"0 0 600 600 re f"))


def image_of(side: int) -> bytes:
    """A page with an image of `side` × `side` pixels, all black."""
    entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8" % (side, side)
    pixels = zlib.compress(bytes(side * side))
    return page(b"q 600 0 0 600 0 0 cm /X Do Q", stream(entries + b"/Filter/FlateDecode", pixels))


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


def refusal(data: bytes) -> str:
    with pytest.raises(TaskDataError) as caught:
        normalise(data)
    return caught.value.message


def test_each_page_gives_a_picture() -> None:
    pages = [receipt(), receipt(width=600)]
    pictures = normalise(as_file(pages[0], "PDF", save_all=True, append_images=pages[1:]))
    assert len(pictures) == 2
    assert all(max(picture.width, picture.height) <= 2048 for picture in pictures)
    with Image.open(BytesIO(pictures[0].data)) as image:
        assert image.convert("L").getextrema()[0] < 60  # type: ignore[operator]


def test_something_may_stand_before_it() -> None:
    assert len(normalise(b"a mail's header\n" + as_file(receipt(), "PDF"))) == 1


def test_too_many_pages_are_refused() -> None:
    one = Image.new("L", (8, 8))
    assert "more than 20 pages" in refusal(as_file(one, "PDF", save_all=True, append_images=[one] * 20))


def test_damage_is_said_so() -> None:
    assert "damaged or asks for a password" in refusal(b"%PDF-1.7\nnothing")


@pytest.mark.parametrize("side", [0, 10**7])
def test_a_page_of_any_size_ends_in_a_small_picture_or_in_a_sentence(decoder: Decoder, side: int) -> None:
    try:
        pictures = decoder.pictures(page(b"0 0 m", form(b""), box=(0, 0, side, side)))
    except TaskDataError as error:
        assert "damaged" in error.message  # noqa: PT017
    else:
        assert all(max(picture.width, picture.height) <= 2048 for picture in pictures)


def test_a_large_image_in_a_small_file_is_drawn_small() -> None:
    [picture] = normalise(image_of(12_000))
    assert (picture.width, picture.height) == (2048, 2048)


def test_a_page_that_takes_for_ever_is_given_up() -> None:
    decoder = Decoder(longest=0.5)
    began = time.monotonic()
    with pytest.raises(TaskDataError, match=r"takes more than 0\.5 seconds"):
        decoder.pictures(doubling(24))
    assert time.monotonic() - began < 2.5  # where nothing but its own end stops it, it takes longer
    decoder.close()


def test_without_the_extra_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"requirements-ocr\.txt"):
        normalise(doubling(1))
