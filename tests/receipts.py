"""Receipts drawn with Pillow, whose every line is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

GROCERY = (
    "CORNER GROCERY",
    "12 Market Street, Springfield",
    "2 x Milk 1.5% | 3.18",
    "Bread wholegrain | 2.49",
    "Bananas 0.734 kg | 1.46",
    "Coffee beans 500 g | 6.92",
    "TOTAL EUR | 14.05",
    "Card payment",
    "2024-03-15 17:42",
    "Thank you for your visit!",
)
PHARMACY = (
    "CITY PHARMACY",
    "Station Road 7",
    "Ibuprofen 400 mg | 5.95",
    "Hand cream 75 ml | 3.49",
    "Total | 9.44",
    "Paid in cash",
)


@lru_cache
def receipt(lines: Sequence[str] = GROCERY, size: int = 24, width: int = 520) -> Image.Image:
    """A white slip with `lines` in letters of `size` pixels; what stands behind a bar is set to the right."""
    font = ImageFont.load_default(size)
    image = Image.new("RGB", (width, round(size * (len(lines) + 2) * 1.7)), "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines, start=1):
        left, _, right = line.partition(" | ")
        y = round(size * number * 1.7)
        pen.text((size, y), left, font=font, fill=(20, 20, 20))
        pen.text((width - size, y), right, font=font, fill=(20, 20, 20), anchor="ra")
    return image


def as_file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """`image` in a file format."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def text_of(lines: Sequence[str] = GROCERY) -> list[str]:
    """What a reader should make of `lines`."""
    return [line.replace(" | ", " ") for line in lines]


RECEIPTS = {"groceries.png": GROCERY, "pharmacy.png": PHARMACY}
FILES = {name: as_file(receipt(lines)) for name, lines in RECEIPTS.items()}
