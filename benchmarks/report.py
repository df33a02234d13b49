"""The figures of the benchmarks as a page."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles
from typing import Any

from benchmarks.forgetting import MEMBERS
from benchmarks.freshness import READINGS_A_FILE
from benchmarks.ingest import FILES, MANY_READINGS, READINGS

Figures = Mapping[str, Any]


def report(measures: Figures) -> str:
    """Return the page: a section for each measure that has been taken."""
    text = """# Benchmark results

Written by `make bench`, with the raw numbers in RESULTS.json. Compare figures only within a
section: they were taken in one run, by turns, since the speed of a machine drifts.
"""
    for name, (title, section) in SECTIONS.items():
        if name in measures:
            taken = measures[name]
            versions = ", ".join(f"{what} {number}" for what, number in taken["versions"].items())
            text += f"\n## {title}\n\n{taken['machine']}; {versions}; {taken['date']}.\n\n"
            text += "".join(f"{line}\n" for line in section(taken["figures"]))
    return text


def speed(figures: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the section on the ingest's speed."""
    pairs = zip(figures["plain"], figures["ingest"], strict=True)
    ratios = [plain / ingest for plain, ingest in pairs]
    ours, theirs = (median(figures[name]) for name in ("ingest", "plain"))
    return table(
        ("what", "figure"),
        (f"{READINGS:,} readings to bronze", f"{ours:.1f} s ({READINGS / ours:,.0f} readings/s)"),
        ("the same lines read, parsed and written as Parquet by plain Spark", f"{theirs:.1f} s"),
        (
            f"speed of the ingest / plain Spark: median of {len(ratios)}, minimum, maximum",
            f"{median(ratios):.2f}, {min(ratios):.2f}, {max(ratios):.2f}",
        ),
    )


def memory(figures: Mapping[str, float]) -> list[str]:
    """Return the section on the ingest's memory."""
    return table(
        ("what", "figure"),
        (f"{MANY_READINGS:,} readings, start included", f"{figures['seconds']:.0f} s"),
        ("peak resident memory, Python and JVM", f"{figures['gibibytes']:.2f} GiB"),
    )


def no_news(figures: Sequence[float]) -> list[str]:
    """Return the section on an ingest that finds nothing new."""
    seconds = f"{median(figures):.1f} s"
    return table(
        ("what", "figure"), (f"nothing new among {FILES:,} files, without Spark's start", seconds)
    )


WHO = {
    "own": "this project, all its everyday tests included",
    "plain_delta": "a plain Spark batch job, Delta tables: no dbt, no MERGE, no tests",
    "plain_parquet": "the same job, Parquet tables",
    "stock": "the same models by dbt-spark's merge and `max(timestamp)`, generic tests only",
    "duckdb": "DuckDB",
}


def load(figures: Figures) -> list[str]:
    """Return the section on loads: the seconds of each side, and what ours consist of."""
    head = ("readings", "side", "cold", "warm", "this project / side, median", "peak memory")
    rows, parts = [], []
    for readings, sides in figures.items():
        ours = [turn["seconds"] for turn in sides["own"]["turns"]]
        for name, side in sides.items():
            cold, *warm = [turn["seconds"] for turn in side["turns"]]
            pairs = list(zip(ours, [cold, *warm], strict=True))
            ratio = median(our / their for our, their in pairs[1:] or pairs)
            rows.append(
                (
                    f"{int(readings):,}",
                    WHO[name],
                    f"{cold:.0f} s",
                    f"{median(warm):.0f} s" if warm else "",
                    f"{ratio:.2f}",
                    f"{side['gibibytes']:.1f} GiB",
                )
            )
        parts += parts_of_load(readings, sides["own"]["turns"][-1])
    return [
        *table(head, *rows),
        "",
        "The last turn of this project, in seconds; models and tests run four at a time:",
        "",
        *table(("readings", "ingest", "build", "slowest models", "share of tests"), *parts),
    ]


def parts_of_load(readings: str, turn: Figures) -> list[Sequence[str]]:
    """Return the row that shows what a load's time was spent on."""
    nodes = turn["nodes"]
    models = {name.split(".")[-1]: s for name, s in nodes.items() if name.startswith("model.")}
    slowest = sorted(models, key=lambda name: -models[name])[:4]
    tests = sum(seconds for name, seconds in nodes.items() if name.startswith("test."))
    return [
        (
            f"{int(readings):,}",
            *(f"{turn['phases'][phase]:.0f}" for phase in ("ingest", "build")),
            ", ".join(f"{name} {models[name]:.0f}" for name in slowest),
            f"{tests / sum(nodes.values()):.0%}",
        )
    ]


def no_news_build(figures: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the section on builds that find nothing new."""
    return table(
        ("what", "figure"),
        ("in a warm process", f"{median(figures['warm']):.1f} s"),
        ("`fitness build`, process start included", f"{median(figures['cold']):.1f} s"),
    )


def freshness(figures: Sequence[float]) -> list[str]:
    """Return the section on continuous operation."""
    p50, p95 = (quantiles(figures, n=100)[percent - 1] for percent in (50, 95))
    return table(
        ("what", "figure"),
        (f"workouts landed, one a second, of {READINGS_A_FILE} readings each", f"{len(figures)}"),
        ("from the file to its row in `workout_bpm_summary`, median", f"{p50:.0f} s"),
        ("the same, 95th percentile", f"{p95:.0f} s"),
    )


def increments(figures: Figures) -> list[str]:
    """Return the section on incremental builds: by history, and what grows most with it."""
    histories = [int(days) for days in figures]
    least, most = str(min(histories)), str(max(histories))
    kinds = {days: figures[days]["kinds"] for days in figures}
    rows, stock_rows = [], []
    for kind in kinds[least]:
        seconds = {days: kinds[days][kind]["seconds"] for days in figures}
        counted = {days: total(kinds[days][kind]["nodes"]) for days in figures}
        read = [mebibytes(counted[days]["bytes_read"]) for days in (least, most)]
        rows.append(
            (
                kind,
                *(f"{seconds[days]:.1f} s" for days in figures),
                f"{seconds[most] / seconds[least]:.2f}",
                f"{counted[most]['statements']:.0f}",
                f"{counted[most]['jobs']:.0f}",
                " and ".join(read),
                grows_most(kinds[least][kind]["nodes"], kinds[most][kind]["nodes"]),
                share_of_tests(kinds[most][kind]["nodes"]),
            )
        )
        stock = {days: kinds[days][kind]["stock_seconds"] for days in figures}
        if None not in stock.values():
            stock_rows.append(
                (kind, *(f"{stock[d]:.1f} s, {stock[d] / seconds[d]:.1f}" for d in stock))
            )
    head = (
        "new data",
        *(f"{days} days of history" for days in figures),
        f"{most} days / {least} days",
        "statements",
        "Spark jobs",
        f"bytes read with {least} and {most} days",
        "largest increase in bytes read",
        "share of tests",
    )
    loads = {days: figures[days]["load"] for days in figures}
    stock_rows.append(
        (
            "the whole history",
            *(f"{s['stock']:.1f} s, {s['stock'] / s['own']:.1f}" for s in loads.values()),
        )
    )
    wrong = [sum(figures[days]["wrong_rows"].values()) for days in figures]
    stock_rows.append(
        ("rows of gold that are wrong at the end", *(f"{count:,}" for count in wrong))
    )
    return [
        *table(head, *rows),
        "",
        "The same models by dbt-spark's merge and `max(timestamp)`, with the generic tests only:",
        "seconds, and how many times as long as the builds above.",
        "",
        *table(("new data", *(f"{days} days of history" for days in figures)), *stock_rows),
    ]


def forgetting(figures: Figures) -> list[str]:
    """Return the section on forgetting people: seconds, and bytes written, beside a rewrite."""
    forgotten, refresh = figures["forgotten"], figures["full_refresh"]
    costs = forgotten.values()
    phases = next(iter(costs))["seconds"]
    return [
        *table(
            ("what", *(f"{count} of {MEMBERS} members" for count in forgotten)),
            ("seconds in all", *(f"{sum(cost['seconds'].values()):.0f} s" for cost in costs)),
            *((phase, *(f"{cost['seconds'][phase]:.0f} s" for cost in costs)) for phase in phases),
            ("rows removed from bronze", *(f"{cost['rows']:,}" for cost in costs)),
            ("written to all tables", *(mebibytes(cost["bytes"]) for cost in costs)),
            ("landed files rewritten", *(mebibytes(cost["landed_bytes"]) for cost in costs)),
        ),
        "",
        *table(
            ("to compare", "figure"),
            ("all tables, bronze included", mebibytes(figures["bytes_in_use"])),
            ("a full refresh of silver and gold", f"{refresh['seconds']:.0f} s"),
            ("written by it", mebibytes(refresh["bytes"])),
        ),
    ]


def mebibytes(count: float) -> str:
    """Return a number of bytes as text."""
    return f"{count / 2**20:.1f} MiB"


def total(nodes: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Add up the costs of all nodes of a build."""
    names = next(iter(nodes.values())).keys()
    return {name: sum(cost[name] for cost in nodes.values()) for name in names}


def grows_most(
    least: Mapping[str, Mapping[str, float]], most: Mapping[str, Mapping[str, float]]
) -> str:
    """Return the node whose bytes read grow most with the history, and by how much."""
    more = {
        node: cost["bytes_read"] - least.get(node, {}).get("bytes_read", 0.0)
        for node, cost in most.items()
    }
    node = max(more, key=lambda name: more[name])
    return f"{node.split('.')[2] if '.' in node else node} {more[node] / 2**20:+.1f} MiB"


def share_of_tests(nodes: Mapping[str, Mapping[str, float]]) -> str:
    """Return the share of tests in the seconds of a build that ran one node at a time."""
    tests = sum(cost["seconds"] for node, cost in nodes.items() if node.startswith("test."))
    return f"{tests / sum(cost['seconds'] for cost in nodes.values()):.0%}"


def table(*rows: Sequence[str]) -> list[str]:
    """Return rows as a table; the first one is its head."""
    head, *body = rows
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]


SECTIONS: dict[str, tuple[str, Callable[[Any], list[str]]]] = {
    "speed": ("Landing to bronze: speed", speed),
    "memory": ("Landing to bronze: memory", memory),
    "no_news": ("Landing to bronze: nothing new", no_news),
    "load": ("Landing to gold: first load", load),
    "increments": ("Bronze to gold: incremental builds, with all everyday tests", increments),
    "forgetting": ("Forgetting people", forgetting),
    "no_news_build": ("Bronze to gold: nothing new", no_news_build),
    "freshness": ("Landing to gold: continuous run", freshness),
}
