"""What a choice of the trainer asks of a model."""

from __future__ import annotations


def test_a_precision_that_a_code_book_cannot_have_is_refused(train) -> None:
    ran = train("model=vq_vae_tiny", "trainer.precision=bf16-true", "trainer.max_epochs=1", "logger=none")
    assert ran.code == 2
    assert "precision is bf16-true" in ran.err and "try trainer.precision=bf16-mixed" in ran.err
