"""What is a secret, and what only looks like one."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from netyard.errors import ConfigError
from netyard.io import redact


@pytest.mark.parametrize(
    "key",
    ["api_key", "data.hub_token", "token", "password", "db.passwd", "apiKey", "secretAccessKey", "DSN"],
)
def test_a_key_that_names_a_secret(key: str) -> None:
    assert redact.is_secret(key)
    assert redact.tree({key.rpartition(".")[2]: "abc", "lr": "abc"}) == {key.rpartition(".")[2]: "***", "lr": "abc"}
    assert redact.text(f"it said {key}=abc.") == f"it said {key}=***"


@pytest.mark.parametrize(
    "key",
    ["max_tokens", "data.tokens", "monitor", "pad_token", "tokens_per_second", "key", "sort_key", "keys", ""],
)
def test_a_key_that_does_not(key: str) -> None:
    assert not redact.is_secret(key)
    assert redact.tree({key: "bpe"}) == {key: "bpe"}


def test_numbers_interpolations_and_nulls_stay() -> None:
    tree = {"token": 7, "api_key": None, "hub_token": "${oc.env:HUB_TOKEN}", "tokens": ["a"], "flag": True}
    assert redact.tree(tree) == tree
    assert redact.tree({"password": 1234}) == {"password": "***"}


def test_value_of_a_secret_variable_is_masked_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", 'a"b/c\u00e9d')
    monkeypatch.setenv("SHORT_KEY", "abc")
    monkeypatch.setenv("KEY_FILE", "/home/me")
    for spelled in ('a"b/c\u00e9d', r"a\"b/c\u00e9d", "a%22b%2Fc%C3%A9d"):
        assert redact.text(f"<{spelled}>") == "<***>", spelled
    assert redact.text("abc /home/me") == "abc /home/me"
    assert redact.tree({"x": ['a"b/c\u00e9d', 1]}) == {"x": ["***", 1]}


def test_urls_lose_their_passwords_only() -> None:
    assert redact.text("at mysql://me:pass@word@host/db now") == "at mysql://me:***@host/db now"
    for url in ("mysql://me@host/db", "sqlite:////tmp/a.db", "http://host:80/a@b"):
        assert redact.text(url) == url


def test_masked_overrides_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "sk-12345678")
    given = ["data.url=http://x/sk-12345678", "+data.token=abc", "lr=0.1", "data={token:abc,n:1}", "a.password='x y'"]
    masked = [
        "data.url=http://x/${oc.env:HUB_TOKEN}",
        "+data.token=***",
        "lr=0.1",
        "data={token:***,n:1}",
        "a.password=***",
    ]
    assert redact.overrides(given) == masked
    assert redact.overrides(masked) == masked
    with pytest.raises(ConfigError, match=r"data\.token is a secret.* add data\.token=\.\.\. to"):
        redact.drop_masked(masked[:3])
    assert redact.drop_masked([*masked[:3], "data.token=new"]) == [masked[0], "+data.token=new", masked[2]]


def test_a_config_is_masked_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "sk-12345678")
    config = OmegaConf.create({"a": "${oc.env:HUB_TOKEN}", "token": "abc", "b": ["sk-12345678"], "lr": 0.1})
    masked = {"a": "${oc.env:HUB_TOKEN}", "token": "***", "b": ["***"], "lr": 0.1}
    assert redact.container(config) == masked
    assert redact.container(OmegaConf.create(["seed=0", "x.api_key=abc"])) == ["seed=0", "x.api_key=***"]
    of_hydra = OmegaConf.create({"hydra": {"job": {"api_key": "abc"}, "overrides": {"task": ["x.api_key=abc"]}}})
    assert redact.container(of_hydra) == {
        "hydra": {"job": {"api_key": "***"}, "overrides": {"task": ["x.api_key=***"]}}
    }
