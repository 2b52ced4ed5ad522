"""Run in bench/: python3 -m unittest compare.tests.test_compare   (numpy only; a few seconds)"""

import csv
import os
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np

from compare import blas, data, main, report, scoring, suites
from compare.rounds import ClusterRace, Options, SearchRace

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


class Races(unittest.TestCase):
    """Whole races among systems that work and systems that do not."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        rng = np.random.default_rng(3)
        for name, n in (("base", 300), ("query", 20)):
            np.save(os.path.join(cls.folder.name, name + ".npy"), rng.standard_normal((n, 8)).astype("f"))
        cls.data = data.open_set(cls.folder.name, "sift", "l2", os.path.join(cls.folder.name, "cache"))

    def options(self, ways, timeout=20, environments=()):
        commands = {way: [sys.executable, "-m", "compare.tests.broken", way] for way in ways}
        return Options(ROOT, self.folder.name, commands, rounds=3, seconds=0.01, timeout=timeout, environments=dict(environments))

    def search(self, ways, timeout=20, **options):
        entries = [suites.Entry(way, "x", "IVF2,Flat", points=[{"nprobe": 1}, {"nprobe": 2}]) for way in ways]
        self.plan = suites.Plan(self.data, entries)
        with SearchRace(self.plan, self.options(ways, timeout, **options)) as race:
            return {row.entry.system: row for row in race.run()}

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


class Blas(unittest.TestCase):
    """A fake library: OPENBLAS_CORETYPE names its kernels, and the dictionary says what comes of each."""
    AVX512 = "avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl"

    def fastest(self, flags, **results):
        program = "import os, sys\nresult = %r.get(os.environ.get('OPENBLAS_CORETYPE', 'none'), 'crash')\n" % results
        program += "os.abort() if result == 'crash' else print(result)"
        return blas.fastest("faiss", flags=flags, command=[sys.executable, "-c", program])

    def test_the_fastest_kernels_are_asked_for(self):
        self.assertEqual(self.fastest(self.AVX512, none=4, Haswell=2, Zen=3, SkylakeX=1), {"OPENBLAS_CORETYPE": "SkylakeX"})
        self.assertEqual(self.fastest(self.AVX512, none=4, Haswell=1, Zen=3, SkylakeX=2), {"OPENBLAS_CORETYPE": "Haswell"})

    def test_nothing_is_asked_for_where_the_default_is_fastest_or_nothing_runs(self):
        self.assertEqual(self.fastest(self.AVX512, none=1, Haswell=2, Zen=3, SkylakeX=4), {})
        self.assertEqual(self.fastest(self.AVX512), {})

    def test_kernels_that_crash_or_print_nonsense_are_not_taken(self):
        self.assertEqual(self.fastest(self.AVX512, none=4, Haswell="-", Zen=3), {"OPENBLAS_CORETYPE": "Zen"})

    def test_only_what_the_processor_can_run_is_tried(self):
        self.assertEqual(self.fastest("avx2 fma", none=4, Haswell=2, SkylakeX=1), {"OPENBLAS_CORETYPE": "Haswell"})
        self.assertEqual(self.fastest("ssse3", none=4, Haswell=2, SkylakeX=1), {})

    def test_what_was_set_before_changes_nothing(self):
        with mock.patch.dict(os.environ, {"OPENBLAS_CORETYPE": "Zen"}):
            self.assertEqual(self.fastest("avx2 fma", none=2, Haswell=3, Zen=1), {"OPENBLAS_CORETYPE": "Zen"})


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
                for name, (plan, _) in suites.SUITES.items():
                    with self.subTest(suite=name, n=n):
                        entries = plan(open_set).entries
                        self.assertEqual(len(entries), len({(entry.system, entry.label) for entry in entries}))
                        self.assertTrue(all(entry.points for entry in entries))


class Publishing(unittest.TestCase):
    def test_a_section_is_replaced_and_only_that(self):
        once = main.with_section("# Title\n", "flat", "old \\1 table")
        both = main.with_section(once, "kmeans", "other")
        again = main.with_section(both, "flat", "new")
        self.assertIn("old \\1 table", both)
        self.assertNotIn("old", again)
        self.assertIn("<!-- begin flat -->\nnew\n<!-- end flat -->", again)
        self.assertIn("other", again)


if __name__ == "__main__":
    unittest.main()
