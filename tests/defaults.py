"""What each default reaches: every network and every data set with nothing else typed, beside what needs no network.

    make defaults                            # all of them, five seeds each; hours
    make defaults ARGS="model=mlp data=iris" # some of them: words of the commands, or globs (model=resnet*)
    python tests/defaults.py --seeds 1 --seconds 600 --table

Each run is `netyard.fit(WORDS, "seed=N")` in outputs/defaults, one after another on one thread. What is measured is
written to docs/defaults.csv, a row a run, after each run; a run whose row is there is not repeated, unless its config
has changed or --again is given, and one that was interrupted is resumed. At the end docs/defaults.md, the table in the
README and the lines `# Default: ...` in conf/family and conf/data are written from the rows.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import io
import json
import statistics
import time
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "outputs" / "defaults"
ROWS = ROOT / "docs" / "defaults.csv"
FIELDS = ("words", "seed", "config", "data", "metric", "value", "seconds", "epochs", "baseline", "baseline_value")

# Measured first, and shown in the README: what a beginner meets.
FIRST = (
    "model=mlp", "model=cnn", "data=iris", "data=wine", "data=breast_cancer", "data=diabetes",
    "model=gru data=sunspots", "model=autoencoder", "model=dqn", "model=vae", "model=gan", "model=lstm",
    "model=seq2seq", "model=lstm data=python_source", "model=resnet18",
)  # fmt: skip
# The data sets that need no download, with networks that fit them.
PAIRS = ("model=mlp data=sunspots", "model=autoencoder data=wine", "model=vae data=wine", "model=gan data=wine")
# The measure of each task, of which smaller ones are better in LESS.
METRICS = {
    "classification": "accuracy", "regression": "rmse", "forecasting": "mase", "language": "bits_per_character",
    "translation": "exact_match", "reconstruction": "psnr", "variational": "frechet_distance",
    "vector_quantized": "psnr", "adversarial": "frechet_distance", "q_learning": "return",
    "denoising": "psnr", "sparse_coding": "psnr", "contraction": "psnr", "wasserstein": "frechet_distance",
}  # fmt: skip
MARK = "# Default:"
LESS = ("mse", "rmse", "mase", "bits_per_character", "frechet_distance")


def commands() -> list[str]:
    """The words of every default, in the order in which they are measured."""
    from netyard.config import catalog

    # timm alone is the name of a library; a network of it has a name of its own.
    sizes = catalog.parameters()
    models = sorted(catalog.variants(), key=lambda name: sizes.get(name, 0))
    return list(dict.fromkeys([*FIRST, *PAIRS, *(f"model={name}" for name in models if name != "timm")]))


def fingerprint(words: str) -> str:
    """Eight digits that change if a default changes."""
    from omegaconf import OmegaConf

    from netyard.config.compose import compose

    config: Any = OmegaConf.to_container(compose(words.split())[0])
    kept = {key: config[key] for key in ("model", "data", "task", "loss", "optimizer", "scheduler", "augmentation")}
    kept["epochs"] = config["trainer"]["max_epochs"]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]


def metric_of(task: str) -> str:
    """The name of the measure of a task, also of a variant: adversarial_r1, double_q_learning."""
    return next(f"test/{metric}" for name, metric in METRICS.items() if name in task)


def measure(words: str, seed: int, config: str) -> dict[str, Any]:
    """Train and test one default, or what is left of it; its row."""
    import netyard

    path = RUNS / words.replace("=", "-").replace(" ", "_") / f"{config}-{seed}"
    began = time.process_time()
    status = json.loads((path / "status.json").read_text())["state"] if (path / "status.json").exists() else None
    if status != "completed":
        typed = [f"resume={path}"] if status else [*words.split(), f"seed={seed}", "threads=1", f"hydra.run.dir={path}"]
        with contextlib.redirect_stdout(io.StringIO()):
            netyard.fit(*typed)
    results = json.loads((path / "results.json").read_text())
    name = metric_of(results["task"])
    name = name if name in results["metrics"] else "test/mse"  # rows of a table have no signal-to-noise ratio
    return {
        "words": words, "seed": seed, "config": config, "data": results["data"], "metric": name,
        "value": f"{results['metrics'][name]:.5g}", "seconds": round(time.process_time() - began, 1),
        "epochs": results["epochs"], **_best(name, results.get("baselines", {}).get(name, {})),
    }  # fmt: skip


def with_baselines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, of which those that were measured without baselines have got them."""
    import netyard

    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        key = (row["data"], row["metric"])
        if row["baseline"] or key in found:
            continue
        path = RUNS / "baselines" / "-".join(key).replace("/", "-")
        with contextlib.redirect_stdout(io.StringIO()):
            results = path / "results.json"
            run = None if results.exists() else netyard.baseline(*row["words"].split(), f"hydra.run.dir={path}")
        every = run.baselines if run else json.loads(results.read_text())["baselines"]
        found[key] = every.get(row["metric"], {})
        print(*key, found[key], flush=True)
    return [
        row if row["baseline"] else {**row, **_best(row["metric"], found[row["data"], row["metric"]])} for row in rows
    ]


def _best(metric: str, baselines: dict[str, float]) -> dict[str, str]:
    """The fields of a row for the best of its baselines, which are empty if there is none."""
    if not baselines:
        return {"baseline": "", "baseline_value": ""}
    pick = min if metric.partition("/")[2] in LESS else max
    name = pick(baselines, key=lambda each: baselines[each])
    return {"baseline": name, "baseline_value": f"{baselines[name]:.5g}"}


def read() -> list[dict[str, str]]:
    """The rows that are there."""
    with ROWS.open(newline="") if ROWS.exists() else io.StringIO() as file:
        return list(csv.DictReader(file))


def write(rows: Sequence[dict[str, Any]]) -> None:
    """All rows, in the order of their commands and seeds."""
    order = {words: number for number, words in enumerate(commands())}
    rows = sorted(rows, key=lambda row: (order.get(row["words"], len(order)), row["words"], int(row["seed"])))
    draft = ROWS.with_suffix(".draft")
    with draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draft.replace(ROWS)


def _named(words: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(word, pattern) for pattern in patterns for word in (words, *words.split()))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="of the commands to run, as model=mlp or model=resnet*; all without")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no run after so many")
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    parser.add_argument("--baselines", action="store_true", help="only add baselines to rows that have none")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    if asked.baselines:
        write(with_baselines(read()))
    asked.table |= asked.baselines
    chosen = [words for words in commands() if not asked.words or _named(words, asked.words)]
    if not asked.table:
        import netyard.training.fit  # noqa: F401  (seconds that would be counted as those of the first run)
    configs = {} if asked.table else {words: fingerprint(words) for words in chosen}
    # All defaults with one seed before any with two: what is missing in the end is the spread.
    for seed in range(0 if asked.table else asked.seeds):
        for words in chosen:
            rows = [row for row in read() if row["words"] != words or row["config"] == configs[words]]
            same = [row for row in rows if row["words"] == words and int(row["seed"]) == seed]
            if same and not asked.again:
                continue
            if time.monotonic() - began > asked.seconds:
                break
            row = measure(words, seed, configs[words])
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            write([each for each in rows if each not in same] + [row])
    write_tables()


# The tables


def summaries(rows: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """One for each command: mean and deviation over its seeds, and the best baseline."""
    found = []
    for words in dict.fromkeys(row["words"] for row in rows):
        runs = [row for row in rows if row["words"] == words]
        values = [float(row["value"]) for row in runs]
        # They belong to data and metric, whatever the network.
        same = [row for row in rows if row["baseline"] and all(row[key] == runs[0][key] for key in ("data", "metric"))]
        baselines = [float(row["baseline_value"]) for row in same]
        found.append({
            **runs[0],
            "baseline": same[-1]["baseline"] if same else "",
            "n": len(runs),
            "mean": statistics.mean(values),
            "std": statistics.stdev(values) if len(values) > 1 else None,
            "seconds": statistics.median(float(row["seconds"]) for row in runs),
            "against": statistics.mean(baselines) if baselines else None,
        })  # fmt: skip
    return found


def digits(value: float) -> str:
    """Four significant digits, as scores are compared by."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def score(row: dict[str, Any]) -> str:
    return digits(row["mean"]) + (f" ± {digits(row['std'])}" if row["std"] is not None else "")


def baseline(row: dict[str, Any]) -> str:
    return f"{row['baseline'].replace('_', ' ')} {digits(row['against'])}" if row["against"] is not None else ""


def better(row: dict[str, Any]) -> str:
    """Whether the network is better than the best baseline, and by how much it is not."""
    if row["against"] is None:
        return ""
    gain = (row["mean"] - row["against"]) * (-1 if row["metric"].partition("/")[2] in LESS else 1)
    return "yes" if gain > 0 else "equal" if gain == 0 else f"no, by {digits(-gain)}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """In Markdown, a row a command."""
    lines = ["| command | data | metric | score | seeds | epochs | seconds | best baseline | better |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        metric = row["metric"].partition("/")[2].replace("_", " ") + " (less is better)" * (
            row["metric"].partition("/")[2] in LESS
        )
        cells = [f"`{row['words']}`", row["data"], metric, score(row), row["n"], row["epochs"], round(row["seconds"])]
        lines.append("| " + " | ".join(map(str, [*cells, baseline(row), better(row)])) + " |")
    return "\n".join(lines)


def headline(rows: Sequence[dict[str, Any]], named: bool) -> str:
    """The comment in the file of a family or of a data set."""
    parts = []
    for row in rows:
        metric = row["metric"].partition("/")[2].replace("_", " ")
        what = row["model"]
        where = f" on {row['data']}" if named else ""
        than = f", {baseline(row)}" if baseline(row) else ""
        parts.append(f"{what}{where} {metric} {score(row)} (n={row['n']}, {round(row['seconds'])} s{than})")
    return f"{MARK} {'; '.join(parts)}."


def between(text: str, new: str) -> str:
    """A page with another text between its two marks."""
    start, end = "<!-- defaults -->", "<!-- /defaults -->"
    before, _, rest = text.partition(start)
    assert end in rest, "the page has no place for the table"
    return f"{before}{start}\n{new}\n{end}{rest.partition(end)[2]}"


def with_headline(text: str, line: str | None) -> str:
    """A file of ``conf/`` whose second line, or the one that begins with the mark, is this one."""
    lines = [each for each in text.splitlines() if not each.startswith(MARK)]
    return "\n".join([lines[0], *([line] if line else []), *lines[1:]]) + "\n"


def pages(rows: Sequence[dict[str, str]], root: Path = ROOT) -> dict[Path, str]:
    """The content of every file that shows the rows."""
    from netyard.config import catalog

    found, every = {}, summaries(rows)
    shown = [row for row in every if row["words"] in FIRST]
    for path, chosen in ((root / "docs" / "defaults.md", every), (root / "README.md", shown)):
        found[path] = between(path.read_text(encoding="utf-8"), table(chosen))
    for row in every:
        model = dict(word.split("=") for word in row["words"].split()).get("model", "mlp")
        row |= {"model": model, "family": catalog.family_of(model)}
    for group, key in (("family", "family"), ("data", "data")):
        for path in sorted((root / "conf" / group).glob("*.yaml")):
            # A family says what its networks reach on their own data, a data set what its own network reaches.
            own = [row for row in every if row[key] == path.stem]
            own = [row for row in own if row["words"] in FIRST or group == "family"][:2] or own[:1]
            text = path.read_text(encoding="utf-8")
            found[path] = with_headline(text, headline(own, named=group == "family") if own else None)
    return found


def write_tables() -> None:
    """Write the tables, the headlines and the pictures."""
    for path, text in pages(read()).items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
