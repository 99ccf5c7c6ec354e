"""Variables of the environment that a config reads and nobody has set."""

from __future__ import annotations

import pytest

from netyard.config.environment_variables import require
from netyard.errors import ConfigError

SAID = r"the environment variable UNSET is not set, .*UNSET=VALUE"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSET", raising=False)
    monkeypatch.setenv("SET", "1")


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:UNSET}",
        "data.root=${oc.env:UNSET}/photos",
        r"optimizer.lr=$\{oc.env\:UNSET\}",
        "['${oc.env:UNSET}']",
        "${oc.decode:${oc.env:UNSET}}",
        "${oc.env:SET,${oc.env:UNSET}}",
    ],
)
def test_an_unset_variable_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=SAID):
        require(["seed=1", text])


@pytest.mark.parametrize("text", ["${oc.env:SET}", "${oc.env:UNSET,x}", "${oc.env:UNSET,null}", "UNSET", "${seed}"])
def test_one_that_is_set_or_has_a_default_is_not(text: str) -> None:
    require([text])
