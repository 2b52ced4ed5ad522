"""headline.py: one table of every system on every set at one recall, for the main README, from the CSV files that were published:

    python -m compare.headline          in bench/; --publish does it, too

Of each set the widest suite that this kind of machine has published is taken."""

import csv
import os
import re
from collections import defaultdict
from statistics import median

from compare import machine, report, scoring, setup

LEVEL = 0.95
SETS = (("SIFT, 1M x 128", ("frontier-sift", "sift-ivfpq")),
        ("speech, 298k x 256", ("speech-ivfpq",)),
        ("words, 140k x 200, inner product", ("frontier-words", "words-ip")))


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def operating_points(samples):
    """{(system, batch): [(recall, median queries/s, median p50 us, label)]} of the samples of a points.csv."""
    rounds = defaultdict(list)
    for sample in samples:
        if sample["state"] == "ok" and sample["batch_qps"]:
            rounds[sample["system"], sample["batch"], sample["label"], sample["params"]].append(sample)
    points = defaultdict(list)
    for (system, batch, label, _), taken in rounds.items():
        middle = [median(float(sample[name]) for sample in taken) for name in ("recall@10", "batch_qps", "p50_us")]
        points[system, batch].append((*middle, label))
    return points


def row(system, points, builds):
    """One line of the table, its rate first, or None where the system does not reach the recall."""
    many, alone = points[system, "all"], points[system, "1"]
    rate, how = scoring.at_level([(recall, qps) for recall, qps, _, _ in many], LEVEL, max)
    wait, wait_how = scoring.at_level([(recall, p50) for recall, _, p50, _ in alone], LEVEL, min)
    if rate is None or wait is None:
        return None
    label = max((point for point in many if point[0] >= LEVEL), key=lambda point: point[1])[3]
    by = min((point for point in alone if point[0] >= LEVEL), key=lambda point: point[2])[3]
    build = next(b for b in builds if b["system"] == system and b["label"] == label)
    seconds = float(build["train_s"]) + float(build["add_s"])
    return rate, [system, label, "≥ " * (how == "from") + report.number(rate), "≤ " * (wait_how == "from") + report.number(wait) + (" (%s)" % by) * (by != label),
                  report.number(seconds), report.number(float(build["bytes_per_vector"]))]


def table(folder, kind):
    lines = []
    for title, names in SETS:
        found = [name for name in names if os.path.exists(os.path.join(folder, "%s-%s-points.csv" % (name, kind)))]
        if not found:
            continue
        path = os.path.join(folder, "%s-%s-" % (found[0], kind))
        points, builds = operating_points(read(path + "points.csv")), read(path + "builds.csv")
        rows = [row(system, points, builds) for system in dict.fromkeys(system for system, _ in points)]
        for number, (_, cells) in enumerate(sorted((r for r in rows if r), reverse=True)):
            lines.append([title if number == 0 else ""] + [report.cell(text) for text in cells])
    return report.table(["at recall@10 %.2f" % LEVEL, "system", "its setting", "queries/s", "one query, us", "build s", "bytes a row"], lines)


def facts(bench_readme, kind):
    """On what each set was measured, from the tables in bench/README.md; sets of one run in one line."""
    lines = defaultdict(list)
    for title, names in SETS:
        sections = (re.search("<!-- begin %s-%s -->(.*?)<!-- end" % (name, kind), bench_readme, re.S) for name in names)
        section = next((found[1] for found in sections if found), None)
        if section:
            known = dict(re.findall(r"^\| ([a-z ]+) \| (.+?) \|$", section, re.M))
            blas = dict.fromkeys(re.findall(r"(?:OpenBLAS|MKL)[^|]*(?= \|)", section)) or ("no BLAS",)
            lines["%s; %s; threads: %s; %s; %s" % (known["machine"], known["instruction sets"], known["threads"], ", ".join(blas),
                                                   known["date"])].append(title.split(",")[0])
    return ["- %s: %s" % (", ".join(titles), text) for text, titles in lines.items()]


def publish(root):
    """Puts the table between the marks `headline` in README.md; nothing without the marks."""
    kind, readme = machine.kind(), os.path.join(root, "README.md")
    with open(readme) as file:
        text = file.read()
    if "<!-- begin headline -->" not in text:
        return
    with open(os.path.join(root, "bench", "README.md")) as file:
        notes = facts(file.read(), kind)
    with open(readme, "w") as file:
        file.write(report.with_section(text, "headline", "\n".join(table(os.path.join(root, "bench", "pictures"), kind) + notes)))


if __name__ == "__main__":
    publish(setup.ROOT)
