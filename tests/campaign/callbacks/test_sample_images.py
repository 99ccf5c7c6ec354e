"""Pictures of samples of each kind of variational autoencoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.sample_images import check_drawn


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("model", ["vae_tiny", "conditional_vae"])
def test_a_vae_is_drawn_after_each_validation_and_learns_no_different(train, tmp_path: Path, model: str) -> None:
    run = (f"model={model}", "data=digits", "trainer=cpu", "trainer.max_epochs=3")
    seen, unseen = train(*run), train(*run, "callbacks.samples=null", path=tmp_path / "unseen")
    assert seen.code == unseen.code == 0, seen.err + unseen.err
    check_drawn(seen.path, unseen.path)


@pytest.mark.parametrize("data", ["digits_rows", "diabetes"])
def test_a_code_of_no_pictures_is_trained_without_any(train, data: str) -> None:
    ran = train("model=autoencoder_tiny", f"data={data}", "trainer=cpu", "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    assert not (ran.path / "pictures").exists()
