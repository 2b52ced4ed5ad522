"""main.py: runs suites and writes their results; bench/compare/run prepares everything and calls it.
Main path: main() -> run_suite() -> SearchRace or ClusterRace -> report and plots -> publish()."""

import argparse
import os
import re
import shutil
import sys

from compare import blas, data, machine, report, suites
from compare.rounds import ClusterRace, Options, SearchRace, say

SAMPLE = os.path.join("examples", "data")
SYSTEMS = ("lutra", "faiss", "hnswlib", "usearch", "scann", "sklearn")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/compare/run", description="lutra and others on the same work in one run")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="a suite (see --list) or all; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the suites")
    parser.add_argument("--data", metavar="PATH", help="a folder of sets (tools/make_datasets.py, or your own files) or an HDF5 "
                        "file of ann-benchmarks; default: the shipped sample")
    parser.add_argument("--threads", type=int, default=1, help="threads of every system (default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds, 3 or more (default: 3)")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement in a round (default: 0.5)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds until a system that does not answer is given up (default: 3600)")
    parser.add_argument("--systems", metavar="A,B", help="only these, of: " + ", ".join(SYSTEMS))
    parser.add_argument("--publish", action="store_true", help="put tables and pictures into bench/README.md and bench/pictures/")
    options = parser.parse_args(arguments)
    check(parser, options)
    return options


def check(parser, options):
    if options.rounds < 3:
        parser.error("--rounds %d: 3 or more are accepted" % options.rounds)
    if options.threads < 1 or options.seconds <= 0 or options.timeout <= 0:
        parser.error("--threads, --seconds and --timeout must be above 0")
    unknown = set(options.suite) - set(suites.SUITES) - {"all"}
    if unknown:
        parser.error("unknown suite %s; there are %s and all" % (", ".join(unknown), ", ".join(suites.SUITES)))
    if not options.suite and not options.list:
        parser.error("--suite NAME is needed; --list names them")
    options.systems = options.systems.split(",") if options.systems else list(SYSTEMS)
    if set(options.systems) - set(SYSTEMS):
        parser.error("--systems: accepted are %s" % ", ".join(SYSTEMS))


def commands():
    """How each system is started, in the folder bench/."""
    return {name: [sys.executable, "-m", "compare.systems." + name] for name in SYSTEMS}


def environments(options, plan):
    """Variables of each system of the plan: the kernels that make the BLAS of its wheel fastest."""
    return {name: blas.fastest(name, options.threads) for name in ("faiss",) if any(entry.system == name for entry in plan.entries)}


def set_opener(options, cache):
    """open_set(name, metric, queries, train) for suites. The sample has no words: speech stands in, with the same metric."""
    def open_set(name, metric, queries=None, train=None):
        if options.data:
            return data.open_set(options.data, name, metric, cache, queries, train)
        sample = os.path.join(options.root, SAMPLE)
        if name != "words":
            return data.open_set(sample, name, metric, cache, queries, train)
        found = data.open_set(sample, "speech", metric, cache, queries, train)
        found.notes.append("The shipped sample has no words: speech frames stand in.")
        return found
    return open_set


def run_suite(name, options):
    """True if every row ran."""
    from compare import plots  # here, for the tests do without matplotlib
    make_plan, about = suites.SUITES[name]
    say("suite %s: %s" % (name, about))
    folder = os.path.join(options.root, "build", "compare", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    plan = make_plan(set_opener(options, os.path.join(options.root, "build", "compare", "data")))
    plan.entries = [entry for entry in plan.entries if entry.system in options.systems]
    if not plan.entries:
        raise data.NoData("%s has no entry of %s" % (name, ", ".join(options.systems)))
    race = Options(options.root, folder, commands(), options.threads, options.rounds, options.seconds, options.timeout,
                   environments(options, plan))
    here = machine.describe()
    clusters = isinstance(plan, suites.ClusterPlan)
    with (ClusterRace if clusters else SearchRace)(plan, race) as running:
        rows = running.run()
    body, detail = (report.cluster_report if clusters else report.search_report)(plan, rows)
    pictures = (plots.cluster_plots if clusters else plots.search_plots)(plan, rows, name, folder)
    shown = report.write(folder, report.head(name, about, plan, rows, race, here) + body, detail, pictures)
    report.write_csv(os.path.join(folder, "points.csv"), rows)
    report.write_builds_csv(os.path.join(folder, "builds.csv"), rows) if not clusters else None
    print("\n".join(shown))
    say("written to build/compare/%s/: report.md, points.csv, pictures" % name)
    if options.publish:
        publish(options.root, "%s-%s" % (name, machine.kind()), folder, shown, [picture for picture, _ in pictures])
    return not any(row.failure for row in rows)


def publish(root, name, folder, shown, pictures):
    """Copies pictures and CSV to bench/pictures/, and puts the tables between the marks of that name in bench/README.md."""
    target = os.path.join(root, "bench", "pictures")
    os.makedirs(target, exist_ok=True)
    files = pictures + [f for f in ("points.csv", "builds.csv") if os.path.exists(os.path.join(folder, f))]
    for file in files:
        shutil.copyfile(os.path.join(folder, file), os.path.join(target, "%s-%s" % (name, file)))
    text = "\n".join(shown)
    for picture in pictures:
        text = text.replace("(%s)" % picture, "(pictures/%s-%s)" % (name, picture))
    readme = os.path.join(root, "bench", "README.md")
    with open(readme) as file:
        old = file.read()
    with open(readme, "w") as file:
        file.write(with_section(old, name, text))
    say("published in bench/README.md")


def with_section(readme, name, text):
    """The text between <!-- begin NAME --> and <!-- end NAME -->, new at the end if there is none yet."""
    begin, end = "<!-- begin %s -->" % name, "<!-- end %s -->" % name
    section = "%s\n%s\n%s" % (begin, text.strip(), end)
    if begin not in readme:
        return readme.rstrip() + "\n\n" + section + "\n"
    return re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: section, readme, flags=re.S)


def main(arguments):
    options = parse(arguments)
    if options.list:
        print("\n".join("%-14s %s" % (name, about) for name, (_, about) in suites.SUITES.items()))
        return 0
    names = list(suites.SUITES) if "all" in options.suite else options.suite
    bad = 0
    for name in names:
        try:
            bad += not run_suite(name, options)
        except data.NoData as error:
            say("%s: %s" % (name, error))
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
