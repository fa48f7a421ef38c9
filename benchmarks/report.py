"""Writes what was measured: a page and a plot for each results/*.json, and the growth over all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import svg

RESULTS = Path(__file__).resolve().parent / "results"
OTHERS = {"orm": "SQL of the ORM", "duckdb": "DuckDB", "clickhouse": "ClickHouse"}
SERIES = {"ours cold": "ours", **OTHERS}
KINDS = ("campaign", "step", "channel", "label", "any", "mixed", "event")
KIND_WORDS = {
    "campaign": "one campaign",
    "step": "steps of an automation",
    "channel": "a whole channel",
    "label": "labels",
    "any": "any message",
    "mixed": "trees of several rows",
    "event": "custom events",
}
Result = dict[str, Any]


def main() -> None:
    found = [json.loads(path.read_text()) for path in RESULTS.glob("*.json") if not path.stem.startswith("ingest")]
    results = sorted(found, key=lambda result: result["loaded"]["people"])
    for result in results:
        (RESULTS / f"{result['name']}.svg").write_text(_plot(result))
        (RESULTS / f"{result['name']}.md").write_text(_page(result))
    if len(results) > 1:
        (RESULTS / "growth.svg").write_text(_growth_plot(results))
        (RESULTS / "growth.md").write_text(_growth_page(results))


def _page(result: Result) -> str:
    loaded = result["loaded"]
    title = f"{loaded['people']:,} people, {loaded['message_events']:,} message events"
    return "\n".join(
        [
            f"# {title}",
            "",
            f"Measured on {result['date']}; all answers were compared and are equal. "
            "[How this is measured and how to read it](../README.md).",
            "",
            f"![Median times on a logarithmic scale; the numbers are in the table]({result['name']}.svg)",
            "",
            *_times(result),
            "",
            "Milliseconds, median and in brackets the 95th percentile by nearest rank. *Alone* is the evaluation "
            "without the request around it. *Faster* is the fastest of the others divided by ours, cold.",
            *_notes(result),
            "",
            *_facts(result),
            "",
        ]
    )


def _times(result: Result) -> list[str]:
    others = [name for name in OTHERS if any(name in shape["figures"] for shape in result["shapes"])]
    head = ["question", "people", "ours, cold", "alone", "ours, warm", *(OTHERS[name] for name in others), "faster"]
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for shape in result["shapes"]:
        figures = shape["figures"]
        cold, warm = figures.get("ours cold"), figures.get("ours warm")
        lines.append(
            _row(
                [
                    shape["words"],
                    f"{shape['count']:,}",
                    _time(cold),
                    f"{cold['evaluation_median']:.1f}" if cold else "–",
                    _time(warm),
                    *(_time(figures.get(name)) for name in others),
                    _faster(figures, others),
                ]
            )
        )
        if "ours after" in figures:
            after = figures["ours after"]
            words = "– right after the five, whose other rows are kept"
            lines.append(
                _row([words, "", _time(after), f"{after['evaluation_median']:.1f}", "", *[""] * len(others), ""])
            )
    return lines


def _time(figures: Result | None) -> str:
    if figures is None:
        return "–"
    if figures.get("gave_up"):
        return f"over {figures['median'] / 1000:.0f} s"
    if figures["times"] == 1:
        return f"{figures['median']:,.0f} (once)"
    return f"{figures['median']:,.1f} ({figures['p95']:,.1f})"


def _faster(figures: Result, others: list[str]) -> str:
    times = [figures[name]["median"] for name in others if name in figures]
    if "ours cold" not in figures or not times:
        return "–"
    ratio = min(times) / figures["ours cold"]["median"]
    return f"{ratio:.1f} ×" if ratio >= 1 else f"{ratio:.2f} ×"


def _notes(result: Result) -> list[str]:
    notes = []
    if any(figures["times"] == 1 for shape in result["shapes"] for figures in shape["figures"].values()):
        notes.append("What took longer than 30 s was measured once.")
    if result["loaded"]["thinned"]:
        days = ", ".join(result["loaded"]["days_kept"])
        notes.append(
            "**Thinned:** message events went to the product's own folding from memory, and only of the days that a "
            f"window of one of these questions cuts ({days}) were rows written. Folding's time is without reading. "
            "The SQL of the ORM has no rows to read and is left out; DuckDB and ClickHouse hold all events."
        )
    return ["", *notes] if notes else []


def _facts(result: Result) -> list[str]:
    loaded, about, machine = result["loaded"], result["about"], result["machine"]
    columns = [name for name in ("duckdb", "clickhouse") if name in about]
    thinned = " (thinned)" if loaded["thinned"] else ""
    rows = [
        (
            "machine",
            f"{machine['cores']} cores, {machine['memory']} memory, {machine['processor']}, {machine['system']}",
        ),
        ("versions", _versions(about, machine)),
        ("data", f"seed {result['seed']}, 180 days up to {loaded['until'][:10]}"),
        ("custom events", f"{loaded['custom_events']:,}"),
        ("message event rows kept", f"{loaded['message_rows_kept']:,}{thinned}"),
        ("loading", f"{loaded['load_seconds']:.0f} s, of these {loaded['fold_seconds']:.0f} s of folding"),
        ("B-trees and vacuum after it", f"{loaded['index_seconds']:.0f} s"),
        ("folding", f"{_folded(result):,.0f} events/s, at most {_bytes(loaded['fold_peak_bytes'])} of memory"),
        *(_facts_of_ours(about["ours"]) if "ours" in about else []),
        *((f"{OTHERS[name]}, on disk", _bytes(about[name]["sizes"]["all"])) for name in columns),
    ]
    if result["people_checked"]:
        rows.append(("people evaluated one by one", f"{result['people_checked']} on each question, all the same"))
    return [_row(["", ""]), _row(["---", "---"]), *(_row(row) for row in rows)]


def _facts_of_ours(ours: Result) -> list[tuple[str, str]]:
    sizes = ours["sizes"]
    rows, people = sizes["message events, rows alone"], ("profiles", "addresses", "custom events")
    return [
        (
            "index of message events",
            f"{_bytes(sizes['index'])} on disk, {_bytes(sizes['index, counts alone'])} in use",
        ),
        ("rows of message events", f"{_bytes(rows)}, with their B-trees {_bytes(sizes['message events'])}"),
        (", ".join(people), ", ".join(_bytes(sizes[name]) for name in people)),
        ("process memory", f"{_bytes(ours['idle_bytes'])} idle, at most {_bytes(ours['grown_bytes'])} above that"),
        ("PostgreSQL settings", ", ".join(f"{name} {value}" for name, value in ours["settings"].items())),
    ]


def _versions(about: Result, machine: Result) -> str:
    known = [f"Python {machine['python']}"]
    known += [f"PostgreSQL {about['ours']['server']}"] if "ours" in about else []
    known += [f"Django {about['orm']['version']}"] if "orm" in about else []
    return ", ".join(
        known + [f"{OTHERS[name]} {about[name]['version']}" for name in ("duckdb", "clickhouse") if name in about]
    )


def _folded(result: Result) -> float:
    """Events a second."""
    return float(result["loaded"]["message_events"] / result["loaded"]["fold_seconds"])


def _plot(result: Result) -> str:
    names = [name for name in SERIES if any(name in shape["figures"] for shape in result["shapes"])]
    rows = [
        (
            shape["words"],
            [shape["figures"].get(name, {}).get("median") for name in names],
            shape["figures"].get("ours warm", {}).get("median"),
        )
        for shape in result["shapes"]
    ]
    loaded = result["loaded"]
    events = f"{loaded['message_events'] / 1e6:,.0f} million message events"
    title = f"{loaded['people']:,} people, {events}: median time to the exact count"
    return svg.bars(title, rows, [SERIES[name] for name in names], "ours when asked again")


def _growth_plot(results: list[Result]) -> str:
    times = [
        svg.Curve(KIND_WORDS[kind], KINDS.index(kind), _points(results, name))
        for name, kind in {shape["name"]: shape["kind"] for shape in results[0]["shapes"]}.items()
    ]
    people = [result["loaded"]["people"] for result in results]
    folding = list(zip(people, map(_folded, results), strict=True))
    ours = [result["about"]["ours"] for result in results]
    memory = list(zip(people, (each["grown_bytes"] / 2**20 for each in ours), strict=True))
    index = list(zip(people, (each["sizes"]["index"] / 2**20 for each in ours), strict=True))
    return svg.panels(
        "From 0.1 to 10 million people, about 100 message events each",
        [
            svg.Panel("Exact count, cold, median", times, svg.milliseconds),
            svg.Panel("Folding, events a second", [svg.Curve("events folded a second", 0, folding)]),
            svg.Panel(
                "Memory and index",
                [
                    svg.Curve("process memory above idle, at most", 1, memory),
                    svg.Curve("index on disk", 2, index),
                ],
                svg.megabytes,
            ),
        ],
        "people",
    )  # fmt: skip


def _points(results: list[Result], name: str) -> list[tuple[float, float]]:
    found = []
    for result in results:
        shape = next((shape for shape in result["shapes"] if shape["name"] == name), None)
        if shape is not None and "ours cold" in shape["figures"]:
            found.append((result["loaded"]["people"], shape["figures"]["ours cold"]["median"]))
    return found


def _growth_page(results: list[Result]) -> str:
    head = ["question", *(f"{result['loaded']['people']:,} people" for result in results)]
    lines = [_row(head), _row(["---", *["---:"] * len(results)])]
    for shape in results[0]["shapes"]:
        times = dict(_points(results, shape["name"]))
        cells = (times.get(result["loaded"]["people"]) for result in results)
        lines.append(_row([shape["words"], *("–" if cell is None else svg.milliseconds(cell) for cell in cells)]))
    for words, figure in (
        ("message events", lambda result: f"{result['loaded']['message_events']:,}"),
        ("index", lambda result: _bytes(result["about"]["ours"]["sizes"]["index"])),
        ("process memory above idle, at most", lambda result: _bytes(result["about"]["ours"]["grown_bytes"])),
        ("events folded a second", lambda result: f"{_folded(result):,.0f}"),
        ("rows thinned", lambda result: "yes" if result["loaded"]["thinned"] else "no"),
        ("measured", lambda result: f"[{result['date']}]({result['name']}.md)"),
    ):  # fmt: skip
        lines.append(_row([words, *(figure(result) for result in results)]))
    return "\n".join(
        [
            "# Growth",
            "",
            "The exact count through the API, median, with nothing kept from earlier questions (cold).",
            "",
            "![How the times, the rate of folding, memory and the index grow with the number of people](growth.svg)",
            "",
            *lines,
            "",
        ]
    )


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _bytes(count: float) -> str:
    return f"{count / 2**30:.2f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"


if __name__ == "__main__":
    main()
