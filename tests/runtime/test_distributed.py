"""Two processes give what one gives: scores, perplexities and trained weights, the model whole in each or spread."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from linguistic_regions.model import loading
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions.region import Region
from linguistic_regions.text import minimal_pairs
from linguistic_regions.text.minimal_pairs import Pair
from two_processes import run

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def results(tmp_path_factory, token_folder, tokenizer_folder):
    """A folder with what one process and what two made of the same model."""
    folder = tmp_path_factory.mktemp("distributed")
    model = from_scratch(300, 3, 20, 2, 1, 28, 16, True, 7)
    model.save_pretrained(folder / "base")
    shutil.copytree(tokenizer_folder, folder / "base", dirs_exist_ok=True)
    pairs = [
        Pair("en", "templates", "agreement", "one", str(n), "The " * n + "dog", "The " * n + "dogs") for n in range(5)
    ]
    minimal_pairs.write(folder / "pairs/en.parquet", pairs, {})
    generator = np.random.default_rng(0)
    shapes = {name: tuple(weight.shape) for name, weight in selectable(model, [], []).items()}
    masks = {name: generator.random(shape) < 0.3 for name, shape in shapes.items()}
    Region.from_masks(masks).save(folder / "region.safetensors")
    run(folder, token_folder, "alone")
    launch = [Path(sys.executable).with_name("accelerate"), "launch", "--multi_gpu", "--num_processes", "2"]
    launch += [
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--num_cpu_threads_per_process",
        "1",
        "--main_process_port",
        "0",
    ]
    path = os.pathsep.join([str(HERE.parent / "scripts"), str(HERE)])
    done = subprocess.run(
        [*launch, HERE / "two_processes.py", folder, token_folder],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.mark.parametrize("model", ["whole", "spread"])
@pytest.mark.parametrize("estimator", ["taylor", "taylor_abs", "fisher"])
@pytest.mark.parametrize("samples", [4, 7])
def test_scores(results, model, estimator, samples):
    alone, both = (
        load_file(results / way / estimator / f"{samples}/importance.safetensors") for way in ("alone", model)
    )
    assert list(alone) == list(both)
    for name in alone:
        torch.testing.assert_close(both[name], alone[name], rtol=1e-4, atol=1e-4 * alone[name].mean().item())


@pytest.mark.parametrize("model", ["whole", "spread"])
def test_scores_in_bfloat16(results, model):
    """They agree to bfloat16's rounding: sums over processes are in another order, or of rounded gradients."""
    alone, both = (load_file(results / way / "bfloat16/7/importance.safetensors") for way in ("alone", model))
    one, two = (torch.cat([scores[name].flatten() for name in alone]) for scores in (alone, both))
    assert torch.corrcoef(torch.stack([one, two]))[0, 1] > 0.99
    assert (two - one).abs().mean() < 0.05 * one.mean()


@pytest.mark.parametrize("model", ["whole", "spread"])
@pytest.mark.parametrize("table", ["taylor.csv", "taylor_abs.csv", "removal", "region_only", "full", "core_frozen"])
def test_tables(results, model, table):
    read = pd.read_csv if table.endswith(".csv") else lambda path: pd.read_parquet(f"{path}.parquet")
    place = table if table.endswith(".csv") else f"perplexity/{table}"
    alone, both = (read(results / way / place) for way in ("alone", model))
    pd.testing.assert_frame_equal(both, alone, rtol=2e-3)
    assert len(alone) > 1


@pytest.mark.parametrize("model", ["whole", "spread"])
def test_minimal_pairs(results, model):
    """Sentences of five lengths make an odd number of passes, which two processes cannot share evenly."""
    alone, both = (pd.read_parquet(results / way / "direct/removal.parquet") for way in ("alone", model))
    pd.testing.assert_frame_equal(both, alone, rtol=1e-3, atol=1e-4)
    assert len(alone) == 2 * 5


@pytest.mark.parametrize("model", ["whole", "spread"])
def test_trained_models(results, model):
    alone, both = (loading.load(results / way / "further/core_frozen") for way in ("alone", model))
    assert type(both) is type(alone)
    start = dict(loading.load(results / "base").named_parameters())
    frozen = Region.load(results / "region.safetensors")
    for (name, one), two in zip(alone.named_parameters(), both.parameters(), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-3, atol=1e-4)
        assert not torch.equal(two, start[name])
        if name in frozen.shapes:
            mask = torch.from_numpy(frozen.mask(name))
            assert torch.equal(two[mask], start[name][mask])
            assert not torch.equal(two[~mask], start[name][~mask])
