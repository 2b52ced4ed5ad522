"""plots.py: the pictures of a suite. Only what ran and is not suspicious is drawn."""

import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from compare import report, scoring  # noqa: E402

COLORS = {"lutra": "#d62728", "faiss": "#1f77b4", "hnswlib": "#2ca02c", "usearch": "#9467bd", "scann": "#ff7f0e", "sklearn": "#8c564b"}
MARKERS = "osD^v<>P"
plt.rcParams.update({"figure.dpi": 110, "font.size": 10, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False,
                     "axes.spines.right": False, "legend.frameon": False})


def style(names):
    """{name: color, marker}: the color is the system's, the marker tells its entries apart."""
    seen = {}
    styles = {}
    for name in names:
        system = name.split()[0]
        seen[system] = seen.get(system, -1) + 1
        styles[name] = {"color": COLORS.get(system, "#555555"), "marker": MARKERS[seen[system] % len(MARKERS)]}
    return styles


def plain(value, _):
    return "{:,.0f}".format(value) if value >= 1 else "%g" % value


def log_axis(axis):
    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=20))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_formatter(NullFormatter())


def save(figure, folder, name):
    figure.savefig(os.path.join(folder, name), bbox_inches="tight")
    plt.close(figure)


def panels(count, height=4.2):
    figure, axes = plt.subplots(1, count, figsize=(max(6.4, 4.6 * count), height), squeeze=False, layout="constrained")
    return figure, list(axes[0])


def legend_below(figure, axis):
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(2 * len(figure.axes), 4, len(labels)))


def only_single_points(plan, rows):
    return all(len(points) == 1 for batch in plan.batches for points in report.curves(plan, rows, batch, "p50_us").values())


def rate_curves(plan, rows, title, folder):
    figure, axes = panels(len(plan.batches))
    for axis, batch in zip(axes, plan.batches):
        found = report.curves(plan, rows, batch, "batch_qps")
        for name, look in style(found).items():
            best = scoring.front(found[name])
            axis.plot([x for x, _ in found[name]], [y for _, y in found[name]], linestyle="", alpha=0.3, markersize=4, **look)
            axis.plot([x for x, _ in best], [y for _, y in best], label=name, markersize=5, **look)
        axis.set(xlabel="recall@10", ylabel="queries/s", yscale="log", title=report.batch_name(batch))
        log_axis(axis.yaxis)
    figure.suptitle(title)
    legend_below(figure, axes[0])
    save(figure, folder, "recall.png")
    return "recall.png", "queries/s against recall@10: " + title


def latency_curves(plan, rows, title, folder):
    batches = [batch for batch in plan.batches if batch != 0]
    figure, axes = panels(len(batches))
    for axis, batch in zip(axes, batches):
        for value, line in (("p50_us", "-"), ("p99_us", "--")):
            found = report.curves(plan, rows, batch, value)
            for name, look in style(found).items():
                best = scoring.front(found[name], min)
                axis.plot([x for x, _ in best], [y for _, y in best], linestyle=line, markersize=5, label=name + (", p50" if line == "-" else ", p99"), **look)
        axis.set(xlabel="recall@10", ylabel="microseconds a call", yscale="log", title=report.batch_name(batch))
        log_axis(axis.yaxis)
    figure.suptitle("Latency: " + title)
    legend_below(figure, axes[0])
    save(figure, folder, "latency.png")
    return "latency.png", "latency of a call, median and 99th percentile: " + title


def bars(axis, names, series, unit):
    """series: [(label, values, alpha)], side by side in each row, with their numbers."""
    height = 0.8 / len(series)
    for at, (label, values, alpha) in enumerate(series):
        places = [i + (at - (len(series) - 1) / 2) * height for i in range(len(names))]
        drawn = axis.barh(places, values, height * 0.92, color=[style(names)[name]["color"] for name in names], alpha=alpha)
        axis.bar_label(drawn, ["%s %s" % (label, report.number(v)) for v in values], padding=3, fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.25)
    axis.grid(False, axis="y")
    axis.set_xlabel(unit)


def single_point_bars(plan, rows, title, folder):
    """For indexes with one operating point: rates of batches, latencies of lone queries."""
    figure, axes = panels(len(plan.batches), 0.6 * len(rows) + 1.6)
    for axis, batch in zip(axes, plan.batches):
        values = ("p50_us", "p99_us") if batch == 1 else ("batch_qps",)
        found = [report.curves(plan, rows, batch, value) for value in values]
        names = list(found[0])
        series = [(value[:3] if batch == 1 else "", [points[name][0][1] for name in names], alpha)
                  for value, points, alpha in zip(values, found, (1, 0.5))]
        bars(axis, names, series, "microseconds a call" if batch == 1 else "queries/s")
        axis.set_title(report.batch_name(batch))
    figure.suptitle(title)
    save(figure, folder, "rates.png")
    return "rates.png", "rates and latencies: " + title


def build_bars(rows, title, folder):
    built = [row for row in rows if row.builds and not row.failure]
    names = [row.name for row in built]
    figure, (axis,) = panels(1, 0.45 * len(names) + 1.4)
    colors = [style(names)[name]["color"] for name in names]
    train, add = ([sorted(b[part] for b in row.builds)[len(row.builds) // 2] for row in built] for part in ("train_s", "add_s"))
    axis.barh(names, train, color=colors, alpha=0.5)
    drawn = axis.barh(names, add, left=train, color=colors)
    axis.bar_label(drawn, ["%s + %s s" % (report.number(t), report.number(a)) for t, a in zip(train, add)], padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.margins(x=0.2)
    axis.grid(False, axis="y")
    axis.set(xlabel="seconds: train (light) + add (dark)", title="Build: " + title)
    save(figure, folder, "build.png")
    return "build.png", "build time: " + title


def search_plots(plan, rows, title, folder):
    """[(file, what it shows)]"""
    if not any(report.curves(plan, rows, batch, "p50_us") for batch in plan.batches):
        return []
    title += " (%s)" % plan.dataset.describe()
    if only_single_points(plan, rows):
        return [single_point_bars(plan, rows, title, folder), build_bars(rows, title, folder)]
    latency = [latency_curves(plan, rows, title, folder)] if any(plan.batches) else []
    return [rate_curves(plan, rows, title, folder)] + latency + [build_bars(rows, title, folder)]


def cluster_plots(plan, rows, title, folder):
    ran = [row for row in rows if not row.failure]
    if not ran:
        return []
    least = min(point.inertia for row in ran for point in row.points.values())
    figure, (axis,) = panels(1, 4.6)
    for row in ran:
        look = style([r.name for r in ran])[row.name]
        points = list(row.points.values())
        axis.plot([p.median("seconds") for p in points], [100 * (p.inertia / least - 1) for p in points], label=row.name, markersize=5, **look)
    axis.set(xlabel="seconds", ylabel="inertia, % above the best one seen", xscale="log", title="%s: k = %d, %s" % (title, plan.k, plan.dataset.describe()))
    log_axis(axis.xaxis)
    axis.legend()
    save(figure, folder, "inertia.png")
    return [("inertia.png", "inertia against seconds: " + title)]
