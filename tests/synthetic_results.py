"""Small result tables with known effects, as the workflow has them; and evidence from which such tables follow."""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pandas as pd

from linguistic_regions.claims.claims import judged
from linguistic_regions.claims.run import Run
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.reporting import paper
from linguistic_regions.statistics.domains import first
from linguistic_regions.statistics.tables import INTACT
from synthetic_probes import LANGUAGES, REGIONS, probe_tables, probes

NAMES = {"en": "English", "ru": "Russian", "uk": "Ukrainian", "zh": "Chinese"}
MODEL = "tiny Llama, 4 layers x 128, 1.8 M parameters"
DOMAINS = ("manuals", "verse")
BASE = {"en": 3.0, "ru": 3.2, "uk": 3.4, "zh": 4.0}  # negative log-likelihood per token
LANGUAGE_FACTOR = {"en": 0.9, "ru": 1.0, "uk": 1.05, "zh": 1.1}  # effects differ a little by language


def removal(
    top: float = 1.0,
    random: float = 0.05,
    bottom: float = 0.001,
    own: float = 0.6,
    elsewhere: float = 1.0,
    own_elsewhere: float = 1.0,
    lacking: str = "uk",
) -> pd.DataFrame:
    """The removal table: log ratios at 3 %, half of that at 1 %; the own language loses `own`, others 0.02, kin 0.2.

    In the second domain the top loses `elsewhere` times as much, and the own language `own_elsewhere` times; one
    language is `lacking` there.
    """
    first = _removal(top, random, bottom, own).assign(domain=DOMAINS[0])
    second = _removal(top * elsewhere, random, bottom, own * own_elsewhere).assign(domain=DOMAINS[1])
    return pd.concat([first, second[second["language"] != lacking]], ignore_index=True)


def controls(left: float = 6.0, control: float = 3.0) -> pd.DataFrame:
    """The removal table with the core's controls at 1 %, where the core loses 6 (log ratio), some noise by language.

    Args:
        left: what is lost without the core's weights outside the outlier dimensions.
        control: what is lost without the largest weights, or the matched random ones.
    """
    kinds = {"top": 6.0, "without_outliers": left, "only_outliers": 5.0, "outliers": 2.0}
    kinds |= dict.fromkeys(("magnitude", "random_magnitude", "random_dimensions"), control)
    rows = []
    for kind, loss in kinds.items():
        ratio, target = (0.0, "") if kind == "outliers" else (0.01, "core")
        for replicate in (1, 2, 3) if kind.startswith("random") else (0,):
            for place, code in enumerate(LANGUAGES):
                noise = (0.1 if kind == "top" else -0.1) * (place - 1) + 0.01 * replicate
                name = f"{kind}-{ratio}-{replicate}"
                rows.append(_removed(name, kind, ratio, 64, replicate, code, loss + noise, "tensor", target))
    table = removal()
    kept = table[(table["region"] != "top-0.01")]
    return pd.concat([kept, pd.DataFrame(rows).assign(domain=DOMAINS[0])], ignore_index=True)


def curves() -> pd.DataFrame:
    """The removal table with curves: the log ratio is 400 times the ratio by taylor, 40 times without outliers.

    Random regions lose 4 times the ratio, give or take 0.01 by language. The core at 1 % and 3 % is on the curves.
    """
    slopes = {"curve": 400, "curve_without_outliers": 40}
    rows = []
    for ratio in (0.001, 0.003, 0.1):
        for place, code in enumerate(LANGUAGES):
            shift = 0.01 * (place - 1.5)
            for kind, slope in slopes.items():
                rows.append(_removed(f"{kind}-{ratio}", kind, ratio, 64, 0, code, slope * ratio + shift, "tensor", ""))
            loss = _removed(f"curve-random-{ratio}-1", "curve", ratio, 64, 1, code, 4 * ratio + shift, "tensor", "")
            rows.append(loss | {"estimator": ""})
    core = removal(top=12.0, random=0.12)
    core = core[core["domain"] == DOMAINS[0]]
    return pd.concat([core, pd.DataFrame(rows).assign(domain=DOMAINS[0])], ignore_index=True)


def _removal(top: float, random: float, bottom: float, own: float) -> pd.DataFrame:
    rows = [_removed("base", "base", 0.0, 0, 0, code, 0.0, "", "") for code in LANGUAGES]
    for ratio, share in ((0.01, 0.5), (0.03, 1.0)):
        for code in LANGUAGES:
            scale = share * LANGUAGE_FACTOR[code]
            rows += [
                _removed(f"top-{ratio}", "top", ratio, 64, 0, code, top * scale, "tensor", "core"),
                _removed(f"bottom-{ratio}", "bottom", ratio, 64, 0, code, bottom * scale, "tensor", "core"),
            ]
            rows += [  # around the mean
                _removed(f"random-{ratio}-{number}", "random", ratio, 64, number, code, loss, "tensor", "core")
                for number, loss in enumerate((random * scale - 0.02, random * scale, random * scale + 0.02), 1)
            ]
    for target in REGIONS:
        for samples, share in ((64, 0.8), (256, 1.0)):
            for code in LANGUAGES:
                kin = {target, code} == {"ru", "uk"}
                loss = own * share * LANGUAGE_FACTOR[code] if code == target else 0.2 if kin else 0.02
                rows += [
                    _removed(f"mono-{target}-{samples}", "monolingual", 0.03, samples, 0, code, loss, "tensor", target),
                    _removed(f"low-{target}-{samples}", "bottom", 0.03, samples, 0, code, 0.001, "tensor", target),
                    _removed(f"any-{target}-{samples}", "random", 0.03, samples, 1, code, 0.01, "tensor", target),
                ]
    return pd.DataFrame(rows)


def selectivity() -> pd.DataFrame:
    """The table of own against others: own rises by 0.6, those subtracted by 0.1, those not by 0.2; control by 0.01."""
    rows = []
    for domain, language in (
        (domain, code) for domain in DOMAINS for code in REGIONS if (domain, code) != ("verse", "uk")
    ):
        for kind, own, subtracted, free in (("monolingual", 0.6, 0.1, 0.2), ("random", 0.01, 0.01, 0.01)):
            for compared, others in (("all", 0.15), ("not_subtracted", free), ("subtracted", subtracted)):
                values = {"own": own, "others": others, "difference": own - others}
                ends = {"own_low": own - 0.1, "own_high": own + 0.1, "others_low": others - 0.05, "low": 0.0}
                row = {"region": f"{kind}-{language}", "kind": kind, "samples": 256, "replicate": 0, "of": 4, "rank": 1}
                row |= {"language": language, "domain": domain, "compared": compared, "weights": 1000, "high": 1.0}
                rows.append(row | values | ends | {"others_high": others + 0.05, "n": 20, "units": "documents"})
    return pd.DataFrame(rows).assign(per_million=1.0)


def retraining(held: float = 0.1, english: float = 0.3, seeds: int = 1) -> pd.DataFrame:
    """The retraining table: log perplexity that the held core costs, and that English loses."""
    return _seeds(_retraining(held, english), seeds).assign(learning_rate=1e-3, domain=DOMAINS[0])


def _seeds(table: pd.DataFrame, seeds: int) -> pd.DataFrame:
    """The same training with further seeds, each of which moves an arm's end by 0.002 more."""
    trained, arm = table["samples"] > 0, pd.factorize(table["arm"])[0]
    parts = [table.assign(nll=table["nll"] + trained * (arm % 2) * 0.002 * seed, seed=seed) for seed in range(seeds)]
    return pd.concat(parts, ignore_index=True)


def _retraining(held: float, english: float) -> pd.DataFrame:
    rows = []
    for arm, start, cost in (("top_freeze", 1.0, held), ("bottom_freeze", 0.0, 0.0), ("top_unfreeze", 1.0, 0.01)):
        for samples, progress in ((0, 0.0), (100, 0.5), (200, 1.0)):
            for code, drift in (("zh", -0.4), ("en", english)):
                nll = BASE[code] + drift * progress + (cost if samples else start)
                rows.append({"arm": arm, "train_language": "zh", "samples": samples, **_score(code, nll)})
    return pd.DataFrame(rows)


def freezing(core: float = 0.8, random: float = 0.9, forgotten: float = 1.0, seeds: int = 1) -> pd.DataFrame:
    """The freezing table: how much is forgotten (and learnt) relative to full training.

    In the first domain all languages gain from the training; in the second they lose, by `forgotten`.
    """
    first, second = _freezing(core, random, -0.1), _freezing(core, random, forgotten)
    tables = [first.assign(domain=DOMAINS[0]), second.assign(domain=DOMAINS[1])]
    return pd.concat([_seeds(table, seeds) for table in tables], ignore_index=True)


def _freezing(core: float, random: float, forgotten: float) -> pd.DataFrame:
    rows = []
    for rate, pace in ((1e-4, 0.1), (1e-3, 0.4)):
        for arm, share in (("full", 1.0), ("core_frozen", core), ("random_frozen", random), ("region_only", 0.5)):
            for samples, progress in ((0, 0.0), (50, 0.7), (100, 1.0)):
                for code in LANGUAGES:
                    sign = -1 if code == "zh" else forgotten
                    change = sign * share * pace * progress * LANGUAGE_FACTOR[code]
                    labels = {"arm": arm, "learning_rate": rate, "train_language": "zh", "samples": samples}
                    rows.append({**labels, **_score(code, BASE[code] + change), "seed": 0})
    return pd.DataFrame(rows)


def further() -> pd.DataFrame:
    """The table of continued pre-training per language."""
    rows = [{"samples": samples, **_score("zh", BASE["zh"] - samples / 100)} for samples in (0, 10, 20)]
    return pd.DataFrame(rows).assign(arm="full", learning_rate=1e-3, train_language="zh", seed=0, domain=DOMAINS[0])


def stability(end: float = 0.97) -> pd.DataFrame:
    """The stability table: agreement rises by 0.1 with each doubling, to `end` at 256 samples, give or take 0.01."""
    rows = [
        {"language": code, "samples": 256 // 2**doublings, "ratio": 0.03, "jaccard": end + offset - 0.1 * doublings}
        for code, offset in (("ru", -0.01), ("uk", 0.0), ("zh", 0.01))
        for doublings in (4, 3, 2, 1, 0)
    ]
    return pd.DataFrame(rows)


def generations(continuation: str = "Москва") -> pd.DataFrame:
    """The table of what was said in Russian by the intact model, and without the core, when it said nothing."""
    shared = {"language": "ru", "prompt": "Столица —", "replicate": 0, "tokens": 4, "nll": 0.5}
    intact = {"region": "base", "kind": "base", "ratio": 0.0, "samples": 0, "scope": "", "target": "", "factor": 1.0}
    core = {"region": "top-0.01", "kind": "top", "ratio": 0.01, "samples": 64, "scope": "tensor", "target": "core"}
    rows = [
        {**shared, **labels, "template": template, "continuation": text}
        for labels, text in ((intact, continuation), (core | {"factor": 0.0}, ""))
        for template in ("chat", "plain")
    ]
    return pd.DataFrame(rows)


def lm_eval() -> pd.DataFrame:
    """The table of a group of two tasks of pairs, and of a text: of the intact model, and without the core."""
    intact = {"region": "base", "kind": "base", "ratio": 0.0, "samples": 0, "scope": "", "target": "", "factor": 1.0}
    core = {"region": "top-0.01", "kind": "top", "ratio": 0.01, "samples": 64, "scope": "tensor", "target": "core"}
    rows = [
        {**labels, "replicate": 0, "group": group, "task": task, "metric": metric, "value": value, "n": 40}
        for group, task, metric, values in (
            ("grammar", "all", "acc", (0.75, 0.5)),
            ("grammar", "one", "acc", (0.8, 0.5)),
            ("grammar", "two", "acc", (0.7, 0.5)),
            ("text", "text", "bits_per_byte", (1.25, 9.5)),
        )
        for labels, value in zip((intact, core | {"factor": 0.0}), values, strict=True)
    ]
    table = pd.DataFrame(rows)
    return table.assign(low=table["value"] - 0.125, high=table["value"] + 0.125, harness="0.4.13")


def overlap() -> pd.DataFrame:
    """The overlap table: two pairs of three regions."""
    columns = ["region_a", "region_b", "jaccard", "shared", "size_a", "size_b"]
    return pd.DataFrame(
        [("mono-ru", "mono-zh", 0.0, 0, 10, 10), ("mono-ru", "top-0.03", 0.1, 2, 10, 20)], columns=columns
    )


def kinship_pairs() -> pd.DataFrame:
    """The table of pairs of languages: Russian and Ukrainian are close, and overlap most."""
    rows = [
        ("jaccard_top", first, second, *((0.4, 0.2, 0.0) if first == "ru" else (0.1, 1.0, 1.0)))
        for first, second in (("zh", "ru"), ("zh", "uk"), ("ru", "uk"))
    ]
    columns = ["measure", "language_a", "language_b", "value", "genealogy", "script"]
    return pd.DataFrame(rows, columns=columns)


def density() -> pd.DataFrame:
    """The density table: a core region in two layers."""
    rows = [
        ("top-0.03", layer, matrix, 3 + 4 * layer, 100)
        for layer in (0, 1)
        for matrix in ("self_attn.q_proj", "mlp.up_proj")
    ]
    return pd.DataFrame(rows, columns=["region", "layer", "matrix", "selected", "size"])


def run(tables: Mapping[str, pd.DataFrame], **pairs: pd.DataFrame) -> Run:
    """A run as the claims read it: the evidence of its removals has three documents of each text.

    Args:
        tables: its tables.
        pairs: evidence of minimal pairs, direct and prompted.
    """
    removal = tables.get("removal")
    if removal is None:
        return Run(tables, pd.DataFrame(), {}, **pairs, names=NAMES)
    labels = {row["region"]: row for row in removal.drop_duplicates("region").to_dict("records")}
    labels[INTACT] = labels.pop("base")
    rows = [
        {"condition": INTACT if row.region == "base" else row.region, "language": row.language, "domain": row.domain}
        | {"document": f"{row.language}-{number}", "tokens": 100, "nll": 100 * (row.nll + offset)}
        for row in removal.itertuples()
        for number, offset in enumerate((-0.3, 0.1, 0.2) if row.region == "base" else (-0.29, 0.09, 0.2))
    ]
    close = {"es": ("pt",), "ru": ("uk",), "uk": ("ru",)}
    return Run(tables, pd.DataFrame(rows), labels, close, **pairs, names=NAMES)


@cache
def claims() -> pd.DataFrame:
    """The claims table of a run that is tested on two kinds of text, and on minimal pairs."""
    direct, prompted, _ = probes(pairs=40)
    return judged(run(two_domains(), direct=direct, prompted=prompted), paper.load())


def two_domains() -> dict[str, pd.DataFrame]:
    """Every table of a run that is tested on two kinds of text, by name."""
    makers = (removal, selectivity, retraining, freezing, further, stability, overlap, density, kinship_pairs)
    return {maker.__name__: maker() for maker in makers}


def everything() -> dict[str, pd.DataFrame]:
    """Every table of a run that is tested on one kind of text, by name."""
    forgetting = _freezing(core=0.8, random=0.9, forgotten=1.0).assign(domain=DOMAINS[0])
    tables = {name: first(table) for name, table in two_domains().items()}
    return tables | {"freezing": forgetting, "claims": claims()} | probe_tables()


def with_domains(table: pd.DataFrame, *domains: str) -> pd.DataFrame:
    """A table measured on one kind of text, under several names; log perplexity 0.1 higher on each further one."""
    parts = []
    for number, domain in enumerate(domains):
        nll = table["nll"] + number * 0.1
        changed = {"nll": nll, "ppl": nll.map(math.exp)}
        changed |= {end: table[end] * math.exp(number * 0.1) for end in ("ppl_low", "ppl_high") if end in table}
        parts.append(table.assign(**changed, domain=domain))
    return pd.concat(parts, ignore_index=True)


def write(tables: dict[str, pd.DataFrame], folder) -> None:
    """Write tables as a run has them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, na_rep="nan")


def evidence(path: Path, conditions: Mapping[str, tuple[dict, float]]) -> Path:
    """Write evidence of two blocks of each of five documents per language, and give its path.

    Args:
        path: of the file.
        conditions: by name the labels, and what the condition adds to the log perplexity of each block.
    """
    made = Evidence()
    for name, (labels, loss) in conditions.items():
        items = [(code, f"{code}-{block // 2}", block) for code in LANGUAGES for block in range(10)]
        columns = {
            "language": [code for code, _, _ in items],
            "document": [document for _, document, _ in items],
            "item": [f"{document}/{block}" for _, document, block in items],
            "nll": [7 * (BASE[code] + loss + (block // 2 - 2) / 10) for code, _, block in items],
        }
        fixed = {"domain": DOMAINS[0], "tokens": 7, "bytes": 20, "window": 8, "bos": True}
        made.add(name, "", labels, columns | {column: [value] * len(items) for column, value in fixed.items()})
    made.save(path)
    return path


def _removed(region, kind, ratio, samples, replicate, language, loss, scope, target) -> dict:
    labels = {"region": region, "kind": kind, "ratio": ratio, "samples": samples, "replicate": replicate}
    compared = {"ppl_ratio": loss, "ppl_ratio_low": loss - 0.02, "ppl_ratio_high": loss + 0.02}
    estimator = {"base": "", "random": "", "outliers": "", "magnitude": "magnitude"}.get(kind, "taylor")
    told = {"scope": scope, "target": target, "window": 128, "bos": False, "factor": 0.0, "estimator": estimator}
    others = [code for code in REGIONS if code != target] if target in REGIONS else []
    told |= {"subtracted": " ".join(others), "weights": round(ratio * 1_000_000), "noise": 0.0}
    score = _score(language, BASE[language] + loss)
    return {**labels, **score, **told, **{column: math.exp(value) for column, value in compared.items()}}


def _score(language: str, nll: float) -> dict:
    ends = {"ppl_low": math.exp(nll) * 0.95, "ppl_high": math.exp(nll) * 1.05}
    return {"language": language, "tokens": 1000, "nll": nll, "ppl": math.exp(nll), "bits_per_byte": nll / 3, **ends}
