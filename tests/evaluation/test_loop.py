"""Conditions times evaluations on one model: what is measured, what is taken over, and that nothing is left behind."""

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from linguistic_regions.evaluation.conditions import Condition
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.evaluation.loop import evaluate
from linguistic_regions.evaluation.perplexity import Measurement
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions.region import Region

MATRIX = "model.layers.0.mlp.up_proj.weight"


@dataclass
class Weights:
    """An evaluation without text: it sums one matrix, and notes the model's condition by it."""

    version: int = 0
    seen: list[float] = field(default_factory=list)
    fails_at: int | None = None
    kinds: tuple[str, ...] = ("base", "other", "top")

    def wanted_in(self, labels):
        return labels["kind"] in self.kinds

    def fingerprint(self):
        return f"version {self.version}"

    def measure(self, subject):
        if len(self.seen) == self.fails_at:
            raise ZeroDivisionError
        self.seen.append(subject.model.get_parameter(MATRIX).double().sum().item())
        fixed = {"language": "en", "domain": "", "item": "it", "document": "it", "tokens": 1, "bytes": 1}
        return {name: [value] for name, value in fixed.items()} | {"nll": self.seen[-1:]}


@pytest.fixture
def model():
    model = from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0)
    with torch.no_grad():
        model.get_parameter(MATRIX).view(-1)[:3] = torch.tensor([-0.0, float("nan"), 5.0])
        model.get_parameter(MATRIX).view(-1)[1] = 0.25
    return model


def drawn(model, seed):
    generator = np.random.default_rng(seed)
    shapes = {name: tuple(weight.shape) for name, weight in selectable(model, [], []).items()}
    return Region.from_masks({name: generator.random(shape) < 0.3 for name, shape in shapes.items()})


@pytest.fixture
def conditions(model):
    """The intact model, without each of two regions, and with one of them halved."""
    a, b = drawn(model, 1), drawn(model, 2)
    return [Condition(), Condition("a", a), Condition("b", b), Condition("a halved", a, 0.5)]


@pytest.fixture
def run(model, tmp_path, token_folder):
    """Run both evaluations: `run(conditions, weights, known=[...], **edits)` gives the evidence of each."""

    def evaluated(conditions, weights, known=(), identity="one", max_blocks=2):
        made = {"perplexity": Measurement(token_folder, ("en", "ru"), max_blocks=max_blocks), "weights": weights}
        return evaluate(
            Subject(model, tmp_path, batch_tokens=64, precision="fp32"),
            conditions,
            made,
            known={name: [tmp_path / f"{job}-{name}.parquet" for job in known] for name in made},
            checkpoints={name: tmp_path / f"state-{name}.parquet" for name in made},
            identities=dict.fromkeys(made, identity),
        )

    return evaluated


@pytest.fixture
def save(tmp_path):
    """Keep evidence as that of a job, and forget what stood in its checkpoints."""

    def kept(gathered, job):
        for name, evidence in gathered.items():
            evidence.save(tmp_path / f"{job}-{name}.parquet")
            (tmp_path / f"state-{name}.parquet").unlink(missing_ok=True)

    return kept


def bits(model):
    return {name: weight.detach().clone().view(torch.int32) for name, weight in model.named_parameters()}


def same(bits, others):
    return all(torch.equal(bits[name], others[name]) for name in bits)


def rows(gathered):
    return {
        name: {condition: table.to_pydict() for condition, table in evidence.rows.items()}
        for name, evidence in gathered.items()
    }


def test_each_evaluation_sees_the_model_in_each_condition(model, conditions, run):
    weights = Weights()
    matrix, whole = model.get_parameter(MATRIX).detach().double().numpy(), bits(model)
    gathered = run(conditions, weights)
    a, b = (condition.region.mask(MATRIX) for condition in conditions[1:3])
    expected = [matrix.sum(), matrix[~a].sum(), matrix[~b].sum(), matrix.sum() - matrix[a].sum() / 2]
    assert weights.seen == pytest.approx(expected)
    assert same(bits(model), whole)
    names = [condition.name for condition in conditions]
    assert [list(evidence.rows) for evidence in gathered.values()] == [names, names]
    losses = [sum(rows(gathered)["perplexity"][name]["nll"]) for name in names]
    assert len(set(losses)) == 4


def test_every_bit_is_restored_when_an_evaluation_fails(model, conditions, run):
    whole = bits(model)
    for condition in conditions[1:]:
        with pytest.raises(ZeroDivisionError):
            run([condition], Weights(fails_at=0))
        assert same(bits(model), whole)


def test_an_evaluation_is_left_out_where_it_is_not_wanted(conditions, run, save, tmp_path):
    gathered = run(conditions, weights := Weights(kinds=("base",)))
    assert len(weights.seen) == 1
    assert list(gathered["weights"].rows) == ["intact"]
    assert len(gathered["perplexity"].rows) == 4
    save(run(conditions[1:], Weights(kinds=("base",))), "none")
    assert Evidence.load(tmp_path / "none-weights.parquet").rows == {}
    assert pq.read_table(tmp_path / "none-weights.parquet").num_rows == 0


def test_labels_say_how_a_region_was_made(conditions, run):
    label = {"kind": "top", "ratio": 0.3, "samples": 8, "replicate": 0, "scope": "tensor", "target": "core"}
    labelled = replace(conditions[1].region, metadata={"recipe": {"select": "top", "label": label}})
    described = run([*conditions[:3], Condition("top", labelled)], Weights())["weights"].described
    told = {name: condition["labels"] for name, condition in described.items()}
    assert (told["intact"]["region"], told["intact"]["kind"]) == ("base", "base")
    assert (told["a"]["region"], told["a"]["kind"]) == ("a", "other")
    counted = {"weights": len(labelled), "subtracted": "", "estimator": "", "noise": 0.0}
    assert told["top"] == {"region": "top", "factor": 0.0, **label, **counted}
    assert told["intact"]["weights"] == 0


def test_a_scaled_region_is_a_condition_of_its_own(conditions, tmp_path):
    conditions[1].region.save(tmp_path / "a.safetensors")
    removed, halved = (Condition.of(tmp_path / "a.safetensors", factor) for factor in (0.0, 0.5))
    assert (removed.name, halved.name) == ("a", "a-x0.5")
    assert removed.fingerprint != halved.fingerprint
    assert (removed.labels["factor"], halved.labels["factor"], Condition().labels["factor"]) == (0.0, 0.5, 1.0)


def test_noise_is_a_condition_of_its_own_and_is_gone_afterwards(conditions, model, tmp_path):
    path = tmp_path / "a.safetensors"
    conditions[1].region.save(path)
    noisy = Condition.of(path, noise=0.5)
    assert noisy.name == "a-noise0.5"
    assert (noisy.labels["factor"], noisy.labels["noise"], Condition.of(path).labels["noise"]) == (1.0, 0.5, 0.0)
    others = [Condition.of(path), Condition.of(path, factor=0.5), Condition.of(path, noise=1.0)]
    assert noisy.fingerprint not in [other.fingerprint for other in others]
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    with noisy.applied(model):
        changed = [name for name, weight in model.named_parameters() if not weight.equal(before[name])]
    assert set(changed) <= set(noisy.region.shapes) and changed
    assert all(
        torch.equal(weight.nan_to_num(7), before[name].nan_to_num(7)) for name, weight in model.named_parameters()
    )


def test_what_was_measured_before_a_failure_is_not_measured_again(conditions, run):
    with pytest.raises(ZeroDivisionError):
        run(conditions, Weights(fails_at=2))
    weights = Weights()
    resumed = run(conditions, weights)
    assert len(weights.seen) == 2
    assert rows(resumed) == rows(run(conditions, Weights(), identity="from the start"))


def test_nothing_is_measured_again_however_conditions_are_dealt_to_jobs(conditions, run, save):
    whole = run(conditions, Weights())
    save(whole, "whole")
    weights = Weights()
    halves = [run(conditions[1:3], weights, known=["whole"]), run(conditions[::-3], weights, known=["whole"])]
    for number, half in enumerate(halves):
        save(half, str(number))
    again = run(conditions, weights, known=["0", "1", "not there"])
    assert not weights.seen
    assert rows(again) == rows(whole)
    assert again["weights"].described == whole["weights"].described


def test_another_region_under_the_same_name_is_measured_again(model, conditions, run, save):
    save(run(conditions, Weights()), "before")
    weights = Weights()
    run([conditions[0], Condition("a", drawn(model, 3)), conditions[2]], weights, known=["before"])
    assert len(weights.seen) == 1


def test_another_factor_under_the_same_name_is_measured_again(conditions, run, save):
    save(run(conditions, Weights()), "before")
    weights = Weights()
    run([replace(conditions[1], factor=0.9)], weights, known=["before"])
    assert len(weights.seen) == 1


def test_other_items_of_one_evaluation_leave_the_others_alone(conditions, run, save):
    before = run(conditions, Weights())
    save(before, "before")
    weights = Weights()
    other_blocks = run(conditions, weights, known=["before"], max_blocks=3)
    assert not weights.seen
    assert {len(table) for table in other_blocks["perplexity"].rows.values()} == {2 * 3}
    other_weights = run(conditions, newer := Weights(version=1), known=["before"])
    assert len(newer.seen) == 4
    assert rows(other_weights) == rows(before)


def test_another_model_or_other_code_is_measured_again(conditions, run, save):
    save(run(conditions, Weights()), "before")
    weights = Weights()
    run(conditions, weights, known=["before"], identity="another")
    assert len(weights.seen) == 4


def test_a_damaged_file_is_measured_again(conditions, run, save, tmp_path):
    whole = run(conditions, Weights())
    save(whole, "before")
    (tmp_path / "before-weights.parquet").write_bytes(b"PAR1")
    weights = Weights()
    assert rows(run(conditions, weights, known=["before"])) == rows(whole)
    assert len(weights.seen) == 4


def test_checkpoints_hold_what_is_measured_so_far(conditions, run, tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(conditions, Weights(fails_at=1))
    assert list(Evidence.load(tmp_path / "state-perplexity.parquet").rows) == ["intact", "a"]
    assert list(Evidence.load(tmp_path / "state-weights.parquet").rows) == ["intact"]


def test_a_region_without_weights_has_a_fingerprint_of_its_own_but_the_same_each_time(model):
    empty, again, other = (drawn(model, seed) for seed in (0, 1, 2))
    nothing = [Condition("empty", region & ~region) for region in (empty, again)]
    assert nothing[0].fingerprint == nothing[1].fingerprint
    assert len({nothing[0].fingerprint, Condition().fingerprint, Condition("other", other).fingerprint}) == 3
