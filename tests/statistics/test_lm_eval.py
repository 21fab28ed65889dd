"""Tasks of the evaluation harness, from evidence: means over documents, as the harness has them, with intervals."""

import math

import pytest
from scipy.stats import t

from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.statistics import tables
from linguistic_regions.statistics.intervals import wilson

BASE = {"region": "base", "kind": "base", "ratio": 0.0, "samples": 0, "replicate": 0, "scope": "", "target": ""}
TOP = BASE | {"region": "top-0.1", "kind": "top", "ratio": 0.1, "samples": 8, "scope": "tensor", "target": "core"}


def answers(group, task, metric, values, nll=0.0, size=0):
    """Columns of a task, a document per value."""
    items = [f"{task}/{number}" for number in range(len(values))]
    columns = {"item": items, "document": items, "metric": metric, "group": group, "task": task, "value": values}
    columns |= {"language": "", "domain": "lm_eval", "tokens": 0, "harness": "0.4.13", "nll": nll, "bytes": size}
    return {name: given if isinstance(given, list) else [given] * len(values) for name, given in columns.items()}


def table(tmp_path, *conditions):
    """The table of conditions, each with labels and the columns of several tasks."""
    paths = []
    for labels, *parts in conditions:
        evidence = Evidence()
        columns = {name: [value for part in parts for value in part[name]] for name in parts[0]} if parts else None
        if columns:
            evidence.add(labels["region"], "", labels, columns)
        paths.append(tmp_path / f"{labels['region']}.parquet")
        evidence.save(paths[-1])
    return tables.ordered(tables.from_evidence(paths, "lm_eval"), "lm_eval")


def test_a_row_per_condition_task_and_metric(tmp_path):
    intact = BASE | {"factor": 1.0}
    first, second = answers("pairs", "pairs", "acc", [1.0, 0.0, 1.0, 1.0]), answers("essays", "essays", "f1", [0.5] * 3)
    found = table(tmp_path, (intact, second, first), (TOP | {"factor": 0.0}, first), (BASE | {"region": "empty"},))
    assert found["task"].tolist() == ["essays", "pairs", "pairs"]
    assert found["region"].tolist() == ["base", "base", "top-0.1"]
    assert found["value"].tolist() == [0.5, 0.75, 0.75]
    assert found["n"].tolist() == [3, 4, 4]
    assert set(found["harness"]) == {"0.4.13"}
    tables.write(found, tmp_path / "lm_eval.csv")
    assert tables.read_folder(tmp_path)["lm_eval"]["task"].tolist() == found["task"].tolist()


def test_a_group_of_several_tasks_has_a_row_of_all_their_documents(tmp_path):
    both = answers("grammar", "one", "acc", [1.0, 1.0]), answers("grammar", "two", "acc", [1.0] * 4 + [0.0] * 2)
    found = table(tmp_path, (BASE | {"factor": 1.0}, *both)).set_index("task")
    assert found.index.tolist() == ["all", "one", "two"]
    assert found["n"].tolist() == [8, 2, 6]
    assert found["value"].tolist() == [6 / 8, 1.0, 4 / 6]


def test_right_or_wrong_has_wilsons_interval_and_never_a_point(tmp_path):
    (row,) = table(tmp_path, (BASE | {"factor": 1.0}, answers("a", "a", "acc", [1.0] * 8))).itertuples()
    assert (row.low, row.high) == pytest.approx((wilson(8, 8, "documents").low, 1.0))
    assert row.low < 0.7


def test_other_means_have_students(tmp_path):
    values = [0.1, 0.4, 0.3, 0.8]
    (row,) = table(tmp_path, (BASE | {"factor": 1.0}, answers("a", "a", "f1", values))).itertuples()
    mean, error = 0.4, math.sqrt(sum((value - 0.4) ** 2 for value in values) / 3 / 4)
    assert (row.value, row.low, row.high) == pytest.approx((mean, *t.interval(0.95, 3, mean, error)))


def test_bits_per_byte_count_bytes(tmp_path):
    """As the harness does: all bits over all bytes."""
    bits, sizes = [20.0, 60.0, 10.0], [10, 20, 10]
    values = [each / size for each, size in zip(bits, sizes, strict=True)]
    nll = [each * math.log(2) for each in bits]
    columns = answers("text", "text", "bits_per_byte", values, nll, sizes)
    (row,) = table(tmp_path, (BASE | {"factor": 1.0}, columns)).itertuples()
    assert row.value == pytest.approx(90 / 40)
    assert row.low < row.value < row.high
