"""options.py: the command line of bench/compare/run. Standard library alone, as it is read before anything is installed."""

import argparse

from compare.suites import SUITES, TOGETHER

SYSTEMS = ("lutra", "faiss", "hnswlib", "usearch", "scann", "sklearn", "glass", "vsag", "svs", "rabitq")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/compare/run", description="lutra and others on the same work in one run")
    parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="a suite (see --list) or all; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the suites")
    parser.add_argument("--data", metavar="PATH", help="a folder of sets (tools/make_datasets.py, or your own files) or an HDF5 "
                        "file of ann-benchmarks; default: the shipped sample")
    parser.add_argument("--threads", type=int, default=1, help="threads of every system (default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds, 3 or more (default: 3)")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement in a round (default: 0.5)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds until a system that does not answer is given up (default: 3600)")
    parser.add_argument("--systems", metavar="A,B", help="only these, of: " + ", ".join(SYSTEMS))
    parser.add_argument("--cache", metavar="FOLDER", help="keep the others' indexes here and build none twice")
    parser.add_argument("--build-threads", type=int, metavar="N", help="threads for filling the cache (default: as --threads)")
    parser.add_argument("--build-only", action="store_true", help="fill the cache and measure nothing")
    parser.add_argument("--publish", action="store_true", help="put tables and pictures into bench/README.md and bench/pictures/")
    options = parser.parse_args(arguments)
    check(parser, options)
    return options


def check(parser, options):
    if options.rounds < 3:
        parser.error("--rounds %d: 3 or more are accepted" % options.rounds)
    if options.threads < 1 or options.seconds <= 0 or options.timeout <= 0:
        parser.error("--threads, --seconds and --timeout must be above 0")
    if (options.build_only or options.build_threads is not None) and not options.cache:
        parser.error("--build-only and --build-threads need --cache FOLDER")
    if options.build_threads is not None and options.build_threads < 1:
        parser.error("--build-threads must be above 0")
    unknown = set(options.suite) - set(SUITES) - set(TOGETHER) - {"all"}
    if unknown:
        parser.error("unknown suite %s; there are %s and all" % (", ".join(sorted(unknown)), ", ".join((*SUITES, *TOGETHER))))
    if not options.suite and not options.list:
        parser.error("--suite NAME is needed; --list names them")
    options.systems = options.systems.split(",") if options.systems else list(SYSTEMS)
    if set(options.systems) - set(SYSTEMS):
        parser.error("--systems: accepted are %s" % ", ".join(SYSTEMS))


def chosen(options):
    """The suites asked for, each once."""
    names = list(SUITES) if "all" in options.suite else options.suite
    return list(dict.fromkeys(name for asked in names for name in TOGETHER.get(asked, (asked,))))


def needed(options):
    """The systems that those suites run."""
    return [system for system in options.systems if any(system in SUITES[name].systems for name in chosen(options))]


def listing():
    lines = ["%-14s %s (%s)" % (name, suite.about, ", ".join(suite.systems)) for name, suite in SUITES.items()]
    return "\n".join(lines + ["%-14s %s" % (name, " and ".join(parts)) for name, parts in TOGETHER.items()])
