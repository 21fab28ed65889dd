"""The effects of two runs beside each other, and the interval of each difference.

The two are paired wherever they can be, so that what a document or a language does in both runs cancels out. An effect
of the core is paired by document, if both runs measured the same text. An effect of monolingual regions is paired by
language, if both runs have regions of the same languages. What cannot be compared has no difference, and says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from linguistic_regions.statistics import effects
from linguistic_regions.statistics.domains import domains, only
from linguistic_regions.statistics.hierarchy import hierarchical
from linguistic_regions.statistics.intervals import Interval, t_interval, unpaired
from linguistic_regions.statistics.tables import INTACT

ITEM = ["language", "document", "item"]
CONTEXT = ["window", "bos"]
TEXT = [*ITEM, "tokens", "bytes", *CONTEXT]  # of an item that is the same in both runs
ALONE = "own"  # the effect that depends on no other language

# How a difference was computed, or why there is none.
BY_DOCUMENT, BY_LANGUAGE, UNPAIRED = "paired by document", "paired by language", "unpaired"
FIRST_ONLY, SECOND_ONLY = "first run only", "second run only"
OTHER_BLOCKS, OTHER_TOKENS = "not comparable: other blocks", "not comparable: other tokens"
OTHER_LANGUAGES = "not comparable: other languages"

Key = tuple[str, float, str, str, str, str]  # kind, ratio, scope, domain, effect, compared


@dataclass(frozen=True)
class Run:
    """What a run measured.

    Attributes:
        items, labels: evidence of the intact model and of removals, and the labels of its conditions.
        selectivity: the table of that name; empty if there is none.
        tokenizer: what its tokens follow from; runs that agree in it cut text into the same tokens.
    """

    items: pd.DataFrame
    labels: Mapping[str, Mapping]
    selectivity: pd.DataFrame = field(default_factory=pd.DataFrame)
    tokenizer: object = None


@dataclass(frozen=True)
class Effect:
    """An effect in one run, in nats per token.

    Attributes:
        samples: behind the scores of its regions.
        interval: the estimate.
        rises: of the core: evidence, with the intact model's loss subtracted; None for monolingual regions.
        values: of monolingual regions: by their language; None for the core.
    """

    samples: int
    interval: Interval
    rises: pd.DataFrame | None = None
    values: pd.Series | None = None


@dataclass(frozen=True)
class Comparison:
    """An effect in two runs.

    Attributes:
        key: its kind, ratio, scope, domain, effect and compared, as in the table `effects`.
        first, second: in each run; None: not measured.
        difference: second minus first, in nats per token; None: not comparable.
        how: how the difference was computed, or why there is none.
    """

    key: Key
    first: Effect | None
    second: Effect | None
    difference: Interval | None
    how: str


def compare(first: Run, second: Run) -> list[Comparison]:
    """Compare each effect that at least one of two runs measured.

    Of regions that differ only in their number of samples, those with the most are compared.
    """
    measured = [_effects(run) for run in (first, second)]
    compared = []
    for key in dict.fromkeys([*measured[0], *measured[1]]):
        a, b = (run.get(key) for run in measured)
        difference, how = _difference(key, a, b, first, second)
        compared.append(Comparison(key, a, b, difference, how))
    return compared


def _effects(run: Run) -> dict[Key, Effect]:
    found = {}
    for key, effect in [*_of_core(run), *_of_regions(run)]:
        if key not in found or effect.samples >= found[key].samples:
            found[key] = effect
    return found


def _of_core(run: Run) -> Iterator[tuple[Key, Effect]]:
    for domain in domains(run.items) if len(run.items) else []:
        there = only(run.items, domain)
        for conditions in effects.core_conditions(run.labels).values():
            label = run.labels[conditions[0]]
            key = (label["kind"], label["ratio"], label["scope"], domain, "rise", "")
            interval = hierarchical(there, _side(conditions), INTACT)
            yield key, Effect(label["samples"], interval, rises=_rises(there, conditions))


def _of_regions(run: Run) -> Iterator[tuple[Key, Effect]]:
    if run.selectivity.empty:
        return
    for setting, effect, table in effects.matrices(run.selectivity, run.labels):
        for domain, column in table.items():
            values = column.dropna().sort_index()
            if len(values):
                key = (
                    setting["kind"],
                    setting["ratio"],
                    setting["scope"],
                    domain,
                    effect["effect"],
                    effect["compared"],
                )
                interval = t_interval(values, "regions")
                yield key, Effect(setting["samples"], interval, values=values)


def _difference(
    key: Key, first: Effect | None, second: Effect | None, of_first: Run, of_second: Run
) -> tuple[Interval | None, str]:
    """The difference of an effect, and how it was computed; or why there is none."""
    if first is None or second is None:
        return None, SECOND_ONLY if first is None else FIRST_ONLY
    texts = [_text(run, key[3]) for run in (of_first, of_second)]
    same_text = texts[0].equals(texts[1])
    if not same_text:
        if not texts[0][CONTEXT].drop_duplicates().equals(texts[1][CONTEXT].drop_duplicates()):
            return None, OTHER_BLOCKS
        if of_first.tokenizer != of_second.tokenizer:
            return None, OTHER_TOKENS
    tested = [set(text["language"]) for text in texts]
    if tested[0] != tested[1] and key[4] != ALONE:  # the mean is over others, or compares with others
        return None, OTHER_LANGUAGES
    if first.values is not None and first.values.index.equals(second.values.index):
        return t_interval(second.values - first.values, "regions"), BY_LANGUAGE
    if first.rises is not None and same_text:
        return _paired(first.rises, second.rises), BY_DOCUMENT
    return unpaired(first.interval, second.interval), UNPAIRED


def _text(run: Run, domain: str) -> pd.DataFrame:
    """The items that the intact model was tested on in a domain, in one order."""
    intact = only(run.items[run.items["condition"] == INTACT], domain)
    return intact[TEXT].sort_values(ITEM, ignore_index=True)


def _rises(items: pd.DataFrame, conditions: list[str]) -> pd.DataFrame:
    """Evidence of conditions, with the loss of the intact model on the same item subtracted."""
    intact = items[items["condition"] == INTACT].set_index(ITEM)["nll"].rename("intact")
    rises = items[items["condition"].isin(conditions)].join(intact, on=ITEM)
    return rises.assign(nll=rises["nll"] - rises["intact"])


def _paired(first: pd.DataFrame, second: pd.DataFrame) -> Interval:
    """The rise in the second run minus that in the first. Random regions of the two are taken as other draws."""
    marked = [rises.assign(condition=mark + rises["condition"]) for mark, rises in (("1 ", first), ("2 ", second))]
    reference, condition = (_side(list(rises["condition"].unique())) for rises in marked)
    return hierarchical(pd.concat(marked, ignore_index=True), condition, reference)


def _side(conditions: list[str]) -> str | list[str]:
    """Conditions as `hierarchical` takes them: one by its name, several as replicates."""
    return conditions if len(conditions) > 1 else conditions[0]
