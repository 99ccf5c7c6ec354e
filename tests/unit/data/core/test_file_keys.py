"""The hash by which the user's files are recognised."""

from __future__ import annotations

from pathlib import Path

from netyard.data.core.file_keys import key_of_files


def test_a_copy_has_the_same_key_and_a_change_another(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name / "red").mkdir(parents=True)
        (tmp_path / name / "red" / "1.png").write_bytes(b"a" if name != "three" else b"b")
    one, two, three = (key_of_files(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two != three
    (tmp_path / "two" / "Thumbs.db").write_bytes(b"")
    assert key_of_files(tmp_path / "two") == one
    (tmp_path / "two" / "red" / "2.png").write_bytes(b"a")
    assert key_of_files(tmp_path / "two") != one
    assert key_of_files(tmp_path / "one" / "red" / "1.png") != key_of_files(tmp_path / "three" / "red" / "1.png")
    assert key_of_files(tmp_path / "nowhere") is None
