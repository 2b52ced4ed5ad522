"""Run in bench/: python3 -m unittest compare.tests.test_compare   (numpy only; with matplotlib the pictures, too)"""

import csv
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np

from compare import blas, data, headline, main, report, scoring, suites
from compare import options as command_line
from compare.rounds import ClusterRace, Options, Point, Row, SearchRace

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))


def write_fvecs(path, rows):
    heads = np.full((len(rows), 1), rows.shape[1], np.int32).view(np.float32)
    np.concatenate([heads, rows], axis=1).tofile(path)


class Scoring(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(1)
        self.base, self.queries = rng.standard_normal((300, 8)).astype("f"), rng.standard_normal((20, 8)).astype("f")

    def test_exact_search_agrees_with_sorting_all_distances(self):
        for metric in ("l2", "ip", "cosine"):
            every = np.broadcast_to(np.arange(300), (20, 300))
            want = np.argsort(scoring.scores(self.base, self.queries, every, metric), axis=1, kind="stable")[:, :10]
            np.testing.assert_array_equal(scoring.exact(self.base, self.queries, metric, 10), want)

    def test_recall_counts_what_was_found(self):
        truth = scoring.exact(self.base, self.queries, "l2", 20)
        judge = scoring.Judge(self.base, self.queries, truth, "l2")
        self.assertEqual(judge.recalls(truth[:, :10]), {1: 1.0, 10: 1.0})
        half = np.concatenate([truth[:, :5], truth[:, 15:]], axis=1)
        self.assertEqual(judge.recalls(half)[10], 0.5)
        self.assertEqual(judge.recalls(np.full((20, 10), -1))[10], 0)

    def test_an_equal_distance_counts_as_found(self):
        base = np.repeat(np.eye(4, dtype="f"), 2, axis=0)  # each row twice
        judge = scoring.Judge(base, np.eye(4, dtype="f"), np.arange(0, 8, 2)[:, None], "l2")
        self.assertEqual(judge.recalls(np.arange(1, 8, 2)[:, None], [1])[1], 1.0)

    def test_recall_of_a_truth_that_is_not_full_or_not_sorted(self):
        base = np.arange(6, dtype="f")[:, None]
        judge = scoring.Judge(base, np.zeros((1, 1), "f"), np.array([[1, 0, -1, -1]]), "l2")
        for ids, share in (([0, 1, -1, -1], 1), ([0, 1, 2, 3], 1), ([1, 2, 3, 4], 0.5), ([0, 0, 0, 0], 0.5), ([-1, -1, -1, -1], 0)):
            self.assertEqual(judge.recalls(np.array([ids]), [4])[4], share)
        self.assertEqual(judge.recalls(np.array([[0, 1, 2, 3]]), [1, 9]), {1: 1.0, 9: 1.0})
        self.assertEqual(scoring.Judge(base, np.zeros((1, 1), "f"), np.array([[-1]]), "l2").recalls(np.array([[3]]), [1])[1], 1)

    def test_wrong_ids_are_refused(self):
        good = np.arange(20).reshape(2, 10)
        scoring.check_ids(good, 2, 10, 20)
        scoring.check_ids(np.where(good % 10 > 5, -1, good), 2, 10, 20)
        for bad in (good + 1, good - 2, good * 0, good[:, :9], good.astype(float), np.tile(good, (2, 1))):
            with self.assertRaises(scoring.WrongIds):
                scoring.check_ids(bad, 2, 10, 20)

    def test_rates_are_interpolated_on_the_front(self):
        points = [(0.5, 1000.0), (0.9, 100.0), (0.7, 50.0)]  # the last one is beaten by the second
        self.assertEqual(scoring.front(points), [(0.5, 1000.0), (0.9, 100.0)])
        self.assertAlmostEqual(scoring.at_level(points, 0.7)[0], 1000 ** 0.5 * 100 ** 0.5)
        self.assertEqual(scoring.at_level(points, 0.4), (1000.0, "from"))
        self.assertEqual(scoring.at_level(points, 0.95), (None, None))
        self.assertAlmostEqual(scoring.at_level([(0.5, 10.0), (0.9, 40.0)], 0.7, min)[0], 20)

    def test_inertia_is_the_sum_over_nearest_centroids(self):
        want = ((self.base[:, None].astype(float) - self.base[:7].astype(float)) ** 2).sum(2).min(1).sum()
        self.assertAlmostEqual(scoring.inertia(self.base, self.base[:7]) / want, 1, places=6)


class Data(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = self.folder.name
        rng = np.random.default_rng(2)
        self.base, self.queries = rng.standard_normal((300, 8)).astype("f"), rng.standard_normal((20, 8)).astype("f")

    def open(self, metric="l2", queries=None, path=""):
        return data.open_set(os.path.join(self.path, path), "sift", metric, os.path.join(self.path, "cache"), queries)

    def test_users_files_need_no_truth(self):
        np.save(os.path.join(self.path, "base.npy"), self.base)
        write_fvecs(os.path.join(self.path, "query.fvecs"), self.queries)
        for metric in ("l2", "ip", "cosine"):
            found = self.open(metric)
            np.testing.assert_array_equal(found.rows, self.base)
            np.testing.assert_array_equal(found.queries, self.queries)
            np.testing.assert_array_equal(found.truth[:, :10], scoring.exact(self.base, self.queries, metric, 10))
        self.assertEqual(len(self.open(queries=5).queries), 5)

    def test_a_changed_file_is_read_again(self):
        np.save(os.path.join(self.path, "base.npy"), self.base)
        np.save(os.path.join(self.path, "query.npy"), self.queries)
        self.open()
        np.save(os.path.join(self.path, "base.npy"), self.base[:200])
        self.assertEqual(self.open().n, 200)

    def test_truth_of_another_base_is_refused(self):
        np.save(os.path.join(self.path, "base.npy"), self.base)
        np.save(os.path.join(self.path, "query.npy"), self.queries)
        np.save(os.path.join(self.path, "truth.npy"), scoring.exact(-self.base, self.queries, "l2", 10))
        with self.assertRaisesRegex(data.NoData, "not of this base and metric"):
            self.open()

    def test_editions_of_make_datasets_are_found(self):
        for edition in ("small", "full"):
            folder = os.path.join(self.path, edition, "sift")
            os.makedirs(folder)
            np.save(os.path.join(folder, "sift_base.npy"), self.base[:200 if edition == "small" else 300])
            np.save(os.path.join(folder, "sift_query.npy"), self.queries)
        self.assertEqual([self.open().n, self.open(path="small").n, self.open(path="small/sift").n], [300, 200, 200])

    def test_what_is_not_there_is_said(self):
        with self.assertRaisesRegex(data.NoData, "no set \"sift\""):
            self.open()
        with self.assertRaisesRegex(data.NoData, "no such file"):
            self.open(path="nothing")


class RaceCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        rng = np.random.default_rng(3)
        for name, n in (("base", 300), ("query", 20)):
            np.save(os.path.join(cls.folder.name, name + ".npy"), rng.standard_normal((n, 8)).astype("f"))
        cls.data = data.open_set(cls.folder.name, "sift", "l2", os.path.join(cls.folder.name, "cache"))

    def options(self, ways, timeout=20, environments=(), **more):
        commands = {way: [sys.executable, "-m", "compare.tests.broken", way] for way in ways}
        return Options(ROOT, self.folder.name, commands, rounds=3, seconds=0.01, timeout=timeout, environments=dict(environments), **more)

    def search(self, ways, timeout=20, **options):
        entries = [suites.Entry(way, "x", "IVF2,Flat", points=[{"nprobe": 1}, {"nprobe": 2}]) for way in ways]
        self.plan = suites.Plan(self.data, entries)
        with SearchRace(self.plan, self.options(ways, timeout, **options)) as race:
            return {row.entry.system: row for row in race.run()}


class Races(RaceCase):
    """Whole races among systems that work and systems that do not."""

    def test_a_bad_system_has_a_row_that_says_so_and_the_others_go_on(self):
        said = {"crashes": "crashed: SIGABRT", "missing package": "No module named 'nosuch'", "no JSON": "no JSON object",
                "out of range": "wrong ids: .*rows are 0 to 299", "twice": "given an id twice", "too few columns": "wrong ids: shape",
                "no ids": "float64; .* of integers is needed", "refuses": "cannot build IVF2,Flat: not known here",
                "far": "suspicious: recall 0.0000 where others have 1.00"}
        rows = self.search(["works"] + list(said))
        for way, words in said.items():
            with self.subTest(way):
                self.assertRegex(rows[way].failure, words)
                self.assertRegex(report.status(rows[way]), words)
        self.assertEqual(rows["works"].failure, "")
        self.assertEqual(len(rows["works"].builds), 3)
        self.assertEqual({len(point.samples) for point in rows["works"].points.values()}, {3})
        self.assertEqual(list(report.curves(self.plan, rows.values(), 0, "batch_qps")), ["works x"])  # nothing else is drawn

    def test_a_system_that_hangs_is_given_up(self):
        rows = self.search(["hangs", "works"], timeout=5)
        self.assertRegex(rows["hangs"].failure, "timed out")
        self.assertEqual(rows["works"].failure, "")

    def test_a_refused_point_is_left_out_and_the_rest_is_measured(self):
        row = self.search(["refuses points"])["refuses points"]
        self.assertEqual(row.failure, "")
        self.assertRegex(report.status(row), "ran; 2 points left out: ValueError: nprobe=2")
        self.assertEqual([point.recalls[10] for point in row.points.values() if point.samples], [1.0, 1.0])

    def test_an_index_that_lutra_does_not_have_is_said(self):
        rows = list(self.search(["refuses", "works"]).values())
        self.assertEqual(report.not_yet(rows), [])
        rows[0].entry.system = "lutra"
        self.assertIn("lutra has no x yet**: ValueError: cannot build IVF2,Flat", report.search_report(self.plan, rows)[0][0])

    def test_the_tables_and_the_csv_have_every_row(self):
        rows = list(self.search(["works", "twice"]).values())
        body, detail = report.search_report(self.plan, rows)
        self.assertIn("| recall@10 0.500 |", "\n".join(body))
        self.assertTrue(any("twice x" in line and "wrong ids" in line for line in body))
        self.assertFalse(any("twice x" in line for line in detail))
        path = os.path.join(self.folder.name, "points.csv")
        report.write_csv(path, rows)
        with open(path) as file:
            lines = list(csv.DictReader(file))
        self.assertEqual(sum(line["system"] == "works" for line in lines), 2 * 2 * 3)
        self.assertTrue(any(line["system"] == "twice" and "wrong ids" in line["state"] for line in lines))

    def test_the_tables_name_the_blas_that_a_system_has(self):
        rows = self.search(["works", "refuses"], environments={"works": {"OPENBLAS_CORETYPE": "Zen"}})
        lines = "\n".join(report.build_table(rows.values()))
        self.assertIn("| works x | 1 none, fake BLAS, Zen |", lines)
        self.assertIn("| refuses x | 1 none, fake BLAS, default |", lines)

    def test_entries_of_a_joined_system_are_one_front(self):
        entries = [suites.Entry("works", label, "IVF2,Flat", points=[{"nprobe": 1}]) for label in ("x", "y")]
        plan = suites.Plan(self.data, entries)
        with SearchRace(plan, self.options(["works"])) as race:
            rows = race.run()
        self.assertEqual({name: len(points) for name, points in report.curves(plan, rows, 0, "batch_qps").items()}, {"works x": 1, "works y": 1})
        plan.joined = ("works",)
        self.assertEqual({name: len(points) for name, points in report.curves(plan, rows, 0, "batch_qps").items()}, {"works": 2})

    def test_clusters_are_judged_by_their_centroids(self):
        ways = ["works", "too few centroids"]
        plan = suites.ClusterPlan(self.data, 10, (1, 2), [suites.Entry(way, "x") for way in ways])
        with ClusterRace(plan, self.options(ways)) as race:
            works, bad = race.run()
        self.assertRegex(bad.failure, "wrong centroids")
        self.assertAlmostEqual(works.points[0, 0].inertia, scoring.inertia(self.data.rows, self.data.rows[:10]))
        self.assertTrue(any("too few centroids" in line and "wrong centroids" in line for line in report.cluster_report(plan, race.rows)[0]))


class Cache(RaceCase):
    """Indexes that are built once."""

    def race(self, more=(), **settings):
        """The row of an entry that is built into the cache, or found there."""
        plan = suites.Plan(self.data, [suites.Entry("is kept", "x", settings=settings, points=[{"nprobe": 1}])])
        cache = os.path.join(self.folder.name, "cache of " + self.id())
        with SearchRace(plan, self.options(["is kept"], cache=cache, build_threads=2)) as race:
            return (race.fill_cache() if "fill" in more else race.run())[0], cache

    def builds(self, cache):
        return sorted(os.listdir(os.path.join(cache, "is kept")))

    def test_an_index_is_built_once_and_its_seconds_stay(self):
        (first, cache), (second, _) = self.race(), self.race()
        self.assertEqual((first.failure, second.failure, len(first.builds), len(self.builds(cache))), ("", "", 1, 1))
        self.assertEqual(first.builds, second.builds)
        self.assertEqual(second.points[0, 0].recalls[10], 1.0)
        self.assertIn("| 2 threads, kept |", "\n".join(report.build_table([second])))

    def test_another_setting_is_another_index(self):
        _, cache = self.race(M=16)
        self.race(M=32)
        self.assertEqual(len(self.builds(cache)), 2)

    def test_the_cache_can_be_filled_without_measuring(self):
        row, cache = self.race(["fill"])
        self.assertEqual((row.failure, row.points, len(self.builds(cache))), ("", {}, 1))

    def test_an_interrupted_build_is_made_again(self):
        _, cache = self.race()
        folder = os.path.join(cache, "is kept", self.builds(cache)[0])
        os.rename(folder, folder + ".part")
        row, _ = self.race()
        self.assertEqual((row.failure, self.builds(cache)), ("", [os.path.basename(folder)]))

    def test_without_a_cache_nothing_stays(self):
        row = self.search(["is kept"])["is kept"]
        self.assertEqual((row.failure, row.kept, len(row.builds)), ("", False, 3))
        self.assertFalse(os.path.exists(os.path.join(row.folder, "index")))


class Blas(unittest.TestCase):
    """A fake program: OPENBLAS_CORETYPE names its kernels, and the dictionary says what comes of each."""
    AVX512 = "avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl"
    HELD = ["Haswell", "Zen", "SkylakeX"]

    def choice(self, flags, held=HELD, **results):
        program = "import json, os\nresult = %r.get(os.environ.get('OPENBLAS_CORETYPE', 'none'), 'crash')\n" % results
        program += "os.abort() if result == 'crash' else print(json.dumps({'seconds': result, 'held': %r}))" % (held,)
        return blas.fastest([sys.executable, "-c", program], flags=flags)

    def fastest(self, flags, **results):
        return self.choice(flags, **results).own

    def test_the_fastest_kernels_are_asked_for(self):
        self.assertEqual(self.fastest(self.AVX512, none=4, Haswell=2, Zen=3, SkylakeX=1), {"OPENBLAS_CORETYPE": "SkylakeX"})
        self.assertEqual(self.fastest(self.AVX512, none=4, Haswell=1, Zen=3, SkylakeX=2), {"OPENBLAS_CORETYPE": "Haswell"})

    def test_nothing_is_asked_for_where_the_default_is_fastest_or_nothing_runs(self):
        self.assertEqual(self.fastest(self.AVX512, none=1, Haswell=2, Zen=3, SkylakeX=4), {})
        self.assertEqual(self.choice(self.AVX512), blas.Choice())

    def test_kernels_that_crash_or_print_nonsense_are_not_taken(self):
        self.assertEqual(self.fastest(self.AVX512, none=4, Haswell="-", Zen=3), {"OPENBLAS_CORETYPE": "Zen"})

    def test_only_what_the_processor_can_run_and_the_library_has_is_tried(self):
        self.assertEqual(self.fastest("avx2 fma", none=4, Haswell=2, SkylakeX=1), {"OPENBLAS_CORETYPE": "Haswell"})
        self.assertEqual(self.fastest("ssse3", none=4, Haswell=2, SkylakeX=1), {})
        self.assertEqual(self.fastest(self.AVX512, held=["Zen"], none=4, Zen=2, SkylakeX=1), {"OPENBLAS_CORETYPE": "Zen"})

    def test_what_was_set_before_changes_nothing(self):
        with mock.patch.dict(os.environ, {"OPENBLAS_CORETYPE": "Zen"}):
            self.assertEqual(self.fastest("avx2 fma", none=2, Haswell=3, Zen=1), {"OPENBLAS_CORETYPE": "Zen"})

    def test_what_needs_a_blas_is_not_published_without(self):
        row = Row(suites.Entry("faiss", "Flat"), identity={"blas": "OpenBLAS 0.3.15, Haswell"})
        timed, not_timed = {"faiss": blas.Choice({}, {None: 1.0})}, {"faiss": blas.Choice()}
        main.check_blas([row], timed)
        with self.assertRaisesRegex(main.NoBlas, "BLAS of faiss"):
            main.check_blas([row], not_timed)
        row.identity = {}
        with self.assertRaisesRegex(main.NoBlas, "BLAS of faiss"):
            main.check_blas([row], timed)
        row.failure = "does not run"
        main.check_blas([row], not_timed)


class CommandLine(unittest.TestCase):
    def parse(self, *arguments):
        with mock.patch("sys.stderr"):
            return command_line.parse(arguments)

    def test_a_suite_needs_its_own_systems_only(self):
        self.assertEqual(command_line.needed(self.parse("--suite", "guide")), ["lutra"])
        self.assertEqual(command_line.needed(self.parse("--suite", "guide", "--suite", "speech-rvc")), ["lutra", "faiss"])
        self.assertEqual(command_line.needed(self.parse("--suite", "flat", "--systems", "faiss,glass")), ["faiss"])

    def test_suites_that_go_together_are_each_run_once(self):
        self.assertEqual(command_line.chosen(self.parse("--suite", "frontier", "--suite", "frontier-sift")), ["frontier-sift", "frontier-words"])
        self.assertEqual(command_line.chosen(self.parse("--suite", "all", "--suite", "frontier")), list(suites.SUITES))

    def test_every_system_has_its_requirements(self):
        folder = os.path.join(ROOT, "bench", "compare", "requirements")
        self.assertEqual({name[:-4] for name in os.listdir(folder)}, set(command_line.SYSTEMS) - {"lutra"} | {"runner"})

    def test_wrong_arguments_are_refused(self):
        for wrong in (["--suite", "nosuch"], [], ["--suite", "flat", "--build-only"], ["--suite", "flat", "--systems", "nosuch"],
                      ["--suite", "flat", "--rounds", "2"]):
            with self.assertRaises(SystemExit):
                self.parse(*wrong)

    def test_the_list_needs_no_package(self):
        program = "import sys; sys.modules['numpy'] = None; from compare import setup; setup.main(['--list'])"
        said = subprocess.run([sys.executable, "-c", program], cwd=os.path.join(ROOT, "bench"), capture_output=True, text=True, check=True)
        self.assertIn("frontier-sift", said.stdout)


class Suites(unittest.TestCase):
    def test_points_are_within_the_lists_and_none_is_there_twice(self):
        wanted = {2: (4, 8, 16), 10: (16, 32)}
        self.assertEqual(suites.steps("nprobe", "k_factor", wanted, 8),
                         [{"nprobe": 4, "k_factor": 2}, {"nprobe": 8, "k_factor": 2}, {"nprobe": 8, "k_factor": 10}])
        self.assertEqual(len(suites.steps("nprobe", "k_factor", wanted, 1024)), 5)

    def test_every_search_has_rows_and_points_on_sets_of_any_size(self):
        with tempfile.TemporaryDirectory() as folder:
            for n in (20, 3000):
                os.makedirs(os.path.join(folder, str(n)))
                rows = np.random.default_rng(4).standard_normal((n, 8)).astype("f")
                for name in ("base", "query"):
                    np.save(os.path.join(folder, str(n), name + ".npy"), rows[:n if name == "base" else 5])

                def open_set(name, metric, queries=None, train=None):
                    return data.open_set(os.path.join(folder, str(n)), name, metric, os.path.join(folder, "cache"), queries, train)
                for name, suite in suites.SUITES.items():
                    with self.subTest(suite=name, n=n):
                        entries = suite.plan(open_set).entries
                        self.assertEqual({entry.system for entry in entries}, set(suite.systems))
                        self.assertEqual(len(entries), len({(entry.system, entry.label) for entry in entries}))
                        self.assertTrue(all(entry.points for entry in entries))


class Tables(unittest.TestCase):
    def test_a_step_that_is_not_there_has_no_seconds(self):
        self.assertEqual([report.seconds(values) for values in ([0], [3.97e-06], [0.0004, 0.0002], [12.94], [1.5, 2.5, 2])],
                         ["-", "-", "-", "12.9", "2 (1.5..2.5)"])

    def test_the_fastest_setting_that_reaches_a_recall_is_named(self):
        row = Row(suites.Entry("faiss", "IVF4,Flat"))
        for at, (nprobe, recall, rate) in enumerate(((1, 0.8, 900), (2, 0.93, 500), (4, 0.97, 200))):
            point = Point({"nprobe": nprobe}, 0, {10: recall}, [{"batch_qps": rate, "p50_us": 1, "p99_us": 1}])
            row.points[0, at] = point
        plan = suites.Plan(None, [row.entry], (0,), (0.9, 0.95, 0.99), ("faiss",))
        self.assertIn("| faiss | all queries in one call | IVF4,Flat: nprobe=2 | IVF4,Flat: nprobe=4 | not reached |", report.front_settings(plan, [row]))


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "needs matplotlib")
class Pictures(unittest.TestCase):
    def test_no_two_lines_look_alike_without_color_either(self):
        from compare import plots
        names = ["%s %d" % (system, at) for system in command_line.SYSTEMS for at in range(2)]
        for some in (names, names[:1] + names[1:2]):
            looks = plots.style(some).values()
            self.assertEqual(len({(look["marker"], look["fillstyle"]) for look in looks}), len(some))
        self.assertEqual(len({look["color"] for look in looks}), 2)  # entries of one system alone
        self.assertEqual(set(plots.COLORS), set(command_line.SYSTEMS))
        self.assertEqual(len(set(plots.COLORS.values())), len(plots.COLORS))

    def test_the_caption_names_machine_threads_and_date(self):
        from compare import plots
        said = plots.caption([("machine", "A, 2 cores"), ("date", "2026-01-02")], 2, [Row(None, identity={"blas": "OpenBLAS 1, Zen"})])
        self.assertEqual(said, "A, 2 cores · 2 threads · OpenBLAS 1, Zen · 2026-01-02")


class Publishing(unittest.TestCase):
    def test_a_section_is_replaced_and_only_that(self):
        once = report.with_section("# Title\n", "flat", "old \\1 table")
        both = report.with_section(once, "kmeans", "other")
        again = report.with_section(both, "flat", "new")
        self.assertIn("old \\1 table", both)
        self.assertNotIn("old", again)
        self.assertIn("<!-- begin flat -->\nnew\n<!-- end flat -->", again)
        self.assertIn("other", again)

    def test_the_headline_has_each_system_that_reaches_the_recall_fastest_first(self):
        fields = ("system", "label", "params", "batch", "recall@10", "batch_qps", "p50_us", "state")
        values = [("slow", "a", "n=1", "all", 0.96, 100, 9, "ok"), ("slow", "a", "n=1", "1", 0.96, 50, 20, "ok"),
                  ("fast", "b", "n=1", "all", 0.90, 400, 9, "ok"), ("fast", "b", "n=2", "all", 0.95, 200, 9, "ok"),
                  ("fast", "b", "n=2", "all", 0.95, 300, 9, "ok"), ("fast", "b", "n=2", "1", 0.95, 100, 10, "ok"),
                  ("poor", "c", "n=1", "all", 0.94, 999, 1, "ok"), ("poor", "c", "n=1", "1", 0.94, 999, 1, "ok"),
                  ("gone", "d", "", "", "", "", "", "does not install")]
        builds = [{"system": system, "label": label, "train_s": "1", "add_s": "2", "bytes_per_vector": "8"}
                  for system, label in (("slow", "a"), ("fast", "b"), ("poor", "c"))]
        with tempfile.TemporaryDirectory() as folder:
            for name, rows in (("points", [dict(zip(fields, line)) for line in values]), ("builds", builds)):
                with open(os.path.join(folder, "sift-ivfpq-x-%s.csv" % name), "w", newline="") as file:
                    out = csv.DictWriter(file, list(rows[0]))
                    out.writeheader()
                    out.writerows(rows)
            lines = [line for line in headline.table(folder, "x") if line][2:]
        self.assertEqual(lines, ["| SIFT, 1M x 128 | fast | b | 250 | 10 | 3 | 8 |", "|  | slow | a | ≥ 100 | ≤ 20 | 3 | 8 |"])


if __name__ == "__main__":
    unittest.main()
