"""Installed packages that extend netyard: what is theirs is offered as what is ours, and what is broken is left out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netyard import plugins
from netyard.cli import main
from netyard.cli.error_messages import explain
from netyard.config import allowlist, catalog, schema
from netyard.config.compose import compose
from netyard.config.instantiate import build
from netyard.errors import CheckpointError, ConfigError, ForeignCodeError
from netyard.run_directories import resume
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.fake_packages import NET, NODE, Install

FAMILY = "# Two sizes.\n" + NODE.format(name="acme") + "variants:\n  acme_net: {}\n  acme_net_wide: {num_outputs: 3}\n"


def said_by(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main.main([*words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_package_is_found_and_composed_without_being_imported(install: Install) -> None:
    folder = install("acme")
    (folder / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    [plugin] = plugins.installed()
    assert (plugin.name, plugin.package, plugin.version, plugin.folder) == ("acme", "acme", "1.2", folder)
    cfg, choices = compose(["model=acme_net"])
    schema.check(cfg, choices)
    assert choices["model"] == "acme_net" and cfg.model._target_ == "acme.net.Net"
    assert "acme" not in sys.modules
    assert plugins.versions() == "acme 1.2"


def test_a_family_offers_its_variants(install: Install) -> None:
    install(
        "acme",
        {"net.py": NET, "conf/family/acme.yaml": FAMILY, "conf/parameters.csv": "model,parameters\nacme_net,7\n"},
    )
    assert catalog.options("model", "acme*") == ["acme_net", "acme_net_wide"]
    assert compose(["model=acme_net_wide"])[0].model.num_outputs == 3
    assert catalog.headline("model", "acme_net") == "Two sizes."
    assert catalog.parameters()["acme_net"] == 7 and catalog.parameters()["resnet50"] == 25_557_032
    assert catalog.owner("model", "acme_net") == "acme" and catalog.owner("model", "resnet50") == "netyard"
    assert catalog.variants()["acme_net"]["_target_"] == "acme.net.Net"


def test_uninstalled_package_has_no_options(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("acme", {"net.py": NET, "conf/family/acme.yaml": FAMILY})
    compose(["model=acme_net"])
    monkeypatch.setattr(sys, "path", [each for each in sys.path if "site_acme" not in each])
    assert "acme_net" not in catalog.options("model")
    with pytest.raises(Exception, match="acme_net"):
        compose(["model=acme_net"])


OTHERS = {
    "callbacks": "loud:\n  _target_: acme.net.Net\n",
    "loss": "_target_: acme.net.Net\n",
    "task": "defaults: [classification, _self_]\n_target_: acme.net.Net\n",
    "data": "defaults: [digits, _self_]\n_target_: acme.net.Net\n",
    "optimizer": "_target_: acme.net.build\n_partial_: true\n",
    "scheduler": "_target_: acme.net.build\n_partial_: true\n",
    "augmentation": "_target_: acme.net.Net\n",
    "trainer": "defaults: [cpu, _self_]\nmax_epochs: 3\n",
    "logger": "_target_: acme.net.Net\n",
    "experiment": "# @package _global_\ndefaults:\n  - override /data: iris\nseed: 7\n",
    "sweep": "# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 0,1\n",
    "debug": "# @package _global_\nseed: 3\n",
}


@pytest.mark.parametrize("group", OTHERS)
def test_every_group_may_be_extended(install: Install, capsys, group: str) -> None:
    install("acme", {"net.py": NET, f"conf/{group}/acme_own.yaml": f"{OTHERS[group]}# What acme has.\n"})
    choice = "[default,acme_own]" if group == "callbacks" else "acme_own"
    cfg, choices = compose([f"{group}={choice}"])
    schema.check(cfg, choices)
    assert group == "callbacks" or choices[group] == "acme_own"
    code, out, err = said_by(capsys, "list", group, "acme*")
    assert code == 0 and not err and out.startswith("acme_own") and "What acme has.  [acme]" in out
    assert f"{group}=acme_own" in said_by(capsys, "completion", "query", f"netyard train {group}=acme")[1].splitlines()


def test_options_of_a_package_are_in_every_list(install: Install, capsys) -> None:
    install("acme", {"net.py": NET, "conf/model/acme_alone.yaml": NODE.format(name="acme")})
    assert "acme_alone" in said_by(capsys, "list")[1]
    assert main.train(["--help"]) == 0 and "acme_alone" in capsys.readouterr().out


# Trust


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("acme.net.Net", True),
        ("acme.net.Net.small", True),
        ("acme.net.build", True),
        ("acme.Net", True),  # which its __init__ imports
        ("acme.Alias", True),
        ("acme.deep.inner.Inner", True),
        ("acme.deep.Inner", True),
        ("acme.deep.starred", True),
        ("acme.maybe.Late", True),
        ("acme.net:Maze-v0", True),
        ("acme.named_in_conf", True),
        ("acme", False),
        ("acme.net", False),
        ("acme.net.nn", False),
        ("acme.net.nn.Linear", False),  # reached through what it imports
        ("acme.net.Net.other", False),
        ("acme.system", False),
        ("acme.deep.inner.system", False),
        ("acme.nowhere.Net", False),
        ("acme.unreadable.Net", False),
        ("acmes.net.Net", False),
        ("acme.nowhere:Maze-v0", False),
        ("acme.net.Net.__init__.__globals__", False),
        ("acme..net.Net", False),
    ],
)
def test_a_config_may_name_what_the_package_defines(install: Install, name: str, known: bool) -> None:
    install(
        "acme",
        {
            "__init__.py": "from os import system\nfrom acme.net import Net, Net as Alias\nfrom . import deep\n",
            "net.py": NET,
            "maybe.py": "try:\n    import x\nexcept ImportError:\n    class Late: pass\n",
            "deep/__init__.py": "from .inner import Inner\nfrom .stars import *\n",
            "deep/inner.py": "from os import system\nfrom ..net import build\nclass Inner: pass\n",
            "deep/stars.py": "def starred(): pass\nfrom . import *\n",
            "unreadable.py": "class Net(:\n",
            "conf/model/acme_x.yaml": "_target_: acme.named_in_conf\n",
        },
    )
    key = "id" if ":" in name else "_target_"
    if known:
        allowlist.require({key: name})
    else:
        with pytest.raises(ConfigError):
            allowlist.require({key: name})


def test_an_instance_is_built(install: Install) -> None:
    install("acme")
    assert build({"_target_": "acme.net.Net", "num_outputs": 2, "input_shape": [3]}).layers[1].out_features == 2


@pytest.mark.parametrize("value", ["os", "netyard", "netyard.models", "hydra"])
def test_reserved_entry_point_is_not_trusted(install: Install, value: str) -> None:
    install("acme", entry=f"acme = {value}")
    assert plugins.installed() == () and "not a package of its own" in plugins.faults()[0].reason
    with pytest.raises(ConfigError, match="does not offer"):
        allowlist.require({"_target_": "os.system"})


def recorded(folder: Path) -> RunDir:
    (folder / ".hydra").mkdir(parents=True)
    for name, text in (
        ("overrides", "[model=acme_net]"),
        ("config", "model: {_target_: acme_gone.net.Net}"),
        ("hydra", "{}"),
    ):
        (folder / ".hydra" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return RunDir(folder)


def test_without_its_package_a_checkpoint_is_refused_and_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme_gone" / "src").mkdir(parents=True)  # the folder of a project is no package
    monkeypatch.syspath_prepend(str(tmp_path))
    made = {"netyard": {"config": {"model": {"_target_": "acme_gone.net.Net"}}, "choices": {}}}
    for attempt in (
        lambda: checkpoint.config_and_choices(made, Path("best.ckpt")),
        lambda: resume.continuation_overrides(recorded(tmp_path / "run"), ["trainer.max_epochs=9"]),
    ):
        with pytest.raises(CheckpointError) as refused:
            attempt()
        assert "no package acme_gone is installed" in refused.value.given
        assert "install package acme_gone" in refused.value.type_this


def test_missing_class_names_the_installed_version(install: Install) -> None:
    install("acme")
    with pytest.raises(ConfigError, match=r"package acme 1.2 does not define"):
        allowlist.require({"_target_": "acme.net.Gone"})


# Clashes


@pytest.mark.parametrize(
    ("files", "option"),
    [
        ({"conf/model/mlp.yaml": "a: 1\n"}, "model=mlp"),  # a variant of ours
        ({"conf/data/digits.yaml": "a: 1\n"}, "data=digits"),
        ({"conf/family/acme.yaml": "_target_: acme.net.Net\nvariants: {resnet50: {}}\n"}, "model=resnet50"),
        ({"conf/family/resnet.yaml": "_target_: acme.net.Net\nvariants: {acme_x: {}}\n"}, "family/resnet.yaml"),
        ({"conf/hydra/launcher/local.yaml": "a: 1\n"}, "hydra/launcher/local.yaml"),
        ({"conf/train.yaml": "seed: 3\n"}, "train.yaml"),
    ],
    ids=str,
)
def test_option_name_of_netyard_is_refused(install: Install, capsys, files, option: str) -> None:
    install("acme", {"net.py": NET, **files})
    for words in (["list"], ["list", "data"], ["train", "model=mlp"]):
        code, out, err = said_by(capsys, *words)
        assert code == 2 and not out and err.count("\n") == 1
        assert f"packages netyard and acme both offer {option};" in err and "pip uninstall acme" in err
    assert catalog.option_file("data", "digits")["dataset"] == "digits"
    assert catalog.variants()["resnet50"]["_target_"] != "acme.net.Net"


@pytest.mark.parametrize(
    ("files", "option"),
    [
        ({"conf/data/shared.yaml": "a: 1\n"}, "data=shared"),
        ({"conf/family/shared.yaml": "variants: {x: {}}\n"}, "family/shared.yaml"),
        ({"conf/hydra/launcher/shared.yaml": "a: 1\n"}, "hydra/launcher/shared.yaml"),
    ],
    ids=str,
)
def test_the_second_of_two_packages_with_one_option_is_left_out(install: Install, capsys, files, option: str) -> None:
    for name in ("bravo", "acme", "charlie"):
        install(name, {**(files if name != "charlie" else {}), f"conf/model/{name}_net.yaml": NODE.format(name=name)})
    code, out, err = said_by(capsys, "list", "models")
    assert code == 0 and "acme_net" in out and "charlie_net" in out and "bravo_net" not in out
    assert err == (
        f"warning: package bravo is left out: package acme offers {option} too; everything else works without it;"
        " fix it, or pip uninstall bravo.\n"
    )
    schema.check(*compose(["model=acme_net"]))


def test_two_packages_may_not_have_models_of_one_name(install: Install) -> None:
    install("acme", {"conf/family/acme.yaml": FAMILY})
    install("bravo", {"conf/model/acme_net.yaml": NODE.format(name="bravo")})
    assert [fault.reason for fault in plugins.faults()] == ["package acme offers model=acme_net too"]
    assert compose(["model=acme_net"])[0].model._target_ == "acme.net.Net"


# What is broken

BROKEN: dict[str, tuple[dict[str, str | bytes] | None, str | None, str]] = {
    "no conf": ({"net.py": NET}, None, "there is no folder"),
    "not YAML": ({"conf/model/x.yaml": "a: [1\n"}, None, "is not YAML at line 2"),
    "tabs": ({"conf/model/x.yaml": "a:\n\tb: 1\n"}, None, "is not YAML at line 2"),
    "a list": ({"conf/data/x.yaml": "- 1\n"}, None, "contains a list instead of keys"),
    "latin": ({"conf/data/x.yaml": "a: \xe9".encode("latin-1")}, None, "x.yaml cannot be read"),
    "a bomb": (
        {"conf/data/x.yaml": "a: &a [" + "1," * 300 + "]\nb: &b [" + "*a," * 300 + "]\n"},
        None,
        "stands for more",
    ),
    "a tag": ({"conf/data/x.yaml": "a: !!python/object/apply:os.system [x]\n"}, None, "is not YAML at line 1"),
    "a family without variants": ({"conf/family/x.yaml": "_target_: acme.N\n"}, None, "has no table of variants"),
    "a family of nothing": ({"conf/family/x.yaml": ""}, None, "has no table of variants"),
    "a variant of a number": ({"conf/family/x.yaml": "variants: {1: {}}\n"}, None, "has a variant 1"),
    "a variant without keys": ({"conf/family/x.yaml": "variants: {a: 3}\n"}, None, "has a variant 'a'"),
    "a name twice": (
        {"conf/family/x.yaml": "variants: {a: {}}\n", "conf/family/y.yaml": "variants: {a: {}}\n"},
        None,
        "families x and y both offer model=a",
    ),
    "counts": ({"conf/parameters.csv": "model,parameters\na,many\n"}, None, "parameters.csv cannot be read"),
    "ranges that are not JSON": ({"conf/constraints.json": "{"}, None, "constraints.json cannot be read: Expecting"),
    "ranges in a list": ({"conf/constraints.json": "[]"}, None, "it has no parameters with their constraints"),
    "ranges of nothing": ({"conf/constraints.json": '{"acme.N": 3}'}, None, "acme.N has no parameters"),
    "an unknown bound": ({"conf/constraints.json": '{"acme.N": {"a": {"above": 3}}}'}, None, "acme.N.a is not a"),
    "a bound of text": ({"conf/constraints.json": '{"acme.N": {"a": {"ge": "x"}}}'}, None, "acme.N.a is not a"),
    "items of text": ({"conf/constraints.json": '{"acme.N": {"a": {"items": "x"}}}'}, None, "acme.N.a is not a"),
    "no such package": (None, "acme = acme_elsewhere", "finds no package acme_elsewhere"),
    "no such inner package": (None, "acme = acme.inner", "there is no package acme.inner"),
    "an object": (None, "acme = acme.net:Net", "must be the name of a package"),
    "no value": (None, "acme", "must be the name of a package"),
    "a script": (None, "acme = rm -rf /", "must be the name of a package"),
    "a module": (None, "acme = yaml_module", "is a single module"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_package_is_left_out_with_one_line(install: Install, capsys, tmp_path, monkeypatch, what: str) -> None:
    files, entry, reason = BROKEN[what]
    (tmp_path / "yaml_module.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    install("acme", files, entry)
    install("bravo")
    code, out, err = said_by(capsys, "list", "models")
    assert code == 0 and "resnet50" in out and "bravo_net" in out
    assert err.count("\n") == 1 and err.startswith("warning: package acme is left out: ") and reason in err
    assert "pip uninstall acme" in err
    assert said_by(capsys, "list", "data")[2] == "", "it is said once"


def test_a_broken_package_stops_no_run(install: Install) -> None:
    install("acme", {"conf/family/x.yaml": ""})
    assert main.train(["model=mlp", "--cfg", "job"]) == 0


def test_unreadable_metadata_of_another_package_is_skipped(install: Install) -> None:
    site = install("acme").parent
    other = site / "other-1.0.dist-info"
    other.mkdir()
    (other / "entry_points.txt").write_bytes(b"\xff\xfe[netyard]\nno line\x00")
    (site / "bare-1.0.dist-info").mkdir()
    (site / "bare-1.0.dist-info" / "entry_points.txt").write_text("[netyard]\nbare = bare\n", encoding="utf-8")
    assert [each.name for each in plugins.installed()] == ["acme"]
    assert [each.name for each in plugins.faults()] == ["bare"]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("raise KeyError('at import')\n", "KeyError"),
        ("import a_module_that_is_nowhere\n", "a_module_that_is_nowhere"),
        ("class Net(:\n", "SyntaxError"),
        ("class Net:\n    def __init__(self, **keys): raise KeyError('in the constructor')\n", "KeyError"),
        ("class Net:\n    def __init__(self, **keys): raise ValueError('of theirs')\n", "of theirs"),
        ("class Net:\n    def __init__(self, **keys): import torch; torch.zeros(2) @ torch.zeros(3)\n", "RuntimeError"),
    ],
    ids=["import", "missing", "syntax", "constructor", "value", "torch"],
)
def test_error_in_a_package_is_not_a_bug_of_netyard(install: Install, module: str, words: str) -> None:
    """Each has a name of its own, for a module that was imported stays."""
    name = f"acme_{abs(hash(module))}"
    install(name, {"net.py": module, f"conf/model/{name}.yaml": f"_target_: {name}.net.Net\n"})
    with pytest.raises(Exception) as raised:
        build({"_target_": f"{name}.net.Net", "num_outputs": 1})
    told = explain(raised.value)
    assert isinstance(told, ForeignCodeError) and told.exit_code == 2 and name in str(told) and words in str(told)


def test_an_editable_install_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a finder of its own, as setuptools makes one, which knows where the top level of a package is."""
    from importlib.machinery import ModuleSpec, PathFinder

    project = tmp_path / "project" / "code"
    (project / "acme_edited" / "conf" / "model").mkdir(parents=True)
    (project / "acme_edited" / "__init__.py").write_text("raise SystemExit", encoding="utf-8")
    (project / "acme_edited" / "conf" / "model" / "acme_edited_net.yaml").write_text("a: 1\n", encoding="utf-8")
    about = tmp_path / "site" / "acme_edited-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-edited\nVersion: 0.1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[netyard]\nacme = acme_edited\n", encoding="utf-8")

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            return PathFinder.find_spec(name, [str(project)]) if name == "acme_edited" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    [plugin] = plugins.installed()
    assert (plugin.name, plugin.distribution, plugin.folder) == ("acme", "acme-edited", project / "acme_edited")
    assert "acme_edited_net" in catalog.options("model")
