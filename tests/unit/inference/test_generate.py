"""``netyard generate``: text, translations and images, and the messages for wrong options."""

from __future__ import annotations

import pytest

from netyard.cli import main
from netyard.errors import ConfigError


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


def test_a_class_is_given_by_its_name_or_its_number() -> None:
    from netyard.inference.generate import number_of_class

    names = ["disc", "square", "7"]
    assert [number_of_class(each, names) for each in ("square", "7", 7, "1", 1)] == [1, 2, 2, "1", 1]
    with pytest.raises(
        ConfigError, match=r"class is 'disk', .* disc, square, 7, or their numbers .* try class=disc\.$"
    ):
        number_of_class("disk", names)
    with pytest.raises(ConfigError, match=r"class is 'disk', and the run has no names of classes"):
        number_of_class("disk", [])
