"""Example files of users: photographs in folders and in lists, a table, labelled texts, a series, a text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SONG = "row, row, row your boat\ngently down the stream\n"


def write_user_files(folder: Path) -> None:
    """``photos/``, ``tags.csv``, ``places.csv``, ``table.csv``, ``opinions.csv``, ``sales.csv``, ``shops.csv``,
    ``song.txt``, ``pairs.tsv``; the same each time."""
    write_photos(folder / "photos")
    write_lists(folder)
    write_table(folder / "table.csv")
    write_opinions(folder / "opinions.csv")
    write_sales(folder / "sales.csv")
    write_shops(folder / "shops.csv")
    (folder / "song.txt").write_text(SONG * 60, encoding="utf-8")
    write_pairs(folder / "pairs.tsv")


def write_photos(folder: Path, num_each: int = 10, classes: tuple[str, ...] = ("red", "blue")) -> None:
    """Write a folder of small PNG files for each class, in the colour of the class."""
    colours = {"red": (200, 30, 30), "blue": (30, 30, 200)}
    for label in classes:
        (folder / label).mkdir(parents=True)
        for number in range(num_each):
            noise = np.random.default_rng(number).integers(-20, 20, (24, 32, 3))
            pixels = noise + colours.get(label.lower(), (30, 200, 30))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")


def write_lists(folder: Path, num_each: int = 10) -> None:
    """Labels of the photographs in ``tags.csv``, and two numbers of each in ``places.csv``."""
    files = [(label, number) for label in ("red", "blue") for number in range(num_each)]
    tags = (f"{label}/{number}.png,{'|'.join([label, 'even'][: 1 + (number % 2 == 0)])}" for label, number in files)
    (folder / "tags.csv").write_text("\n".join(["file,tags", *tags]) + "\n", encoding="utf-8")
    places = (f"{label}/{number}.png,{100 * (label == 'red') + number},{number / 10}" for label, number in files)
    (folder / "places.csv").write_text("\n".join(["file,x,y", *places]) + "\n", encoding="utf-8")


def write_table(path: Path) -> None:
    """A number, a city, a class that follows from the number, and a price."""
    rng = np.random.default_rng(0)
    cities = ["Rome", "Oslo", "Bonn"]
    rows = (
        f"{a:.4f},{cities[i % 3]},{'up' if a > 0 else 'down'},{50 + 10 * a:.3f}"
        for i, a in enumerate(rng.normal(5.0, 3.0, size=90))
    )
    path.write_text("\n".join(["age,city,kind,price", *rows]) + "\n", encoding="utf-8")


def write_opinions(path: Path) -> None:
    """Short texts that are good or bad."""
    rows = (f"{'no ' * (i % 3)}{'fine' if i % 2 else 'poor'},{'good' if i % 2 else 'bad'}" for i in range(80))
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")


def write_sales(path: Path, num_months: int = 120) -> None:
    """A series with a season of twelve and a trend."""
    rows = (f"{month},{month % 12 + month / 100}" for month in range(num_months))
    path.write_text("\n".join(["month,sold", *rows]), encoding="utf-8")


def write_shops(path: Path, num_days: int = 60) -> None:
    """The days of two shops in one file, the second three times as large."""
    rows = (
        f"2024-{1 + day // 28:02}-{1 + day % 28:02},{shop},{size * (100 + 10 * (day % 7) + day * 37 % 11)}"
        for day in range(num_days)
        for shop, size in (("A", 1), ("B", 3))
    )
    path.write_text("\n".join(["day,shop,sold", *rows]), encoding="utf-8")


def write_pairs(path: Path) -> None:
    """Numbers in digits, and in the words of each digit."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    rows = (f"{' '.join(str(n))}\t{' '.join(words[int(digit)] for digit in str(n))}" for n in range(100, 220))
    path.write_text("\n".join(rows), encoding="utf-8")
