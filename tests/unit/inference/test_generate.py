"""``netyard generate``: text, translations and images, and the messages for wrong options."""

from __future__ import annotations

from netyard.cli import main


def test_help_names_every_option_of_the_tasks(capsys) -> None:
    import inspect

    from netyard.tasks.language import Language
    from netyard.tasks.translation import Translation

    assert main.main(["generate", "--help"]) == 0
    said = capsys.readouterr().out
    for task in (Language, Translation):
        for option in set(inspect.signature(task.generate).parameters) - {"self", "data"}:
            assert f"{option}=" in said
    assert main.main(["generate"]) == 2
