"""main.py: runs suites and writes their results; bench/compare/run prepares everything and calls it.
Main path: main() -> run_suite() -> SearchRace or ClusterRace -> report and plots -> publish()."""

import os
import shutil
import sys

from compare import blas, data, headline, machine, report, setup, suites
from compare import options as command_line
from compare.rounds import ClusterRace, Options, SearchRace, say

SAMPLE = os.path.join("examples", "data")


class NoBlas(Exception):
    """A system's kernels are not known or not timed: its numbers would not be its best."""


def commands(names):
    """How each system is started, in the folder bench/. lutra's is no Python program: any environment starts it."""
    return {name: [setup.python_of("runner" if name == "lutra" else name), "-m", "compare.systems." + name] for name in names}


def fastest_kernels(names, threads):
    """{system: blas.Choice} of those with an OpenBLAS of their own."""
    return {name: blas.fastest([setup.python_of(name), "-m", "compare.blas", name], threads) for name in names if name in blas.PACKAGES}


def check_blas(rows, choices):
    """Refuses numbers of systems that run and do not say what BLAS they have, or whose kernels could not be timed."""
    for row in rows:
        system = row.entry.system
        if row.failure or system not in blas.NEEDING:
            continue
        if not row.identity.get("blas") or (system in blas.PACKAGES and not choices[system].seconds):
            raise NoBlas("not published: the BLAS of %s is not known or its kernels were not timed (try: python -m compare.blas %s)" % (system, system))


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
    suite = suites.SUITES[name]
    say("suite %s: %s" % (name, suite.about))
    folder = os.path.join(options.root, "build", "compare", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    plan = suite.plan(set_opener(options, os.path.join(options.root, "build", "compare", "data")))
    plan.entries = [entry for entry in plan.entries if entry.system in options.systems]
    if not plan.entries:
        raise data.NoData("%s has no entry of %s" % (name, ", ".join(options.systems)))
    names = list(dict.fromkeys(entry.system for entry in plan.entries))
    choices = fastest_kernels(names, options.threads)
    race = Options(options.root, folder, commands(names), options.threads, options.rounds, options.seconds, options.timeout,
                   {system: choice.own for system, choice in choices.items()}, options.cache, options.build_threads)
    here = machine.describe()
    with (ClusterRace if isinstance(plan, suites.ClusterPlan) else SearchRace)(plan, race) as running:
        if options.publish:
            check_blas(running.rows, choices)
        rows = running.fill_cache() if options.build_only else running.run()
    if not options.build_only:
        write_results(name, suite, plan, rows, race, here, options)
    return not any(row.failure for row in rows)


def write_results(name, suite, plan, rows, race, here, options):
    from compare import plots  # here, for the tests do without matplotlib
    clusters, folder = isinstance(plan, suites.ClusterPlan), race.out
    body, detail = (report.cluster_report if clusters else report.search_report)(plan, rows)
    caption = plots.caption(here, race.threads, rows)
    pictures = (plots.cluster_plots if clusters else plots.search_plots)(plan, rows, name, folder, caption)
    shown = report.write(folder, report.head(name, suite.about, plan, rows, race, here) + body, detail, pictures)
    report.write_csv(os.path.join(folder, "points.csv"), rows)
    report.write_builds_csv(os.path.join(folder, "builds.csv"), rows) if not clusters else None
    print("\n".join(shown))
    say("written to build/compare/%s/: report.md, points.csv, pictures" % name)
    if options.publish:
        publish(options.root, "%s-%s" % (name, machine.kind()), folder, shown, [picture for picture, _ in pictures])


def publish(root, name, folder, shown, pictures):
    """Copies pictures and CSV to bench/pictures/, and puts the tables between the marks of that name in bench/README.md."""
    target = os.path.join(root, "bench", "pictures")
    os.makedirs(target, exist_ok=True)
    vectors = [os.path.splitext(picture)[0] + ".svg" for picture in pictures]
    files = pictures + vectors + [f for f in ("points.csv", "builds.csv") if os.path.exists(os.path.join(folder, f))]
    for file in files:
        shutil.copyfile(os.path.join(folder, file), os.path.join(target, "%s-%s" % (name, file)))
    text = "\n".join(shown)
    for picture in pictures:
        text = text.replace("(%s)" % picture, "(pictures/%s-%s)" % (name, picture))
    readme = os.path.join(root, "bench", "README.md")
    with open(readme) as file:
        old = file.read()
    with open(readme, "w") as file:
        file.write(report.with_section(old, name, text))
    headline.publish(root)
    say("published in bench/README.md, and its headline in README.md")


def main(arguments):
    options = command_line.parse(arguments)
    options.root = setup.ROOT
    options.data = options.data and os.path.abspath(options.data)  # systems work in another folder
    options.cache = options.cache and os.path.abspath(options.cache)
    options.build_threads = options.build_threads or options.threads
    bad = 0
    for name in command_line.chosen(options):
        try:
            bad += not run_suite(name, options)
        except (data.NoData, NoBlas) as error:
            say("%s: %s" % (name, error))
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
