"""A job that was ended goes on where it was; one that was ended and then edited gives what it gives from the start."""

import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import continue_pretraining
import evaluate
import pretrain
import score
from linguistic_regions.evaluation.perplexity import Measurement
from linguistic_regions.model import loading
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime import programs
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.training.loop import Schedule
from mistakes import held

SCHEDULE = Schedule(batch_size=4, warmup_steps=1, precision="fp32")


@pytest.fixture
def base(tmp_path):
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def draw(path, model, ratio, seed=0):
    """Write a region with so large a part of each matrix."""
    parameters = selectable(loading.load(model), [], [])
    generator = np.random.default_rng(seed)
    Region.from_masks({name: generator.random(tuple(p.shape)) < ratio for name, p in parameters.items()}).save(path)


@pytest.fixture
def job(base, tmp_path, token_folder):
    """A job of each program, and a table that it writes: `job(program, folder, **edits)` runs it in this folder."""
    for name, seed in (("a", 0), ("b", 1)):
        draw(tmp_path / f"{name}.safetensors", base, 0.3, seed)
    samples = {"language": "en", "samples": token_folder / "en/train.parquet", "checkpoint_minutes": 0}
    both = Measurement(token_folder, ("en", "ru"))
    options = {
        "continue_pretraining": samples
        | {
            "learning_rate": 1e-2,
            "milestones": (0, 8, 16),
            "schedule": SCHEDULE,
            "measured": both,
            "arm": continue_pretraining.Arm("core_frozen", freeze=tmp_path / "a.safetensors"),
        },
        "score": samples | {"milestones": (2, 8), "checks": (2, 4, 6, 8), "precision": "fp32", "batch_tokens": 16},
        "evaluate": {
            "evaluations": evaluate.Measurements(perplexity=both),
            "regions": (tmp_path / "a.safetensors", tmp_path / "b.safetensors"),
            "intact": True,
            "name": "x",
        },
    }

    def run(program, folder, **edits):
        made = {"model": base, "checkpoints": folder / "state", "output": folder / "made"}
        made |= {"evidence": folder / "x.parquet"} if program == "continue_pretraining" else {}
        made |= {"stability": folder / "x.csv"} if program == "score" else {}
        modules = {"continue_pretraining": continue_pretraining, "score": score, "evaluate": evaluate}
        modules[program].main(**{**options[program], **made, **edits})

    return run


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What each program calls for a measurement, and the call at which it is killed: in the last of several pieces of work.
KILLED = {
    "continue_pretraining": ((Measurement, "measure"), 3),
    "score": ((score.Sums, "agreement"), 4),
    "evaluate": ((Measurement, "measure"), 3),
}


@pytest.fixture
def kill(monkeypatch):
    """Have a program die at the call at which it is killed, and count its calls after that."""

    def make(program, run, early=0):
        place, at = KILLED[program]
        whole, calls, at = getattr(*place), [], at - early

        def dying(*given):
            calls.append(given)
            if len(calls) == at:
                raise KeyboardInterrupt
            return whole(*given)

        monkeypatch.setattr(*place, dying)
        with pytest.raises(KeyboardInterrupt):
            run()
        return lambda: len(calls) - at

    return make


@pytest.mark.parametrize("program", KILLED)
def test_a_killed_job_repeats_nothing_and_gives_the_same_bytes(program, job, kill, tmp_path):
    """Of two languages, or three models, the first ones were finished, and the last was begun."""
    job(program, tmp_path / "alone")
    repeated = kill(program, lambda: job(program, tmp_path / "killed"))
    assert set(everything(tmp_path / "killed")) == {
        path for path in everything(tmp_path / "killed") if path.parts[0] == "state"
    }
    job(program, tmp_path / "killed")
    assert repeated() == 1
    assert everything(tmp_path / "killed") == everything(tmp_path / "alone")


def set_epsilon(base):
    settings = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(settings | {"rms_norm_eps": 0.1}))


def change_weight(base):
    weights = load_file(base / "model.safetensors")
    weights["model.layers.0.mlp.up_proj.weight"][3, 5] += 1
    save_file(weights, base / "model.safetensors", {"format": "pt"})


def measured(folder, texts=("en", "ru"), **settings):
    return Measurement(folder, texts, **settings)


EDITS = {
    "continue_pretraining": {
        "another region": lambda folder, tokens: {
            "arm": continue_pretraining.Arm("core_frozen", freeze=folder / "b.safetensors")
        },
        "the region's file": lambda folder, tokens: draw(folder / "a.safetensors", folder / "base", 0.3, seed=2) or {},
        "measured on fewer blocks": lambda folder, tokens: {"measured": measured(tokens, max_blocks=2)},
        "measured on another split": lambda folder, tokens: {"measured": measured(tokens, split="valid")},
        "type of the weights that are kept": lambda folder, tokens: {"dtype": "bfloat16"},
    },
    "score": {
        "ratio of the regions that are compared": lambda folder, tokens: {"ratio": 0.2},
        "when it is enough": lambda folder, tokens: {"stop_at": 0.0},
        "type of the weights": lambda folder, tokens: {"dtype": "bfloat16"},
        "milestones": lambda folder, tokens: {"milestones": (2, 6)},
    },
    "evaluate": {
        "the region's file": lambda folder, tokens: draw(folder / "a.safetensors", folder / "base", 0.3, seed=2) or {},
        "measured on fewer blocks": lambda folder, tokens: {
            "evaluations": evaluate.Measurements(perplexity=measured(tokens, max_blocks=2))
        },
        "measured in fewer languages": lambda folder, tokens: {
            "evaluations": evaluate.Measurements(perplexity=measured(tokens, ("ru",)))
        },
        "a setting of the model": lambda folder, tokens: set_epsilon(folder / "base") or {},
        "one weight of the model": lambda folder, tokens: change_weight(folder / "base") or {},
    },
}


@pytest.mark.parametrize(("program", "edit"), [(program, edit) for program, edits in EDITS.items() for edit in edits])
def test_an_edit_after_a_kill_mixes_nothing(program, edit, job, kill, tmp_path, token_folder):
    """What was finished or begun under the old settings is not taken for the new ones'."""
    kill(program, lambda: job(program, tmp_path / "killed"))
    edits = EDITS[program][edit](tmp_path, token_folder)
    job(program, tmp_path / "alone", **edits)
    job(program, tmp_path / "killed", **edits)
    assert everything(tmp_path / "killed") == everything(tmp_path / "alone")


def test_pretraining_with_another_number_of_heads_begins_anew(token_folder, tokenizer_folder, tmp_path, monkeypatch):
    """The weights have the same shapes and begin with the same values."""

    def run(folder, heads):
        pretrain.main(
            tokens_folder=token_folder,
            languages=("en", "ru"),
            tokenizer=tokenizer_folder,
            output=folder / "base",
            schedule=SCHEDULE,
            checkpoints=folder / "state",
            checkpoint_minutes=0,
            samples=24,
            layers=1,
            width=16,
            heads=heads,
            kv_heads=heads,
            mlp_width=16,
        )

    with monkeypatch.context() as at_the_end, pytest.raises(KeyboardInterrupt):
        at_the_end.setattr(pretrain, "block_nll", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        run(tmp_path / "killed", 2)
    assert list((tmp_path / "killed/state").iterdir())
    run(tmp_path / "killed", 4)
    run(tmp_path / "alone", 4)
    assert everything(tmp_path / "killed") == everything(tmp_path / "alone")


@pytest.mark.parametrize("program", KILLED)
def test_an_edit_of_the_code_begins_anew(program, job, kill, tmp_path, monkeypatch):
    repeated = kill(program, lambda: job(program, tmp_path))
    monkeypatch.setattr(programs, "fingerprint", lambda *names: "of other code")
    job(program, tmp_path)
    assert repeated() == KILLED[program][1]


@pytest.mark.parametrize("program", KILLED)
def test_a_job_that_another_process_is_at_is_not_begun(program, job, tmp_path):
    """As when its Snakemake was killed, and not it."""
    folder = tmp_path / "job"
    with held(folder / "state/.lock") as other:
        with pytest.raises(UserError, match=f"state: process {other.pid} on .* is using it: wait until it ends"):
            job(program, folder)
        assert set(everything(folder)) == {Path("state/.lock")}
    job(program, folder)
    assert (folder / "made").exists()


# What each program writes when all is computed.
WRITERS = {
    "continue_pretraining": (continue_pretraining.Evidence, "save"),
    "score": (score, "write_csv"),
}


@pytest.mark.parametrize("program", WRITERS)
def test_a_disk_that_is_full_at_the_very_end_loses_nothing(program, job, tmp_path, monkeypatch):
    """When the table cannot be written the job fails, and the workflow deletes its outputs: the next one goes on."""
    job(program, tmp_path / "alone")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk, pytest.raises(OSError):
        disk.setattr(*WRITERS[program], full)
        job(program, tmp_path / "full")
    shutil.rmtree(tmp_path / "full/made", ignore_errors=True)
    job(program, tmp_path / "full")
    assert everything(tmp_path / "full") == everything(tmp_path / "alone")
