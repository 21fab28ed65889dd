"""The demo's results in the README: collect them from a run, and render them as Markdown."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from linguistic_regions.claims.claim import VERDICTS
from linguistic_regions.reporting import claims, formats, probes
from linguistic_regions.reporting.figures.style import LABELS
from linguistic_regions.reporting.methods.model import public_name
from linguistic_regions.reporting.paper import ABSENT
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import domains, first, only
from linguistic_regions.statistics.tables import ARMS, CORE, in_order

BEGIN = "<!-- demo: begin (make docs) -->"
END = "<!-- demo: end -->"
COMMAND = "make run"
PACKAGES = ("torch", "transformers")
CONTROLS = {  # removals that could explain the core's effect: what the README calls them
    "top": "the core",
    "without_outliers": "the core without the outlier dimensions",
    "only_outliers": "only the core's weights in outlier dimensions",
    "outlier_dimensions": "all weights of the outlier dimensions",
    "outlier_rows": "outlier rows",
    "outlier_weights": "single outlier weights",
    "magnitude": "as many of the largest weights",
    "random_magnitude": "random weights of the core's magnitude",
    "random_dimensions": "random weights in the core's rows and columns",
    "random": "random weights",
}


def collect(
    tables: Mapping[str, pd.DataFrame],
    config: Mapping,
    provenance: Mapping,
    date: str,
    names: Mapping[str, str],
    close: Mapping[str, Sequence[str]],
) -> dict:
    """Collect from a run the values and labels that the README shows, as text.

    Args:
        tables: the run's tables by name, from `tables.read_folder`.
        config: the run's settings.
        provenance: the software, hardware and data of the run.
        date: the date of the run.
        names: English names of languages by code.
        close: the languages close to each, by code.
    """
    removal = first(tables["removal"])
    source = provenance.get("model") or {}
    return {
        "about": {
            "model": public_name(str(config["model"]["pretrained"] or "a tiny Llama pretrained here"), source),
            "dequantized": source.get("dequantized"),
            "languages": len(config["languages"]),
            "scored": len(config["importance"]["languages"]),
            "samples": formats.count(config["importance"]["samples"][-1]),
            "block": formats.count(config["tokens"]["block_size"]),
            "date": date,
            "hardware": _hardware(provenance.get("hardware", {})),
            "software": _software(provenance.get("software", {})),
            "command": COMMAND,
        },
        "core": _core(removal),
        "controls": _controls(removal),
        "monolingual": _monolingual(removal, names, close),
        "retraining": _retraining(tables.get("retraining"), names),
        "freezing": _freezing(tables.get("freezing"), names),
        "probes": probes.overview(tables["probes"], names) if "probes" in tables else {},
        "claims": [
            {key: row[key] for key in ("verdict", "claim", "measured", "corrected")}
            for row in (claims.rows(tables["claims"]) if "claims" in tables else [])
        ],
    }


def block(shown: Mapping | None) -> str:
    """Render the README's block with its markers; without results it is empty."""
    if not shown:
        return f"{BEGIN}\n{END}"
    tables = {
        "about": _about,
        "core": _core_table,
        "controls": _controls_table,
        "monolingual": _monolingual_table,
        "retraining": _retraining_table,
        "freezing": _freezing_table,
        "probes": _probes_table,
        "claims": _claims,
    }
    parts = [table(shown[name]) for name, table in tables.items() if name in shown]
    return "\n\n".join([BEGIN, *(part for part in parts if part), END])


def replaced(readme: str, new: str) -> str:
    """Return a README with its block replaced.

    Raises:
        ValueError: if each marker does not occur exactly once, in order.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"needs one line {BEGIN} followed by one line {END}")
    return before + new + after


def _hardware(hardware: Mapping) -> str:
    words = [str(hardware["processor"])] if hardware.get("processor") else []
    if hardware.get("cores"):
        words.append(f"{hardware['cores']} cores")
    kilobytes = str(hardware.get("memory") or "").removesuffix("kB").strip()
    if kilobytes.isdecimal():
        words.append(f"{int(kilobytes) / 2**20:.0f} GiB of memory")
    gpus = [str(gpu) for gpu in hardware.get("gpus") or []]
    return ", ".join([*words, *(gpus or ["no GPU"])])


def _software(software: Mapping) -> str:
    words = [f"{name} {software[name]}" for name in ("python", *PACKAGES) if software.get(name)]
    return ", ".join(word[0].upper() + word[1:] if word.startswith("python") else word for word in words)


def _core(removal: pd.DataFrame) -> list[dict]:
    """Return per setting the factor and its range over languages for the core, a random region and the bottom."""
    effects = measures.log_ratios(removal)
    rows = []
    for scope, ratio in measures.core_settings(effects):
        table = measures.core_effects(effects, scope, ratio)
        cells = {kind: _spread(table[kind].dropna()) for kind in ("top", "random", "bottom")}
        rows.append({"removed": formats.percent(ratio), "ranking": formats.scope(scope), **cells})
    return rows


def _controls(removal: pd.DataFrame) -> list[dict]:
    """Return the factor of each control of the core, and of the core itself, from the largest to the smallest."""
    effects = measures.log_ratios(removal)
    effects = effects[effects["factor"] == 0]
    ratios = effects.loc[effects["kind"] == "without_outliers", "ratio"]
    if ratios.empty:
        return []
    core = (effects["target"] == CORE) & (effects["scope"] == "tensor") & (effects["ratio"] == ratios.iloc[0])
    named = effects.assign(name=effects["kind"].where(effects["kind"] != "outliers", effects["region"]))
    named = named[(core | (effects["kind"] == "outliers")) & named["name"].isin(CONTROLS)]
    rows = []
    for name, its in named.groupby("name", sort=False):
        logs = its.groupby("language", sort=False)["log_ratio"].mean()
        draws = its["region"].nunique()
        label = CONTROLS[name] + (f", mean of {draws}" if draws > 1 else "")
        rows.append({"removed": label, "mean": logs.mean(), "factor": _spread(logs)})
    rows.sort(key=lambda row: -row["mean"])
    return [{key: row[key] for key in ("removed", "factor")} for row in rows]


def _spread(logs: pd.Series) -> str:
    if logs.empty:
        return ABSENT
    return f"{formats.factor(logs.mean())} ({formats.factor(logs.min())} to {formats.factor(logs.max())})"


def _monolingual(removal: pd.DataFrame, names: Mapping[str, str], close: Mapping[str, Sequence[str]]) -> dict:
    """Return per region the factor on its own, on close and on other languages, and that of a random region."""
    effects = measures.log_ratios(removal)
    matrix, control = (measures.monolingual_matrix(effects, kind) for kind in ("monolingual", "random"))
    if matrix.empty:
        return {}
    rows = []
    for code in matrix.index:
        losses = matrix.loc[code].dropna()
        kin = [language for language in close.get(code, ()) if language in losses]
        others = losses.drop([code, *kin], errors="ignore")
        rows.append(
            {
                "region": names.get(code, code),
                "own": formats.factor(losses.get(code, np.nan)),
                "kin": ", ".join(f"{names.get(other, other)} {formats.factor(losses[other])}" for other in kin)
                or ABSENT,
                "others": _spread(others),
                "random": formats.factor(control.at[code, code] if code in control.index else np.nan),
            }
        )
    used = measures.monolingual(effects)
    return {
        "ratio": formats.percent(used["ratio"].max()),
        "samples": formats.count(used["samples"].max()),
        "rows": rows,
    }


def _retraining(table: pd.DataFrame | None, names: Mapping[str, str]) -> list[dict]:
    """Return, by languages trained on and tested, perplexity after the removal and after retraining in each arm."""
    if table is None:
        return []
    table = first(table)
    found = []
    for (trained, rate), rows in table.groupby(["train_language", "learning_rate"], sort=False):
        arms = in_order(rows["arm"], ARMS)
        logs = rows.groupby(["language", "samples", "arm"], sort=False)["nll"].mean().unstack("arm")[arms]
        for tested in in_order(rows["language"], [trained]):
            course = logs.loc[tested].sort_index()
            found.append(
                {
                    "trained": names.get(trained, trained),
                    "rate": formats.rate(rate),
                    "tested": names.get(tested, tested),
                    "samples": formats.count(course.index[-1]),
                    "arms": {LABELS[arm]: _course(course[arm]) for arm in arms},
                }
            )
    return found


def _course(logs: pd.Series) -> str:
    return f"{formats.from_nll(logs.iloc[0])} → {formats.from_nll(logs.iloc[-1])}"


def _freezing(table: pd.DataFrame | None, names: Mapping[str, str]) -> dict:
    """Return per learning rate and arm what is forgotten and learnt, in the second domain if there is one."""
    if table is None:
        return {}
    domain = domains(table)[:2][-1]
    changes = measures.forgetting(only(table, domain))
    arms = in_order(changes.columns, ARMS)
    parts = {"other languages": measures.untrained(changes), "trained language": measures.trained(changes)}
    rows = []
    for rate in sorted(changes.index.get_level_values("learning_rate").unique()):
        for part, values in parts.items():
            chosen = values[values.index.get_level_values("learning_rate") == rate]
            if len(chosen):
                cells = {LABELS[arm]: formats.factor(chosen[arm].mean()) for arm in arms}
                rows.append({"rate": formats.rate(rate), "tested": part, "arms": cells})
    trained = [names.get(code, code) for code in changes.index.get_level_values("train_language").unique()]
    samples = formats.count(table["samples"].max())
    return {"domain": domain, "trained": ", ".join(trained), "samples": samples, "rows": rows}


def _about(about: Mapping) -> str:
    quantized = f" (weights dequantized from {about['dequantized']}, GGUF)" if about["dequantized"] else ""
    return (
        f"Model: **{about['model']}**{quantized}, {about['languages']} languages. Importance: {about['samples']} "
        f"samples of {about['block']} tokens in each of {about['scored']} languages. Run with `{about['command']}` "
        f"on {about['date']}: {about['hardware']}; {about['software']}. × is the factor on perplexity, a geometric "
        "mean over languages, with their range in parentheses.\n\n"
        "![Factors on perplexity. Left: of each language without the core. Right: by monolingual region and language.]"
        "(docs/demo.svg)"
    )


def _core_table(rows: Sequence[Mapping]) -> str:
    if not rows:
        return ""
    cells = [[row["removed"], row["ranking"], row["top"], row["random"], row["bottom"]] for row in rows]
    heading = ("set to zero", "ranking", "core", "as many random weights", "the least important weights")
    return "**The core removed**\n\n" + _table(heading, cells, labels=2)


def _controls_table(rows: Sequence[Mapping]) -> str:
    if not rows:
        return ""
    cells = [[row["removed"], row["factor"]] for row in rows]
    title = "**What else could it be?** The controls of the smaller core ([science](docs/science.md))"
    return f"{title}\n\n" + _table(("set to zero", "factor"), cells)


def _monolingual_table(shown: Mapping) -> str:
    if not shown:
        return ""
    cells = [[row[key] for key in ("region", "own", "kin", "others", "random")] for row in shown["rows"]]
    heading = ("region of", "own language", "close languages", "other languages", "own, random region of its size")
    title = f"**Monolingual regions removed** ({shown['ratio']}, {shown['samples']} samples)"
    return f"{title}\n\n" + _table(heading, cells)


def _retraining_table(rows: Sequence[Mapping]) -> str:
    if not rows:
        return ""
    arms = list(dict.fromkeys(arm for row in rows for arm in row["arms"]))
    cells = [
        [row["trained"], row["samples"], row["tested"], *(row["arms"].get(arm, ABSENT) for arm in arms)] for row in rows
    ]
    heading = ("trained on", "samples", "tested on", *arms)
    return "**Retraining after a removal**, perplexity before → after\n\n" + _table(heading, cells, labels=3)


def _freezing_table(shown: Mapping) -> str:
    if not shown:
        return ""
    arms = list(dict.fromkeys(arm for row in shown["rows"] for arm in row["arms"]))
    cells = [[row["rate"], row["tested"], *(row["arms"].get(arm, ABSENT) for arm in arms)] for row in shown["rows"]]
    tested = f", tested on {shown['domain']}" if shown["domain"] else ""
    title = f"**Freezing the core** while training on {shown['trained']} ({shown['samples']} samples{tested})"
    return f"{title}, perplexity after over before\n\n" + _table(("learning rate", "tested", *arms), cells, labels=2)


def _probes_table(shown: Mapping) -> str:
    if not shown:
        return ""
    title = "**Competence and performance**: minimal pairs judged correctly, 95 % intervals ([probes](docs/probes.md))"
    return f"{title}\n\n" + _table(("set to zero", *shown["heading"]), shown["rows"])


def _claims(shown: Iterable[Mapping]) -> str:
    shown = list(shown)
    if not shown:
        return ""
    counts = {verdict: sum(claim["verdict"] == verdict for claim in shown) for verdict in VERDICTS}
    summary = ", ".join(f"{verdict} {number}" for verdict, number in counts.items() if number)
    cells = [
        [f"{claims.MARKS[claim['verdict']]} {claim['verdict']}", claim["claim"], _measured(claim)] for claim in shown
    ]
    title = f"**The paper's claims, and their controls, in this run** ([rules](docs/claims.md)): {summary}"
    return f"{title}\n\n" + _table(("verdict", "claim", "measured"), cells, labels=3)


def _measured(claim: Mapping) -> str:
    return "; ".join(part for part in (claim["measured"], claim["corrected"]) if part)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]], labels: int = 1) -> str:
    """Return a Markdown table whose first `labels` columns are left-aligned."""
    rule = ["---"] * labels + ["--:"] * (len(heading) - labels)
    lines = [heading, rule, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
