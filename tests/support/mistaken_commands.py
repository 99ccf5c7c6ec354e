"""Commands with a mistake, of which some name files of the user's that are not as they should be."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from support.command_result import Ran


def check_answer(
    train: Callable[..., Ran], folder: Path, overrides: Sequence[str], code: int, words: Sequence[str]
) -> None:
    """The last line of the output has these words, and no directory is left; PLACES among the overrides are files."""
    places = _places(folder)
    ran = train(
        *(re.sub("[A-Z]{4,}$", lambda found: str(places[found[0]]), text) for text in overrides),
        f"hydra.run.dir={folder / 'run'}",
    )
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err
    message = ran.err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    for word in words:
        assert word in message
    if code in (2, 3, 4, 5):
        assert not (folder / "run").exists(), "a mistake leaves nothing behind"


def _places(folder: Path) -> dict[str, Path]:
    (folder / "conf" / "model").mkdir(parents=True)
    (folder / "conf" / "model" / "nowhere.yaml").write_text("_target_: nowhere.Net\n", encoding="utf-8")
    files = {
        "table.csv": "size,price\n1,2\n2,4\n",
        "gaps.csv": "year,count\n" + "".join(f"{year},{year % 7 or 'NaN'}\n" for year in range(1900, 1999)),
        "empty.txt": "",
        "letter.txt": "a",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for kind in ("folder", "broken"):
        for label in ("cat", "dog"):
            (folder / kind / label).mkdir(parents=True)
            for number in range(10):
                path = folder / kind / label / f"{number}.png"
                if (kind, label) == ("broken", "dog"):
                    path.with_stem(f"{number}_broken").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
                else:
                    Image.new("RGB", (16, 16), (25 * number, 0, 0)).save(path)
    (folder / "folder" / "empty_class").mkdir()
    names = ("conf", "folder", "broken", *files)
    return {name.partition(".")[0].upper(): folder / name for name in names}
