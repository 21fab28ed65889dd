"""The table of fidelity: rank correlations of scores with the exact change, by kind of matrix and over all."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.statistics import fidelity


def weights(language="ru", scale=1.0, count=40, matrices=("q_proj", "up_proj"), seed=0):
    """Single weights whose change has taylor's size to a tenth and either sign, and nothing to do with magnitude."""
    generator = np.random.default_rng(seed)
    taylor = scale * generator.lognormal(sigma=2, size=count)
    change = taylor * generator.normal(1, 0.1, count) * generator.choice([-1, 1], count)
    return pd.DataFrame({
        "language": language, "matrix": [matrices[place % len(matrices)] for place in range(count)], "change": change,
        "taylor": taylor, "taylor_abs": taylor + scale * generator.lognormal(size=count), "fisher": taylor**2,
        "magnitude": generator.random(count),
    })  # fmt: skip


def test_a_row_per_estimator_and_matrix_and_over_all():
    table = fidelity.correlations(weights())
    assert list(table["matrix"].unique()) == ["all", "q_proj", "up_proj"]
    rows = table.set_index(["matrix", "estimator"])
    data = weights()
    for estimator in fidelity.ESTIMATORS:
        expected = spearmanr(data[estimator], data["change"].abs()).statistic
        assert rows.loc[("all", estimator), "spearman"] == pytest.approx(expected)
    assert rows.loc[("all", "taylor"), "low"] > 0.9
    assert rows.loc[("all", "magnitude"), "low"] < 0 < rows.loc[("all", "magnitude"), "high"]
    assert rows.loc[("all", "fisher"), "spearman"] == rows.loc[("all", "taylor"), "spearman"]
    assert rows["n"].to_dict()["q_proj", "taylor"] == 20


def test_a_language_of_larger_losses_does_not_pass_for_correlation():
    """Pooled without ranks, the scale of the languages alone would correlate anything of that scale with the change."""
    data = pd.concat([weights("ru", seed=1), weights("zh", scale=1e6, seed=2)])
    data["magnitude"] *= np.where(data["language"] == "zh", 1e6, 1)
    row = fidelity.correlations(data).set_index(["matrix", "estimator"]).loc["all", "magnitude"]
    assert row["n"] == 80 and row["low"] < 0 < row["high"]
    assert spearmanr(data["magnitude"], data["change"].abs()).statistic > 0.5


def test_a_matrix_with_too_few_weights_has_no_row():
    table = fidelity.correlations(weights(count=12, matrices=("a", "b", "c", "d")))
    assert set(table["matrix"]) == {"all"}
    assert not table.isna().any(axis=None)


@pytest.mark.parametrize("content", ["", "language,matrix\nru,q\n", "language,matrix,change\nru,q,x\n"])
def test_a_damaged_table_is_said_to_be_one(tmp_path, content):
    (tmp_path / "ru.csv").write_text(content)
    with pytest.raises(UserError, match=r"ru\.csv: not a readable table of single weights"):
        fidelity.read([tmp_path / "ru.csv"])
