"""report.py: the tables of a suite, as Markdown and CSV.

Rates are compared at equal recall: on each system's front of (recall, queries/s) the logarithm of the rate is interpolated."""

import csv
import os
import re
from collections import defaultdict

import numpy as np

from compare import scoring

K = 10


def curves(plan, rows, batch, value, sample=None):
    """{name: [(recall, value)]} of one batch size: of the medians, or of one round. Systems are joined where the plan says so."""
    found = defaultdict(list)
    for row in rows:
        name = row.entry.system if row.entry.system in plan.joined else row.name
        for (of_batch, _), point in row.points.items():
            if of_batch != batch or point.failure or row.failure or not point.samples:
                continue
            values = point.values(value)
            found[name].append((point.recalls[K], float(np.median(values)) if sample is None else values[min(sample, len(values) - 1)]))
    return dict(found)


def levels(plan, rows):
    """The recalls to compare at. Where the plan names none: what the first points reach, the best of them."""
    if plan.levels:
        return plan.levels
    first = [row.points[batch, 0].recalls[K] for row in rows for batch in plan.batches
             if not row.failure and (batch, 0) in row.points and row.points[batch, 0].samples]
    return (max(first),) if first else ()


def batch_name(batch):
    return {0: "all queries in one call", 1: "one query a call"}.get(batch, "{:,} queries a call".format(batch))


def number(value):
    if value >= 100:
        return "{:,.0f}".format(value)
    return "%.3g" % value


def spread(values):
    """median (least..most); of a single value that value alone"""
    if len(values) == 1:
        return number(values[0])
    return "%s (%s..%s)" % (number(float(np.median(values))), number(min(values)), number(max(values)))


def seconds(values):
    """As spread(), without digits that no clock has; - where there is no such step."""
    if max(values) < 0.001:
        return "-"
    return spread([round(value, 3) for value in values])


def table(header, lines):
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)] + ["| " + " | ".join(line) + " |" for line in lines] + [""]


def cell(text):
    """Of any text one line that a table takes."""
    return " ".join(text.split()).replace("|", "\\|")[:200]


def at_levels(plan, rows, batch, value, better):
    """[(level, {name: (values of the rounds, how)})]"""
    rounds = max((len(p.samples) for row in rows for p in row.points.values()), default=0)
    found = []
    for level in levels(plan, rows):
        cells = {}
        for sample in range(rounds):
            for name, points in curves(plan, rows, batch, value, sample).items():
                reached, how = scoring.at_level(points, level, better)
                if reached is not None:
                    cells.setdefault(name, ([], how))[0].append(reached)
        found.append((level, cells))
    return found


def equal_recall(plan, rows):
    """A table for each batch size: queries/s (for calls of one query also the latency) at the same recalls."""
    lines = []
    for batch in plan.batches:
        value, better, unit = ("p50_us", min, "median us") if batch == 1 else ("batch_qps", max, "queries/s")
        names = list(curves(plan, rows, batch, value))
        if not names:
            continue
        lines += ["**%s: %s at equal recall**, median (least..most) of the rounds" % (batch_name(batch)[0].upper() + batch_name(batch)[1:], unit), ""]
        body = [[("recall@10 %.3f" % level)] + [level_cell(cells.get(name), better) for name in names]
                for level, cells in at_levels(plan, rows, batch, value, better) if cells]
        lines += table([""] + names, body)
    return lines


def level_cell(found, better):
    if found is None:
        return "not reached"
    values, how = found
    return ("" if how != "from" else "≥ " if better is max else "≤ ") + spread(values)


def points_table(plan, rows):
    header = ["system", "setting", "calls", "recall@1", "recall@10", "queries/s", "p50 us", "p99 us"]
    lines = []
    for row in rows:
        for (batch, _), point in sorted(row.points.items(), key=lambda item: (item[0][0] != plan.batches[0], item[0])):
            if point.failure or row.failure or not point.samples:
                continue
            lines.append([row.name, setting(point), str(batch or "all"), "%.4f" % point.recalls[1], "%.4f" % point.recalls[10],
                          number(point.median("batch_qps")), number(point.median("p50_us")), number(point.median("p99_us"))])
    return table(header, lines)


def first_line(text):
    return text.strip().split("\n")[0]


def status(row):
    if row.failure:
        return cell(first_line(row.failure))
    left_out = [point.failure for point in row.points.values() if point.failure]
    return "ran" if not left_out else cell("ran; %d points left out: %s" % (len(left_out), first_line(left_out[0])))


def version(row):
    identity = row.identity
    parts = (" ".join(str(identity.get(name, "")) for name in ("version", "isa")), str(identity.get("blas", "")))
    return cell(", ".join(part for part in parts if part.strip())) or "-"


def built_with(row):
    threads = "%d thread%s" % (row.build_threads, "s" * (row.build_threads != 1))
    return threads + (", kept" if row.kept else "")


def build_table(rows):
    header = ["system", "version, ISA, BLAS", "train s", "add s", "built with", "peak MB", "bytes/vector", "state"]
    lines = []
    for row in rows:
        if not row.builds:
            lines.append([row.name, version(row)] + ["-"] * 5 + [status(row)])
            continue
        first = row.builds[0]  # later builds reuse freed memory: only the first one's peak is what a fresh program needs
        lines.append([row.name, version(row), seconds([b["train_s"] for b in row.builds]), seconds([b["add_s"] for b in row.builds]),
                      built_with(row), number(first["peak_bytes"] / 1e6), "%.1f" % first["bytes_per_vector"], status(row)])
    kept = ["kept: the index is from the cache; its seconds are those of the processor, divided by the threads.", ""]
    return table(header, lines) + kept * any(row.kept for row in rows)


def cheapest(row_points, level, batch):
    """(row, point) with the most queries/s of those with at least this recall, or None."""
    value, sign = ("p50_us", 1) if batch == 1 else ("batch_qps", -1)
    reached = [(row, point) for row, point in row_points if point.recalls[K] >= level]
    return min(reached, key=lambda found: sign * found[1].median(value), default=None)


def front_settings(plan, rows):
    """For systems of several entries in one front: what is fastest from each level up."""
    lines = []
    for system in dict.fromkeys(row.entry.system for row in rows if row.entry.system in plan.joined):
        for batch in plan.batches:
            found = [(row, point) for row in rows if row.entry.system == system and not row.failure
                     for (of_batch, _), point in row.points.items() if of_batch == batch and point.samples and not point.failure]
            best = [cheapest(found, level, batch) for level in levels(plan, rows)]
            lines.append([system, batch_name(batch)] + ["%s: %s" % (b[0].entry.label, setting(b[1])) if b else "not reached" for b in best])
    if not lines:
        return []
    header = ["system", "calls"] + ["%.2f" % level for level in levels(plan, rows)]
    return ["**The fastest setting measured with at least this recall@10**", ""] + table(header, [[cell(c) for c in line] for line in lines])


def setting(point):
    return " ".join("%s=%s" % item for item in point.params.items()) or "-"


def compilers(rows):
    found = {row.entry.system: row.identity.get("compiler") for row in rows if row.identity.get("compiler")}
    return "; ".join("%s: %s" % item for item in found.items())


def head(name, about, plan, rows, options, machine):
    facts = machine + [("compiled", compilers(rows)), ("threads", str(options.threads)), ("data", plan.dataset.describe()),
                       ("rounds", "%d, alternating" % options.rounds)]
    if hasattr(plan, "batches"):
        facts.append(("seconds of a measurement", "%g" % options.seconds))
    lines = ["### %s: %s" % (name, about), ""] + table(["", ""], [[key, cell(value)] for key, value in facts])
    return lines + ["- " + note for note in plan.dataset.notes + plan.notes] + [""]


def not_yet(rows):
    """Says of lutra what it answered to a factory string that it does not know: no list of ours that could be out of date."""
    refused = [row for row in rows if row.entry.system == "lutra" and row.identity and not row.builds and row.failure]
    return [line for row in refused for line in ("**lutra has no %s yet**: %s" % (row.entry.label, cell(first_line(row.failure))), "")]


def search_report(plan, rows):
    return not_yet(rows) + equal_recall(plan, rows) + front_settings(plan, rows) + build_table(rows), points_table(plan, rows)


def cluster_levels(rows):
    """Inertias to compare at: the best one seen, and 1%, 2% and 5% above it."""
    seen = [point.inertia for row in rows if not row.failure for point in row.points.values()]
    return [(1 + share) * min(seen) for share in (0.001, 0.005, 0.01, 0.02, 0.05)] if seen else []


def seconds_at(row, level, sample):
    """Seconds until the inertia is reached, their logarithm interpolated; or None."""
    points = [(-point.inertia, point.values("seconds")[sample]) for point in row.points.values() if sample < len(point.samples)]
    return scoring.at_level(points, -level, min)


def cluster_report(plan, rows):
    wanted = cluster_levels(rows)
    lines = []
    for row in rows:
        cells = []
        for level in wanted if not row.failure else []:
            found = [seconds_at(row, level, sample) for sample in range(len(next(iter(row.points.values())).samples))]
            values = [value for value, _ in found if value is not None]
            cells.append(("≤ " if found[0][1] == "from" else "") + spread(values) if values else "not reached")
        best = "%.5g" % min(p.inertia for p in row.points.values()) if row.points and not row.failure else "-"
        lines.append([row.name, version(row)] + (cells or ["-"] * len(wanted)) + [best, status(row)])
    header = ["system", "version, ISA, BLAS"] + ["best + %.2g%%" % (100 * (level / min(wanted) * 1.001 - 1)) for level in wanted]
    title = ["**Seconds until the inertia is within so much of the best one seen**, median (least..most) of the rounds", ""]
    detail = [[row.name, str(point.params["iterations"]), "%.6g" % point.inertia, spread(point.values("seconds"))]
              for row in rows if not row.failure for point in row.points.values()]
    return title + table(header + ["best inertia", "state"], lines), table(["system", "iterations", "inertia", "seconds"], detail)


def write_csv(path, rows):
    """One line for each sample; a row that failed has one line that says why."""
    fields = ["system", "label", "version", "isa", "blas", "params", "batch", "round", "recall@1", "recall@10", "batch_qps", "p50_us",
              "p99_us", "inertia", "seconds", "state"]
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, fields, restval="", extrasaction="ignore", lineterminator="\n")
        out.writeheader()
        for row in rows:
            facts = {"system": row.entry.system, "label": row.entry.label, "version": row.identity.get("version"),
                     "isa": row.identity.get("isa"), "blas": row.identity.get("blas"), "state": cell(first_line(row.failure)) or "ok"}
            if not row.points:
                out.writerow(facts)
            for point in row.points.values():
                out.writerows(sample_lines(facts, point))


def sample_lines(facts, point):
    facts = dict(facts, params=" ".join("%s=%s" % item for item in point.params.items()), batch=point.batch or "all",
                 inertia=getattr(point, "inertia", ""), state=cell(point.failure) or facts["state"])
    facts.update({"recall@%d" % rank: "%.5f" % share for rank, share in point.recalls.items()})
    return [dict(facts, round=number + 1, **sample) for number, sample in enumerate(point.samples)] or [facts]


def write_builds_csv(path, rows):
    fields = ["system", "label", "build", "threads", "kept", "train_s", "add_s", "peak_bytes", "bytes_per_vector"]
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, fields, lineterminator="\n")
        out.writeheader()
        for row in rows:
            for at, build in enumerate(row.builds):
                out.writerow(dict(build, system=row.entry.system, label=row.entry.label, build=at + 1, threads=row.build_threads,
                                  kept="yes" if row.kept else "no"))


def write(folder, lines, detail, pictures):
    """report.md: the tables, the pictures, then every point. Returns the part that a README shows."""
    shown = lines + ["![%s](%s)" % (alt, name) for name, alt in pictures] + [""]
    with open(os.path.join(folder, "report.md"), "w") as file:
        file.write("\n".join(shown + ["#### Every point", ""] + detail))
    return shown


def with_section(readme, name, text):
    """The text between <!-- begin NAME --> and <!-- end NAME -->, new at the end if there is none yet."""
    begin, end = "<!-- begin %s -->" % name, "<!-- end %s -->" % name
    section = "%s\n%s\n%s" % (begin, text.strip(), end)
    if begin not in readme:
        return readme.rstrip() + "\n\n" + section + "\n"
    return re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: section, readme, flags=re.S)
