"""The benchmarks' references give what the library gives, and the table can be printed."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch.utils.flop_counter import FlopCounterMode

import fetch_model
from linguistic_regions.importance import accumulation
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _on_path():
    """The benchmarks' modules, for this file's tests alone."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


def test_cut_masks_are_identical(tmp_path):
    import reference
    import selection

    generator = np.random.default_rng(0)
    files = [tmp_path / f"l{language}/1/importance.safetensors" for language in range(selection.LANGUAGES)]
    for file in files:
        file.parent.mkdir(parents=True)
        save_file({selection.NAME: generator.standard_normal((300, 400), np.float32) ** 2}, file)
    plain = reference.cut(reference.summed(files, selection.NAME), selection.RATIO, 1)
    for name, region in selection.build(files).items():
        mask = region.mask(selection.NAME).reshape(-1)
        assert mask.sum() == plain[name].sum()
        assert name == "random" or np.array_equal(mask, plain[name])


def test_bare_passes_have_the_gradients_that_importance_sums(tiny_model, tiny_blocks):
    import reference

    parameters = selectable(tiny_model, [], [])
    [(_, sums)] = accumulation.measure(tiny_model, parameters, tiny_blocks, [6], Estimator(), 16)
    scores = {name: sums.score(name) for name in parameters}
    total = {name: torch.zeros_like(weight) for name, weight in parameters.items()}

    def add(name, weight):
        total[name] += weight.grad

    for name, weight in parameters.items():
        weight.register_post_accumulate_grad_hook(partial(add, name))
    reference.passes(tiny_model, tiny_blocks.input_ids, 2, "fp32", list(parameters.values()))
    for name, weight in parameters.items():
        plain = (total[name] / 3 * weight).abs().detach().numpy()
        np.testing.assert_allclose(plain, scores[name], rtol=1e-4, atol=1e-8)


def test_operations_are_those_that_torch_counts(tiny_model, tiny_blocks):
    import reference
    import workbench

    with FlopCounterMode(display=False) as counter:
        reference.passes(tiny_model, tiny_blocks.input_ids, 6, "fp32")
    assert workbench.forward_flops(tiny_model, tiny_blocks) == pytest.approx(counter.get_total_flops(), rel=0.05)


@pytest.mark.slow
def test_a_line_of_the_table_for_each_benchmark_of_a_model(tmp_path):
    from_scratch(300, 1, 16, 2, 2, 16, 64, False, 0).save_pretrained(tmp_path / "source")
    fetch_model.main(model=str(tmp_path / "source"), output=tmp_path / "base")
    command = [
        sys.executable,
        FOLDER / "run.py",
        "--model",
        tmp_path / "base",
        "importance",
        "removal",
        "scoring",
        "freezing",
    ]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    _, _, *lines = run.stdout.splitlines()
    assert [line.split()[1].strip(",:") for line in lines] == [
        "importance",
        "removal",
        "direct",
        "prompted",
        "training",
        "training",
    ]
    assert all(line.count("|") == 6 and "nan" not in line for line in lines)


def test_an_unknown_benchmark_is_named():
    run = subprocess.run([sys.executable, FOLDER / "run.py", "speed"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("run.py: error: unknown benchmark 'speed'; choose from tokenizing, ")
