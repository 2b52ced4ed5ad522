"""plots.py: the pictures of a suite, PNG and SVG. Only what ran and is not suspicious is drawn.

Colors are those that people with any kind of color vision tell apart, and every line has a marker of its own, so that no two look alike
without color either. Each picture names the machine, the threads and the date."""

import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from compare import report, scoring  # noqa: E402

COLORS = {"lutra": "#D55E00", "faiss": "#0072B2", "scann": "#E69F00", "hnswlib": "#009E73", "usearch": "#CC79A7", "glass": "#000000",
          "svs": "#882255", "vsag": "#56B4E9", "rabitq": "#777700", "sklearn": "#777777"}
OTHER = "#555555"
MARKERS = "os^DvPX><ph*8d"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 3)))
FILLINGS = ("full", "none")
plt.rcParams.update({"figure.dpi": 110, "font.size": 10, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False,
                     "axes.spines.right": False, "legend.frameon": False, "svg.fonttype": "none", "svg.hashsalt": "lutra"})


def style(names):
    """{name: color, marker, linestyle, fillstyle}. The color is the system's; where there is one system alone, each entry's. No two of
    len(MARKERS) * len(FILLINGS) names have the same marker and filling; entries of a system have other dashes, too."""
    systems = {name.split()[0]: 0 for name in names}
    styles = {}
    for number, name in enumerate(names):
        system = name.split()[0]
        color = COLORS.get(system, OTHER) if len(systems) > 1 else list(COLORS.values())[number % len(COLORS)]
        styles[name] = {"color": color, "marker": MARKERS[number % len(MARKERS)], "linestyle": DASHES[systems[system] % len(DASHES)],
                        "fillstyle": FILLINGS[number // len(MARKERS) % len(FILLINGS)]}
        systems[system] += 1
    return styles


def caption(machine, threads, rows):
    facts, blas = dict(machine), dict.fromkeys(row.identity.get("blas") for row in rows if row.identity.get("blas"))
    parts = [facts["machine"], "%d thread%s" % (threads, "s" * (threads != 1))] + list(blas) + [facts["date"]]
    return " · ".join(parts)


def plain(value, _):
    return "{:,.0f}".format(value) if value >= 1 else "%g" % value


def log_axis(axis):
    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=20))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_formatter(NullFormatter())


def save(figure, folder, name, note):
    if figure.legends:  # whose place the layout keeps free; a label of the figure would lie upon them
        figure.legends[0].set_title(note, prop={"size": 7})
    else:
        figure.supxlabel(note, fontsize=7, color="#444444")
    for ending, facts in ((".png", {}), (".svg", {"metadata": {"Date": None}})):
        figure.savefig(os.path.join(folder, name + ending), bbox_inches="tight", **facts)
    plt.close(figure)
    return name + ".png"


def panels(count, height=4.6):
    figure, axes = plt.subplots(1, count, figsize=(max(6.4, 4.8 * count), height), squeeze=False, layout="constrained")
    return figure, list(axes[0])


def legend_below(figure, axis):
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5 if max(map(len, labels)) < 12 else max(1, 2 * len(figure.axes) - 1), len(labels)))


def only_single_points(plan, rows):
    return all(len(points) == 1 for batch in plan.batches for points in report.curves(plan, rows, batch, "p50_us").values())


def ordered(plan, found, better):
    """Names in the order of their lines, the best first, at the middle one of the levels; what does not reach it comes last."""
    wanted = plan.levels[len(plan.levels) // 2] if plan.levels else 0
    sign = -1 if better is max else 1
    at = {name: scoring.at_level(points, wanted, better)[0] for name, points in found.items()}
    return sorted(found, key=lambda name: (at[name] is None, sign * (at[name] or 0)))


def draw(axis, plan, rows, batch, value, better):
    """A line for each name: its front, and lightly what it beats, unless the lines are of many entries."""
    found = report.curves(plan, rows, batch, value)
    looks = style(found)
    for name in ordered(plan, found, better):
        if not plan.joined:
            axis.plot([x for x, _ in found[name]], [y for _, y in found[name]], alpha=0.3, markersize=4, **dict(looks[name], linestyle=""))
        best = scoring.front(found[name], better)
        axis.plot([x for x, _ in best], [y for _, y in best], label=name, markersize=6, **looks[name])
    axis.set(xlabel="recall@10", yscale="log", xlim=from_level(plan, axis))
    log_axis(axis.yaxis)


def from_level(plan, axis):
    """The limits of the recall: what lies far below the levels compared is left out, for it would press the rest together."""
    least, most = axis.get_xlim()
    return (max(least, min(plan.levels) - 0.05) if plan.levels else least), min(most, 1.003)


def fit_height(axis):
    """The limits of the values that are in sight."""
    least, _ = axis.get_xlim()
    seen = [y for line in axis.lines for x, y in zip(line.get_xdata(), line.get_ydata()) if x >= least]
    if seen:
        axis.set_ylim(min(seen) / 1.2, max(seen) * 1.2)


def rate_curves(plan, rows, title, folder, note):
    figure, axes = panels(len(plan.batches))
    for axis, batch in zip(axes, plan.batches):
        draw(axis, plan, rows, batch, "batch_qps", max)
        axis.set(ylabel="queries/s", title=report.batch_name(batch))
        fit_height(axis)
    figure.suptitle(title)
    legend_below(figure, axes[0])
    return save(figure, folder, "recall", note), "queries/s against recall@10: " + title


def latency_curves(plan, rows, title, folder, note):
    shown = [(batch, value, name) for batch in plan.batches if batch for value, name in (("p50_us", "median"), ("p99_us", "99th percentile"))]
    figure, axes = panels(len(shown))
    for axis, (batch, value, name) in zip(axes, shown):
        draw(axis, plan, rows, batch, value, min)
        axis.set(ylabel="microseconds a call", title="%s, %s" % (report.batch_name(batch), name))
        fit_height(axis)
    figure.suptitle("Latency: " + title)
    legend_below(figure, axes[0])
    return save(figure, folder, "latency", note), "latency of a call, median and 99th percentile: " + title


def bars(axis, names, series, unit):
    """series: (label, values, alpha)"""
    height = 0.8 / len(series)
    for at, (label, values, alpha) in enumerate(series):
        places = [i + (at - (len(series) - 1) / 2) * height for i in range(len(names))]
        drawn = axis.barh(places, values, height * 0.92, color=[style(names)[name]["color"] for name in names], alpha=alpha)
        axis.bar_label(drawn, [("%s %s" % (label, report.number(v))).strip() for v in values], padding=3, fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.25)
    axis.grid(False, axis="y")
    axis.set_xlabel(unit)


def single_point_bars(plan, rows, title, folder, note):
    """For indexes with one operating point: rates of batches, latencies of lone queries."""
    figure, axes = panels(len(plan.batches), 0.6 * len(rows) + 1.8)
    for axis, batch in zip(axes, plan.batches):
        values = ("p50_us", "p99_us") if batch == 1 else ("batch_qps",)
        found = [report.curves(plan, rows, batch, value) for value in values]
        names = list(found[0])
        series = [(value[:3] if batch == 1 else "", [points[name][0][1] for name in names], alpha)
                  for value, points, alpha in zip(values, found, (1, 0.5))]
        bars(axis, names, series, "microseconds a call" if batch == 1 else "queries/s")
        axis.set_title(report.batch_name(batch))
    figure.suptitle(title)
    return save(figure, folder, "rates", note), "rates and latencies: " + title


def build_label(train, add):
    return report.seconds([add]) + " s" if report.seconds([train]) == "-" else "train %s s, add %s s" % (report.seconds([train]), report.seconds([add]))


def build_bars(rows, title, folder, note):
    built = [row for row in rows if row.builds and not row.failure]
    names = [row.name for row in built]
    figure, (axis,) = panels(1, 0.45 * len(names) + 1.6)
    colors = [style(names)[name]["color"] for name in names]
    train, add = ([sorted(b[part] for b in row.builds)[len(row.builds) // 2] for row in built] for part in ("train_s", "add_s"))
    axis.barh(names, train, color=colors, alpha=0.5, hatch="///", edgecolor="white")
    drawn = axis.barh(names, add, left=train, color=colors)
    axis.bar_label(drawn, [build_label(*both) for both in zip(train, add)], padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.margins(x=0.3)
    axis.grid(False, axis="y")
    axis.set(xlabel="seconds: train (hatched), then add", title="Build: " + title)
    return save(figure, folder, "build", note), "build time: " + title


def search_plots(plan, rows, title, folder, note):
    """[(file, what it shows)]; beside each .png there is an .svg."""
    if not any(report.curves(plan, rows, batch, "p50_us") for batch in plan.batches):
        return []
    title += " (%s)" % plan.dataset.describe()
    builds = [] if plan.joined else [build_bars(rows, title, folder, note)]  # many settings of one system: the table has them
    if only_single_points(plan, rows):
        return [single_point_bars(plan, rows, title, folder, note)] + builds
    latency = [latency_curves(plan, rows, title, folder, note)] if any(plan.batches) else []
    return [rate_curves(plan, rows, title, folder, note)] + latency + builds


def cluster_plots(plan, rows, title, folder, note):
    ran = [row for row in rows if not row.failure]
    if not ran:
        return []
    least = min(point.inertia for row in ran for point in row.points.values())
    figure, (axis,) = panels(1, 4.8)
    looks = style([row.name for row in ran])
    for row in ran:
        points = list(row.points.values())
        axis.plot([p.median("seconds") for p in points], [100 * (p.inertia / least - 1) for p in points], label=row.name, markersize=6, **looks[row.name])
    axis.set(xlabel="seconds", ylabel="inertia, % above the best one seen", xscale="log", title="%s: k = %d, %s" % (title, plan.k, plan.dataset.describe()))
    log_axis(axis.xaxis)
    axis.legend()
    return [(save(figure, folder, "inertia", note), "inertia against seconds: " + title)]
