"""Importance against exact loss differences: each weight of a tiny model zeroed in turn."""

import numpy as np
import pytest
import torch

from linguistic_regions.importance import accumulation
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import enable_activation_checkpointing, selectable
from linguistic_regions.regions import selection
from linguistic_regions.runtime.checkpoints import Checkpoints


def loss_of(model, blocks):
    return next_token_loss(model, torch.from_numpy(blocks.input_ids).long()).double().mean().item()


def measured(model, blocks, stops, estimator="taylor", micro_batch=1, blocks_per_pass=1, **options):
    """The scores of all parameters at each stop."""
    parameters = selectable(model, [], [])
    kind = Estimator(estimator, micro_batch)
    passes = accumulation.measure(model, parameters, blocks, stops, kind, 8 * blocks_per_pass, **options)
    return {samples: {name: torch.from_numpy(sums.score(name)) for name in parameters} for samples, sums in passes}


def score(model, blocks, **options):
    return measured(model, blocks, [len(blocks)], **options)[len(blocks)]


@torch.no_grad()
def test_taylor_estimates_the_exact_loss_difference(tiny_model, tiny_blocks):
    """First-order, and so exact only for weights that are small beside what they are added to, as these are."""
    with torch.enable_grad():
        taylor = score(tiny_model, tiny_blocks, estimator="taylor", blocks_per_pass=3)
    exact_model = tiny_model.double()
    whole = loss_of(exact_model, tiny_blocks)
    exact, estimate = [], []
    for name, weight in selectable(exact_model, [], []).items():
        flat = weight.view(-1)
        for j in range(len(flat)):
            kept = flat[j].item()
            flat[j] = 0
            exact.append(abs(whole - loss_of(exact_model, tiny_blocks)))
            flat[j] = kept
            estimate.append(taylor[name].view(-1)[j].item())
    exact, estimate = np.array(exact), np.array(estimate)
    assert np.corrcoef(exact, estimate)[0, 1] > 0.99
    tenth = len(exact) // 10
    shared = set(np.argsort(-exact)[:tenth]) & set(np.argsort(-estimate)[:tenth])
    assert len(shared) > 0.9 * tenth
    assert np.abs(exact - estimate).mean() < 0.1 * exact.mean()


def test_taylor_is_the_gradient_of_all_samples_times_the_weight(tiny_model, tiny_blocks):
    scores = score(tiny_model, tiny_blocks, estimator="taylor")
    tiny_model.requires_grad_(True)
    next_token_loss(tiny_model, torch.from_numpy(tiny_blocks.input_ids).long()).mean().backward()
    for name, weight in selectable(tiny_model, [], []).items():
        torch.testing.assert_close(scores[name], (weight.grad * weight).abs().detach(), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("blocks_per_pass", "checks"), [(2, []), (4, []), (6, []), (4, [2, 3, 5])])
def test_taylor_does_not_depend_on_batching(tiny_model, tiny_blocks, blocks_per_pass, checks):
    one_by_one = score(tiny_model, tiny_blocks)
    batched = measured(tiny_model, tiny_blocks, [6], blocks_per_pass=blocks_per_pass, checks=checks)
    for name in one_by_one:
        torch.testing.assert_close(batched[6][name], one_by_one[name], rtol=1e-4, atol=1e-9)


def test_taylor_abs_is_the_mean_over_micro_batches(tiny_model, tiny_blocks):
    scores = score(tiny_model, tiny_blocks, estimator="taylor_abs", micro_batch=2)
    parts = [score(tiny_model, tiny_blocks.take(np.arange(i, i + 2)), estimator="taylor") for i in (0, 2, 4)]
    for name in scores:
        torch.testing.assert_close(scores[name], sum(part[name] for part in parts) / 3, rtol=1e-4, atol=1e-9)


def test_fisher_is_the_mean_square_over_micro_batches(tiny_model, tiny_blocks):
    scores = score(tiny_model, tiny_blocks, estimator="fisher", micro_batch=2)
    squares = dict.fromkeys(scores, 0.0)
    tiny_model.requires_grad_(True)
    for rows in np.split(tiny_blocks.input_ids, 3):
        tiny_model.zero_grad()
        next_token_loss(tiny_model, torch.from_numpy(rows).long()).mean().backward()
        for name, weight in selectable(tiny_model, [], []).items():
            squares[name] += (weight.grad * weight.detach()).square()
    for name in scores:
        torch.testing.assert_close(scores[name], squares[name] / 3, rtol=1e-4, atol=1e-15)


def test_magnitude_is_the_weight(tiny_model, tiny_blocks):
    scores = score(tiny_model, tiny_blocks, estimator="magnitude")
    for name, weight in selectable(tiny_model, [], []).items():
        assert torch.equal(scores[name], weight.abs())


@pytest.mark.parametrize("estimator", ["taylor", "taylor_abs", "fisher"])
def test_milestones_of_one_pass_equal_separate_passes(tiny_model, tiny_blocks, estimator):
    together = measured(tiny_model, tiny_blocks, [2, 6], estimator, micro_batch=2)
    early = measured(tiny_model, tiny_blocks, [2], estimator, micro_batch=2)[2]
    assert list(together) == [2, 6]
    for name in early:
        assert torch.equal(together[2][name], early[name])
        assert not torch.equal(together[2][name], together[6][name])


@pytest.mark.parametrize(
    ("estimator", "micro_batch"), [("taylor", 1), ("taylor_abs", 1), ("taylor_abs", 2), ("fisher", 2)]
)
def test_the_halves_are_disjoint_and_make_up_the_whole(tiny_model, tiny_blocks, estimator, micro_batch):
    """Checked after 4 and 6 blocks: the first half is blocks 0, 1 and 4, in micro-batches of two 0, 1, 4 and 5."""
    parameters = selectable(tiny_model, [], [])
    first = [0, 1, 4] if micro_batch == 1 else [0, 1, 4, 5]
    second = [block for block in range(6) if block not in first]
    kind = Estimator(estimator, micro_batch)
    alone = [score(tiny_model, tiny_blocks.take(np.array(half)), estimator=estimator, micro_batch=micro_batch)
             for half in (first, second)]  # fmt: skip
    for samples, sums in accumulation.measure(tiny_model, parameters, tiny_blocks, [6], kind, 8, checks=[4, 6]):
        if samples < 6:
            continue
        for name in parameters:
            for half in (0, 1):
                torch.testing.assert_close(torch.from_numpy(sums.score(name, [half])), alone[half][name])
        tops = [top_of(scores) for scores in alone]
        assert sums.agreement(0.2) == pytest.approx(tops[0].jaccard(tops[1]))
        assert 0 < sums.agreement(0.2) < 1


def top_of(scores, ratio=0.2):
    class Given:
        shapes = {name: tuple(score.shape) for name, score in sorted(scores.items())}

        def __getitem__(self, name):
            return scores[name].numpy().reshape(-1)

    return selection.select(Given(), ratio)


def test_halves_of_the_same_samples_agree(tiny_model, tiny_blocks):
    parameters = selectable(tiny_model, [], [])
    twice = tiny_blocks.take(np.array([0, 1, 2, 0, 1, 2]))
    [(_, sums)] = accumulation.measure(tiny_model, parameters, twice, [6], Estimator(), 8, checks=[6])
    assert sums.agreement(0.1) == 1


@pytest.mark.parametrize("offload", [True, False])
def test_recomputed_activations_and_offloaded_sums_change_nothing(tiny_model, tiny_blocks, offload):
    plain = score(tiny_model, tiny_blocks)
    enable_activation_checkpointing(tiny_model)
    again = score(tiny_model, tiny_blocks, offload=offload)
    for name in plain:
        assert torch.equal(plain[name], again[name])


def test_no_more_than_one_matrix_has_a_gradient_and_nothing_else_any(tiny_model, tiny_blocks):
    parameters = selectable(tiny_model, [], [])
    alive = []
    for weight in tiny_model.parameters():
        weight.register_post_accumulate_grad_hook(
            lambda _: alive.append([weight.shape for weight in tiny_model.parameters() if weight.grad is not None])
        )
    list(accumulation.measure(tiny_model, parameters, tiny_blocks, [6], Estimator(), 8))
    assert len(alive) == 6 * len(parameters)
    assert all(len(shapes) == 1 for shapes in alive)
    assert all(weight.grad is None for weight in tiny_model.parameters())


def test_float32_sums_of_bfloat16_gradients_keep_what_bfloat16_sums_lose(tiny_blocks):
    """Six blocks sixty-four times have the mean gradient of six blocks; a sum in bfloat16 loses it."""
    model = from_scratch(24, 2, 8, 4, 2, 12, 8, False, 0).eval().bfloat16()
    many = tiny_blocks.take(np.tile(np.arange(6), 64))
    exact, summed = score(model, tiny_blocks), score(model, many)
    parameters = selectable(model, [], [])
    for row in many.input_ids:  # torch's own accumulation, in the dtype of the weights
        next_token_loss(model, torch.from_numpy(row[None]).long()).mean().backward()
    for name, weight in parameters.items():
        rounded = (weight.grad.float() / len(many) * weight.detach().float()).abs()
        error = (summed[name] - exact[name]).abs().mean() / exact[name].mean()
        assert error < 1e-5
        assert (rounded - exact[name]).abs().mean() / exact[name].mean() > 0.01


def test_scores_are_float32_and_weights_stay(tiny_model, tiny_blocks):
    before = {name: weight.clone() for name, weight in tiny_model.named_parameters()}
    scores = score(tiny_model, tiny_blocks, precision="bf16")
    for name, weight in tiny_model.named_parameters():
        assert torch.equal(weight, before[name])
    for name, values in scores.items():
        assert values.dtype == torch.float32
        assert values.shape == before[name].shape


class Killed(Exception):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("estimator", ["taylor", "taylor_abs", "fisher"])
@pytest.mark.parametrize("stops_before", [0, 1, 2])
def test_a_killed_run_goes_on_from_its_checkpoint_bit_for_bit(
    tiny_model, tiny_blocks, tmp_path, estimator, stops_before
):
    """At each stop a checkpoint follows; the run is killed at one of them, before or after its record."""

    def run(checkpoints, die_at=None):
        records, scores = [], {}
        parameters = selectable(tiny_model, [], [])
        kind = Estimator(estimator)
        passes = accumulation.measure(
            *(tiny_model, parameters, tiny_blocks, [2, 4, 6], kind, 8),
            checks=[2, 4],
            checkpoints=checkpoints,
            records=records,
        )
        for samples, sums in passes:
            if samples == die_at:
                passes.close()
                raise Killed
            records.append({"samples": samples})
            scores[samples] = [sums.score(name).tobytes() for name in parameters]
        return records, scores

    undisturbed = run(None)
    checkpoints = Checkpoints(tmp_path, minutes=0)
    with pytest.raises(Killed):
        run(checkpoints, die_at=[2, 4, 6][stops_before])
    assert len(list(tmp_path.iterdir())) == (2 if stops_before else 1)
    records, scores = run(checkpoints)
    assert records == undisturbed[0]
    assert scores == {samples: undisturbed[1][samples] for samples in [2, 4, 6][stops_before:]}


def test_sums_of_other_weights_are_not_gone_on_from(tiny_model, tiny_blocks, tmp_path):
    checkpoints = Checkpoints(tmp_path, minutes=0)
    measured(tiny_model, tiny_blocks, [4, 6], checkpoints=checkpoints)
    with torch.no_grad():
        tiny_model.model.layers[0].mlp.up_proj.weight.mul_(2)
    after, alone = (measured(tiny_model, tiny_blocks, [4, 6], checkpoints=kept) for kept in (checkpoints, None))
    assert list(after) == [4, 6]
    assert all(torch.equal(after[6][name], alone[6][name]) for name in alone[6])
