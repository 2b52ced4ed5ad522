#!/usr/bin/env python3
"""Searches with two builds of the command in turns, A B A B, and prints how much of B's speed A reaches.  SPDX-License-Identifier: MIT

    bench/index/two_commands.py A B INDEX QUERIES TRUTH [--param nprobe=16] [--rounds 5] [--seconds 0.5]

Such as one built with -DLUTRA_DISPATCH=ON and the preset native: bench/index/two_commands.py build/dispatch/tools/lutra
build/native/tools/lutra sift.index query.bvecs truth.ivecs. One thread; pin it to a core that does nothing else (taskset).
"""
import argparse
import json
import statistics
import subprocess


def measured(command, args):
    line = [command, "eval", args.index, args.queries, "--truth", args.truth, "--threads", "1", "--seconds", str(args.seconds), "--json"]
    out = subprocess.run(line + (["--param", args.param] if args.param else []), capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ["a", "b", "index", "queries", "truth"]:
        parser.add_argument(name)
    parser.add_argument("--param")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    args = parser.parse_args()
    runs = [(measured(args.a, args), measured(args.b, args)) for _ in range(args.rounds)]
    if len({run["recall@10"] for pair in runs for run in pair}) != 1:
        raise SystemExit("the two find different neighbours")
    for name, better in [("batch_qps", 1), ("p50_us", -1)]:
        a, b = (statistics.median(pair[i][name] for pair in runs) for i in (0, 1))
        ratios = sorted((first[name] / second[name]) ** better for first, second in runs)
        print(f"{name:10} A {a:,.1f}  B {b:,.1f}  A reaches {statistics.median(ratios):.3f} of B's speed "
              f"(median of {args.rounds} rounds, {ratios[0]:.3f} to {ratios[-1]:.3f})")  # fmt: skip


main()
