"""Training: the schedule, milestones, checkpoints that change nothing, batches that add up."""

import os
import signal
import time

import numpy as np
import pytest
import torch

from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.runtime.checkpoints import Checkpoints
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.training.loop import Schedule, train, warm_cosine
from mistakes import cut, rot
from pretrain import mix

ROWS = np.random.default_rng(0).integers(0, 24, (32, 8)).astype(np.int32)


def fresh():
    return from_scratch(24, 2, 8, 4, 2, 12, 8, False, 0)


def run(model, **options):
    settings = {"batch_size": 4, "warmup_steps": 2, "precision": "fp32"} | options
    seen = []
    train(model, ROWS, 1e-2, Schedule(**settings), [0, 16, 32], lambda samples: seen.append(samples) or [])
    return seen


def loss(model):
    with torch.no_grad():
        return next_token_loss(model, torch.from_numpy(ROWS).long()).mean().item()


def test_learns_and_visits_the_milestones():
    model = fresh()
    before = loss(model)
    assert run(model) == [0, 16, 32]
    assert loss(model) < before


def test_schedule_warms_up_and_falls_along_a_cosine():
    rates = [warm_cosine(step, 4, 12) for step in range(12)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1.0
    assert rates[8] == pytest.approx(0.5)
    assert warm_cosine(12, 4, 12) == pytest.approx(0)


def test_accumulated_batches_equal_whole_ones():
    whole, parts = fresh(), fresh()
    run(whole, batch_tokens=32)
    run(parts, batch_tokens=8)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_plain_reference_step():
    """One step equals torch's own AdamW on the mean loss."""
    ours, plain = fresh(), fresh()
    train(ours, ROWS[:4], 1e-2, Schedule(batch_size=4, warmup_steps=1, precision="fp32"), [], lambda _: [])
    decayed = [weight for weight in plain.parameters() if weight.ndim > 1]
    others = [weight for weight in plain.parameters() if weight.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.001}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, 1e-2, (0.9, 0.95))
    next_token_loss(plain, torch.from_numpy(ROWS[:4]).long()).mean().backward()
    torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
    optimizer.step()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_killed_run_goes_on_from_its_checkpoint_bit_for_bit(tmp_path):
    schedule = Schedule(batch_size=4, warmup_steps=2, precision="fp32", batch_tokens=16)
    undisturbed, killed = fresh(), fresh()
    expected = train(undisturbed, ROWS, 1e-2, schedule, [0, 16, 32], lambda samples: [{"samples": samples}])
    checkpoints = Checkpoints(tmp_path / "state", minutes=0)

    def die(samples):
        if samples == 16:
            raise KeyboardInterrupt
        return [{"samples": samples}]

    with pytest.raises(KeyboardInterrupt):
        train(killed, ROWS, 1e-2, schedule, [0, 16, 32], die, checkpoints=checkpoints)
    assert len(list(checkpoints.folder.iterdir())) == 2
    resumed = fresh()
    rows = train(
        resumed, ROWS, 1e-2, schedule, [0, 16, 32], lambda samples: [{"samples": samples}], checkpoints=checkpoints
    )
    assert rows == expected
    for a, b in zip(undisturbed.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("damage", [cut, rot])
@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, damage, damaged, caplog):
    """With the last one damaged it goes on from the one before, with both from the start; the end is the same."""
    schedule = Schedule(batch_size=4, warmup_steps=2, precision="fp32")
    checkpoints = Checkpoints(tmp_path / "state", minutes=0)
    undisturbed, resumed = fresh(), fresh()
    train(undisturbed, ROWS, 1e-2, schedule, [], lambda _: [])
    train(fresh(), ROWS, 1e-2, schedule, [], lambda _: [], checkpoints=checkpoints)
    kept = sorted(checkpoints.folder.iterdir())
    for path in kept[-damaged:]:
        damage(path)
    caplog.set_level("INFO")
    train(resumed, ROWS, 1e-2, schedule, [], lambda _: [], checkpoints=checkpoints)
    assert f"{kept[-1]} is corrupted" in caplog.text
    assert ("resumed from the checkpoint at step 6" in caplog.text) is (damaged == 1)
    for a, b in zip(undisturbed.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("jump", [-(10**6), 10**6])
def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch, jump):
    schedule = Schedule(batch_size=4, warmup_steps=2, precision="fp32")
    steady, jumping = fresh(), fresh()
    train(steady, ROWS, 1e-2, schedule, [], lambda _: [])
    clock = iter(range(10**9))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + jump * (next(clock) % 2))
    checkpoints = Checkpoints(tmp_path / "state", minutes=60)
    train(jumping, ROWS, 1e-2, schedule, [], lambda _: [], checkpoints=checkpoints)
    assert not list(checkpoints.folder.glob("*"))  # none was due
    for a, b in zip(steady.parameters(), jumping.parameters(), strict=True):
        assert torch.equal(a, b)


def test_sigterm_is_held_back_until_the_state_is_saved(tmp_path):
    """Clusters send it before they kill. The run that goes on ends as one that was not disturbed, bit for bit."""
    schedule = Schedule(batch_size=4, warmup_steps=2, precision="fp32")
    undisturbed, killed = fresh(), fresh()
    train(undisturbed, ROWS, 1e-2, schedule, [16, 32], lambda _: [])
    checkpoints = Checkpoints(tmp_path / "state", minutes=60)
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(True))
    try:
        with pytest.raises(SystemExit) as ending:
            at_16 = lambda samples: os.kill(os.getpid(), signal.SIGTERM) or []  # noqa: E731
            train(killed, ROWS, 1e-2, schedule, [16, 32], at_16, checkpoints=checkpoints)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ending.value.code == 143 and came == [True]
    assert [path.name for path in checkpoints.folder.iterdir()] == ["step-000000004.safetensors"]
    train(resumed := fresh(), ROWS, 1e-2, schedule, [16, 32], lambda _: [], checkpoints=checkpoints)
    assert all(torch.equal(a, b) for a, b in zip(undisturbed.parameters(), resumed.parameters(), strict=True))


def test_a_checkpoint_of_another_training_is_not_gone_on_from(tmp_path):
    """Killed, then edited: the learning rate, the data, the milestones or the weights are others now."""
    checkpoints = Checkpoints(tmp_path / "state", minutes=0)
    schedule = Schedule(batch_size=4, warmup_steps=2, precision="fp32")

    def lesioned():
        model = fresh()
        with torch.no_grad():
            model.model.layers[0].mlp.up_proj.weight.zero_()
        return model

    for make, rows, rate, milestones in (
        (fresh, ROWS, 2e-2, [0, 32]),
        (fresh, ROWS[::-1].copy(), 1e-2, [0, 32]),
        (fresh, ROWS, 1e-2, [0, 16, 32]),
        (lesioned, ROWS, 1e-2, [0, 32]),
    ):
        train(fresh(), ROWS, 1e-2, schedule, [0, 32], lambda _: [], checkpoints=checkpoints)
        assert len(list(checkpoints.folder.iterdir())) == 2
        alone, after = make(), make()
        train(alone, rows, rate, schedule, milestones, lambda _: [])
        train(after, rows, rate, schedule, milestones, lambda _: [], checkpoints=checkpoints)
        assert all(torch.equal(a, b) for a, b in zip(alone.parameters(), after.parameters(), strict=True))


def test_a_loss_that_turns_nan_ends_the_training():
    model = fresh()
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match="lower the learning rate"):
        run(model)


def test_milestones_must_fit_the_batches():
    with pytest.raises(UserError, match="18 is not a multiple"):
        train(fresh(), ROWS, 1e-2, Schedule(batch_size=4), [18], lambda _: [])


def test_mix_draws_small_languages_more_often_than_their_share():
    large, small = np.zeros((900, 2), np.int32), np.arange(1, 11, dtype=np.int32).repeat(2).reshape(10, 2)
    mixed = mix([large, small], 1000, balance=0.3, seed=0)
    share = (mixed[:, 0] > 0).mean()
    expected = 10**0.3 / (10**0.3 + 900**0.3)
    assert share == pytest.approx(expected, abs=0.05)
    counts = np.bincount(mixed[:, 0])[1:]
    assert counts.max() - counts.min() <= 1  # gone through again and again, not at random
    assert np.array_equal(mixed, mix([large, small], 1000, balance=0.3, seed=0))
