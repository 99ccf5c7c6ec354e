"""The confusion matrix of a run as a table for its page."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from netyard.reports.files import text_of

MAX_NUMBERED = 40  # classes whose counts fit into the cells of the matrix; with more they are tooltips
MAX_CLASSES = 150  # with more there is only the picture: the table would have tens of thousands of cells
MAX_PAIRS = 10  # pairs of classes that are confused most often
MAX_BYTES = 4_000_000  # of the CSV file


def confusion(path: Path) -> dict[str, Any] | None:
    """Return the confusion matrix of the test from its CSV; None if it is missing, invalid, or too large."""
    text = text_of(path, path / "pictures" / "test_confusion.csv", MAX_BYTES)
    try:
        header, *lines = list(csv.reader(io.StringIO(text, newline="")))
        names, counts = header[1:], [[int(cell) for cell in line[1:]] for line in lines]
    except ValueError:  # an empty file, or a cell that is not a whole number
        return None
    if not 1 < len(names) <= MAX_CLASSES or len(counts) != len(names) or {len(row) for row in counts} != {len(names)}:
        return None
    rows = []
    for name, row in zip(names, counts, strict=True):
        total = sum(row)
        fractions = [count / total if total else 0.0 for count in row]
        # Two ranges of opacity with a gap between them: dark text is readable on 0.06 to 0.6, white text on 0.85 to 1.
        cells = [
            {
                "count": count,
                "most": fraction > 0.5,
                "heat": f"{0.85 + 0.3 * (fraction - 0.5) if fraction > 0.5 else 0.06 + 1.08 * fraction:.3f}",
            }
            for count, fraction in zip(row, fractions, strict=True)
        ]
        rows.append({"name": name, "total": total, "cells": cells})
    # All cells off the diagonal: (true class, predicted class, count, samples of the true class).
    found = [
        (names[true], names[guess], count, rows[true]["total"])
        for true, row in enumerate(counts)
        for guess, count in enumerate(row)
        if count and true != guess
    ]
    return {
        "names": names,
        "rows": rows,
        "many": len(names) > MAX_NUMBERED,
        "short": len(names) <= MAX_NUMBERED and max(map(len, names)) <= 3,  # names that fit without rotation
        "pairs": sorted(found, key=lambda pair: -pair[2])[:MAX_PAIRS],
    }
