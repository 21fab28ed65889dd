"""The report of a run: a single self-contained HTML file."""

import base64
import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from linguistic_regions.claims.claim import VERDICTS
from linguistic_regions.reporting import (
    bylanguage,
    citation,
    claims,
    formats,
    generations,
    lm_eval,
    methods,
    paper,
    probes,
    selectivity,
)
from linguistic_regions.reporting.methods.model import dequantized, public_name
from linguistic_regions.reporting.methods.text import begins
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import domains, first, only
from linguistic_regions.statistics.tables import ARMS, in_order

TEMPLATE = paper.RESOURCES / "report" / "report.html.j2"
SPLITS = ("train", "valid", "test")
CLASSES = dict(zip(VERDICTS, ("holds", "fails", "undecided", "untested"), strict=True))  # of their badges


def render(
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    config: Mapping,
    provenance: Mapping,
    manifests: Sequence[Mapping],
    languages: Sequence[str],
    model: str,
    names: Mapping[str, str],
    printed: Mapping[str, pd.DataFrame],
    cited: Mapping,
    links: Mapping[str, str] | None = None,
    template: Path = TEMPLATE,
) -> str:
    """Render the template; all data are escaped.

    Args:
        tables: the run's tables by name, from `tables.read_folder`; sections of absent tables say so.
        figures: data URIs by name of the figure, from `embed`.
        config: the run's settings.
        provenance: software, data and hardware, from `provenance.describe`; its config is not shown again.
        manifests: the manifests of the texts: `language`, `source` and `splits`, each with `documents` and
            `characters`.
        languages: language codes in display order.
        model: name of the run's model.
        names: English names of languages by code.
        printed: the paper's tables, from `paper.load`.
        cited: what is cited with every run, from `citation.load`.
        links: relative links to other files and folders of the run by name, from `links_to`.
        template: a Jinja template.
    """
    removal = tables.get("removal")
    source = provenance.get("model") or {}
    model = public_name(model, source)
    pairs = set(tables["probes"]["source"]) if "probes" in tables else set()
    measured = _languages(tables, languages)
    return load(template).render(
        run=str(config.get("run", "a run")),
        model=model,
        is_paper_model="llama-2" in model.lower(),
        dequantized=dequantized(source),
        sections=bylanguage.sections(tables, manifests, measured, names, model),
        methods=methods.paragraphs(config, source, tables, names, model),
        domains=[domain for domain in domains(removal) if domain],
        links=links or {},
        revision=str(provenance.get("software", {}).get("revision") or ""),
        tokens=_test_tokens(removal),
        windows=_distinct(removal, "window"),
        begins=[begins(bos == "True") for bos in _distinct(removal, "bos")],
        claims=claims.rows(tables["claims"]) if "claims" in tables else [],
        classes=CLASSES,
        marks=claims.MARKS,
        verdicts=claims.tally(tables["claims"]) if "claims" in tables else {},
        grids=_grids(tables, model, names, printed),
        generations=generations.grids(tables["generations"], names) if "generations" in tables else [],
        probes=probes.sections(tables, names),
        lm_eval=lm_eval.grid(tables["lm_eval"], names) if "lm_eval" in tables else None,
        figures=figures,
        further=_further(tables.get("further"), names),
        corpora=_corpora(manifests, languages, names),
        is_parallel=any(manifest.get("source") == "debian" for manifest in manifests),
        references=citation.references(cited, provenance.get("software", {}), source, manifests, model, pairs),
        splits=SPLITS,
        config=config,
        provenance={key: value for key, value in provenance.items() if key != "config"},
    )


def load(template: Path) -> Template:
    """Load a page's template, which escapes all data; it may extend others of its folder.

    Raises:
        UserError: it is not there.
    """
    if not template.is_file():
        raise UserError(f"{template}: there is no such template: check the path")
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = formats.count
    return environment.get_template(template.name)


def embed(folder: str | Path) -> dict[str, str]:
    """Return the figures of a folder as data URIs, by name: the SVG if there is one, otherwise the PNG."""
    # As images, not inline markup: identifiers of several figures in a page would clash.
    types = {"png": "image/png", "svg": "image/svg+xml"}
    return {
        path.stem: f"data:{kind};base64," + base64.b64encode(path.read_bytes()).decode("ascii")
        for ending, kind in types.items()
        for path in sorted(Path(folder).glob(f"*.{ending}"))
    }


def links_to(files: Sequence[Path], output: Path) -> dict[str, str]:
    """Return links from the report to files, by name; relative, so that the run's folder can be moved.

    The name and the link of a folder end with a slash.
    """
    slash = {path: "/" if path.is_dir() else "" for path in files}
    return {
        f"{path.name}{end}": quote(Path(os.path.relpath(path, output.parent)).as_posix()) + end
        for path, end in slash.items()
    }


def _languages(tables: Mapping[str, pd.DataFrame], order: Sequence[str]) -> list[str]:
    measured = [table["language"] for table in tables.values() if "language" in table]
    return in_order(pd.concat(measured), order) if measured else list(order)


def _test_tokens(removal: pd.DataFrame | None) -> int:
    """Return the number of tokens that the intact model was tested on, over all languages; 0 if it was not tested."""
    return 0 if removal is None else int(removal.loc[removal["kind"] == "base", "tokens"].sum())


def _distinct(table: pd.DataFrame | None, column: str) -> list[str]:
    return [] if table is None else sorted(set(table[column]))


def _grids(
    tables: Mapping[str, pd.DataFrame], model: str, names: Mapping[str, str], printed: Mapping[str, pd.DataFrame]
) -> dict[str, list[paper.Grid]]:
    """Return the grids of each experiment; an empty list if it was not run."""
    sources = {
        "core_removal": ("removal", paper.core_removal),
        "retraining": ("retraining", paper.retraining),
        "monolingual": ("removal", paper.monolingual),
    }
    grids = {
        name: layout(tables[source], model, names, printed[name]) if source in tables else []
        for name, (source, layout) in sources.items()
    }
    freezing = tables.get("freezing")
    kinds = domains(freezing) if freezing is not None else []
    grids["freezing"] = [_freezing(only(freezing, kind), model, names, kind) for kind in kinds]
    beside = selectivity.grid(first(tables["removal"]), model, names) if "removal" in tables else None
    grids["selectivity"] = [beside] if beside else []
    grids["other"] = _other(first(tables["removal"]), model) if "removal" in tables else []
    return grids


def _other(removal: pd.DataFrame, model: str) -> list[paper.Grid]:
    """Return the effect of removing user-declared regions on each language."""
    effects = measures.log_ratios(removal)
    effects = effects[effects["kind"] == "other"]
    if effects.empty:
        return []
    means = effects.groupby(["region", "language"], sort=False)["log_ratio"].mean().unstack("language")
    rows = tuple((region, *map(formats.factor, values)) for region, values in means.iterrows())
    note = "Perplexity relative to the intact model."
    return [
        paper.Grid("Removal of the regions in the configuration", ("Region",), ((model, tuple(means)),), rows, (note,))
    ]


def _freezing(table: pd.DataFrame, model: str, names: Mapping[str, str], domain: str = "") -> paper.Grid:
    """Return perplexity at the end of training relative to its start, by trained language, learning rate and arm."""
    changes = measures.forgetting(table)
    arms = in_order(changes.columns, ARMS)
    parts = {"others": measures.untrained(changes), "trained on": measures.trained(changes)}
    keys = ["train_language", "learning_rate"]
    means = pd.concat({part: rows[arms].groupby(level=keys).mean() for part, rows in parts.items()}, names=["part"])
    means = means.reorder_levels([*keys, "part"]).sort_index()
    rows = tuple(
        (names.get(language, language), formats.rate(rate), part, *map(formats.factor, values))
        for (language, rate, part), values in zip(means.index, means.to_numpy(), strict=True)
    )
    return paper.Grid(
        f"Perplexity at the end of training relative to its start{f', tested on {domain}' if domain else ''}",
        ("Trained on", "Learning rate", "Tested on"),
        ((model, tuple(arm.replace("_", " ").capitalize() for arm in arms)),),
        rows,
        ("Geometric means over languages and seeds. The paper reports this experiment only as curves.",),
    )


def _further(table: pd.DataFrame | None, names: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return language, samples, perplexity before and after continued pre-training, and their ratio."""
    if table is None:
        return []
    rows = []
    for language, course in table.sort_values("samples", kind="stable").groupby("language", sort=False):
        start, end = course.iloc[0], course.iloc[-1]
        perplexities = (formats.perplexity(start["ppl"]), formats.perplexity(end["ppl"]))
        ratio = formats.factor(end["nll"] - start["nll"])
        rows.append((names.get(language, language), formats.count(end["samples"]), *perplexities, ratio))
    return rows


def _corpora(
    manifests: Sequence[Mapping], languages: Sequence[str], names: Mapping[str, str]
) -> list[tuple[str, str, list[Mapping]]]:
    """Return name, source and splits of each text, by language; a split without counts in its manifest is empty."""
    by_language: dict[str, list[Mapping]] = {}
    for manifest in manifests:
        by_language.setdefault(str(manifest.get("language", "")), []).append(manifest)
    return [
        (
            ", ".join(filter(None, [names.get(code, code), manifest.get("domain")])),
            str(manifest.get("source", "")),
            [manifest.get("splits", {}).get(split, {}) for split in SPLITS],
        )
        for code in in_order(by_language, languages)
        for manifest in by_language[code]
    ]
