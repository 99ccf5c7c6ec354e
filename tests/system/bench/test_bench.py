"""The benchmarks run and measure what they say; how fast is not for a test to judge."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from netyard import checkpoint

BENCH = Path(__file__).resolve().parents[3] / "bench"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_benchmark_is_in_the_readme_and_in_this_file() -> None:
    names = [path.name for path in sorted(BENCH.glob("*.py"))]
    for name in names:
        assert f"python bench/{name}" in (BENCH / "README.md").read_text(encoding="utf-8")
        assert f'script("{name.removesuffix(".py")}")' in Path(__file__).read_text(encoding="utf-8")


def test_tokens_a_second(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = ("data.max_characters=20000", "data.batch_size=4", "data.sequence_length=32", "model=lstm_tiny")
    monkeypatch.setattr(sys, "argv", ["bench/tokens.py", *small])
    monkeypatch.setattr(sys, "path", list(sys.path))
    tokens = script("tokens")
    tokens.main()
    numbers = re.findall(r"\d[\d,]*\.?\d*", capsys.readouterr().out.splitlines()[-1])
    ours, bare, ratio = (float(number.replace(",", "")) for number in numbers)
    assert ratio == pytest.approx(ours / bare, rel=0.01)


def test_the_bare_loop_learns_too() -> None:
    """The same steps on the same batches, or there would be nothing to compare."""
    tokens = script("tokens")
    text = torch.arange(48).remainder(5).view(1, 48) + 4
    beside = tokens.Beside()
    net = SimpleNamespace(
        embedding=torch.nn.Embedding(9, 8), layers=SimpleNamespace(groups=[torch.nn.LSTM(8, 16, batch_first=True)])
    )
    optimizer = torch.optim.Adam(net.embedding.parameters(), lr=0.03)
    beside.on_train_start(SimpleNamespace(optimizers=[optimizer]), SimpleNamespace(net=net))
    for _ in range(40):
        beside.on_train_epoch_start(None, None)
        for chunk in range(3):
            x = text[:, chunk * 15 : chunk * 15 + 15]
            beside.on_train_batch_end(None, None, None, (x, text[:, chunk * 15 + 1 : chunk * 15 + 16]), chunk)
    assert len(beside.ours) == len(beside.bare) == 80, "the first step of an epoch has no time of its own"
    logits, _ = beside.net(text[:, :-1], None)
    assert (logits.argmax(dim=2) == text[:, 1:])[:, 5:].all()


def test_steps_of_agents(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    agents = script("agent_steps")
    small = ["data.steps_per_epoch=1000", "trainer.max_epochs=1", "data.steps_per_batch=250"]
    monkeypatch.setattr(agents, "WARM_UP", 250)
    monkeypatch.setitem(sys.modules, "agent_steps", agents)
    monkeypatch.setattr(agents, "StableBaselines3", lambda **_: (_ for _ in ()).throw(ImportError()))
    monkeypatch.setattr(sys, "argv", ["bench/agent_steps.py", *small])
    monkeypatch.setattr(sys, "path", list(sys.path))
    agents.main()
    said = capsys.readouterr().out
    assert "is not installed" in said
    speeds = [float(text.replace(",", "")) for text in re.findall(r"([\d,]+) steps/s", said)]
    assert len(speeds) == 6 and min(speeds) > 0


def test_the_loop_by_hand_computes_the_gradient_of_autograd() -> None:
    agents = script("agent_steps")
    loop = agents.ByHand([8, 6], 16, 0.01, 10, 1, 50)
    weights = [torch.tensor(each.T if each.ndim == 2 else each, requires_grad=True) for each in loop.weights]
    loop.advance(200)
    rows = np.arange(16)
    with torch.no_grad():
        best = torch.tensor(loop.forward(loop.after[rows], loop.old)[-1].max(axis=1))
    x = torch.tensor(loop.frames[rows])
    for place in range(0, 6, 2):
        x = torch.nn.functional.linear(x, weights[place], weights[place + 1])
        x = x.relu() if place < 4 else x
    goal = 1.0 + 0.99 * (1 - torch.tensor(loop.ended[rows])) * best
    value = x[torch.arange(16), torch.tensor(loop.actions[rows])]
    torch.nn.functional.huber_loss(value, goal).backward()
    expected = torch.optim.Adam(weights, lr=0.01)
    expected.step()
    loop.update(rows)
    for own, its in zip(loop.weights, weights, strict=True):
        np.testing.assert_allclose(own.T if own.ndim == 2 else own, its.detach().numpy(), atol=1e-4)


def test_an_ngram_model_knows_what_it_can_know() -> None:
    baselines = script("text_baselines")
    rng = np.random.default_rng(0)
    cycle = np.tile(np.arange(4), 500)
    assert baselines.ngram_nats(cycle, cycle[:200], 4) < 0.02, "what always follows"
    noise = rng.integers(0, 4, 200_000)
    assert baselines.ngram_nats(noise, rng.integers(0, 4, 2000), 4) == pytest.approx(math.log(4), rel=0.02)
    strangers = baselines.ngram_nats(cycle, rng.permutation(np.arange(4, 14)), 14)
    assert strangers > math.log(14), "never seen, so less likely than a guess"


def test_its_probabilities_sum_to_one() -> None:
    """Over every token that may follow one context."""
    baselines = script("text_baselines")
    train = np.random.default_rng(1).integers(0, 5, 400)
    context = train[10:15]
    chances = [math.exp(-baselines.ngram_nats(train, np.append(context, token), 6)) for token in range(6)]
    assert sum(chances) == pytest.approx(1.0)


def test_baselines_of_the_standard_library(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["bench/text_baselines.py", "data.max_characters=60000"])
    script("text_baselines").main()
    bits = [float(text) for text in re.findall(r"([\d.]+) bits", capsys.readouterr().out)]
    assert len(bits) == 2 and all(1 < each < 6 for each in bits)


def test_cpu_seconds_of_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = script("startup")
    commands = bench.ways()
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    light = {name: words for name, words in commands.items() if "--help" in words or "query" in words}
    assert len(light) == 2
    monkeypatch.setattr(bench, "ways", lambda: {bench.REFERENCE: ["-c", busy], **light})
    monkeypatch.setattr(sys, "argv", ["bench/startup.py", "--rounds", "1"])
    bench.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [name for name, _, _ in rows] == [bench.REFERENCE, *light]
    assert 0.5 <= float(rows[0][1]) < 1 and rows[0][2] == "1.00"


def test_the_run_of_the_start_ends_before_its_first_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bench = script("startup")
    words = next(words for words in bench.ways().values() if any("first_step" in word for word in words))
    assert bench.cpu_seconds(words, str(tmp_path)) > 0
    (begun,) = tmp_path.glob("*/*/status.json")
    assert json.loads(begun.read_text(encoding="utf-8"))["state"] == "running"
    assert not list(begun.parent.glob("checkpoints/*")), "it has trained"


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # timm's files
def test_images_a_second_of_a_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    small = ["--pictures", "80", "--rounds", "1", "--workers", "0", "--size", "32"]
    monkeypatch.setattr(sys, "argv", ["bench/image_folder.py", *small])
    try:
        script("image_folder").main()
    finally:
        torch.set_num_threads(threads)
    heads, _, *rows, _, cache = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows] == ["loader alone", "training"]
    for row in rows:
        rates = {head.removesuffix(", images/s"): float(cell) for head, cell in zip(heads[2:6], row[2:6], strict=True)}
        for head, cell in zip(heads[6:], row[6:], strict=True):
            one, other = head.split(" to ")
            assert float(cell) == pytest.approx(rates[one] / rates[other], rel=0.1)
    assert cache[0].startswith("the cache: 0.4 MB, made in ")


def test_seconds_a_job_of_a_sweep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = script("sweep_jobs")
    monkeypatch.setattr(bench, "JOB", ["model=mlp_tiny", "trainer.max_epochs=1", "threads=1"])
    monkeypatch.setattr(sys, "argv", ["bench/sweep_jobs.py", "--jobs", "2", "--rounds", "1", "--alone", "1"])
    bench.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == len(bench.ways()) + 1
    series = float(rows[0][1])
    assert all(float(row[2].rstrip(" |")) == pytest.approx(float(row[1]) / series, abs=0.02) for row in rows)


def test_milliseconds_a_save(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench/saving.py", "--rounds", "2", "--megabytes", "3"])
    saving = script("saving")
    saving.main()
    rows = [
        [float(cell) for cell in line.strip("| ").split(" | ")[1:]] for line in capsys.readouterr().out.splitlines()[2:]
    ]
    assert len(rows) == 3 and all(least <= median for median, least, *_ in rows)
    assert (rows[0][2], rows[1][3]) == (1.0, 1.0)
    assert [*tmp_path.iterdir()] == []


def test_what_is_saved_is_what_a_run_saves(tmp_path: Path) -> None:
    saving = script("saving")
    state = saving.state_of(3)
    saving.Ours()(state, tmp_path)
    found = checkpoint.read(tmp_path / "checkpoints" / "best.ckpt")
    assert torch.equal(found["state_dict"]["layers.0.weight"], state["state_dict"]["layers.0.weight"])


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a benchmark of training changes of the process is put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("FORCE_COLOR", "TERM"):
        monkeypatch.setenv(name, "")


def numbers_of(row: str) -> list[float]:
    return [float(cell.replace(",", "")) for cell in row.strip("| ").split(" | ")[1:]]


def test_seconds_an_epoch(beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    epochs = script("epochs")
    monkeypatch.setitem(sys.modules, "epochs", epochs)
    monkeypatch.setattr(epochs, "pictures", lambda: ["data=digits"])
    monkeypatch.setattr(sys, "argv", ["bench/epochs.py", "--rounds", "1", "model=mlp_tiny"])
    epochs.main()
    rows = capsys.readouterr().out.splitlines()[3:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| netyard", "| bare tensor loop", "| DataLoader loop", "| template",
    ]  # fmt: skip
    samples = {seconds * rate for seconds, rate, _ in map(numbers_of, rows) if seconds > 0.1}
    assert all(each == pytest.approx(1293 // 64 * 64, rel=0.1) for each in samples)
    assert numbers_of(rows[0])[2] == 1 and numbers_of(rows[3])[2] > 1


def test_what_a_step_costs(beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    steps = script("trainer_steps")
    monkeypatch.setitem(sys.modules, "trainer_steps", steps)
    argv = [
        "bench/trainer_steps.py",
        "--steps",
        "20",
        "--only",
        "torchmetrics",
        "data.size=4000",
        "model.hidden_sizes=[8]",
    ]
    monkeypatch.setattr(sys, "argv", argv)
    steps.main()
    ours, bare, more, ratio = numbers_of(capsys.readouterr().out.splitlines()[-1])
    assert ours > bare > 0 and more > 0 and ratio == pytest.approx(bare / ours, abs=0.01)


def test_peak_memory(beside) -> None:
    peak = script("memory").alone("bare tensor loop", ["data=digits", "model=mlp_tiny"])
    assert 50 < peak < 50_000


def test_the_tensor_loop_learns(beside) -> None:
    script("epochs")  # puts the folder of the others on the path
    from rivals import Samples
    from rivals.tensor_loop import TensorLoop

    x = torch.randint(0, 256, (256, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    y = (x[:, 0, 0, 0] > 127).long()
    half = torch.tensor([[[0.5]]])
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    loop = TensorLoop(net, Samples(x, y, x, y, half, half, 32), lr=0.03)
    assert min(loop.epoch() for _ in range(20)) > 0
    assert loop.scores["val/accuracy"] > 0.9 and loop.scores["train/loss"] < 0.4


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would measure for minutes")
def test_without_a_gpu_it_says_so(beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench/on_gpu.py"])
    script("on_gpu").main()
    assert capsys.readouterr().out.startswith("no GPU here: nothing was measured")


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("NVIDIA A100-SXM4-80GB", "39% of its bfloat16 peak; 2.00 times the 2,470 published"),
        ("NVIDIA A10G", "97% of its bfloat16 peak; none published"),
        ("NVIDIA L40", "67% of its bfloat16 peak; none published"),
        ("Tesla V100-SXM2-16GB", "a card whose peak is not known here; 4.12 times the 1,200 published"),
    ],
)
def test_images_a_second_beside_what_a_card_can_do(card: str, said: str) -> None:
    assert script("on_gpu").standing(4940, card) == f"{card}: {said}"
