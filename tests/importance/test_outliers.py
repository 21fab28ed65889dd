"""A planted super weight is found, in its place; a model without one has none. Figures against a plain forward pass."""

import numpy as np
import pytest
import torch
import transformers as hf

import outliers as program
from linguistic_regions.importance import outliers
from linguistic_regions.importance.outliers import Criteria
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.regions import outliers as outlier_regions
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import read_json
from linguistic_regions.text import tokens
from linguistic_regions.text.tokens import Blocks

GPT2 = hf.GPT2Config(vocab_size=24, n_positions=8, n_embd=32, n_layer=3, n_head=2, bos_token_id=0, eos_token_id=1)


def llama():
    return from_scratch(
        vocabulary=24, layers=3, width=32, heads=4, kv_heads=2, mlp_width=48, context=8, tied=False, seed=0
    )


def gpt2():
    torch.manual_seed(0)
    return hf.AutoModelForCausalLM.from_config(GPT2)


def plant(model, layer, dimension, channel):
    """A weight that makes one output channel of a layer's MLP enormous, whatever the text."""
    name, transposed = list(outliers.projections(model).items())[layer]
    weight = model.get_parameter(name)
    with torch.no_grad():
        weight[(channel, dimension) if transposed else (dimension, channel)] = 1e6
    return name


def texts(seed=0):
    generator = np.random.default_rng(seed)
    return {code: generator.integers(0, 24, (5, 8)).astype(np.int32) for code in ("en", "ru")}


def look(model):
    matrices = outliers.projections(model)
    measured = {code: outliers.measure(model.eval(), ids, 16, "fp32") for code, ids in texts().items()}
    rows = outliers.table(measured, matrices, Criteria())
    return rows, outliers.listed(rows, outliers.dimensions(measured, Criteria()), matrices)


@pytest.mark.parametrize("make", [llama, gpt2])
def test_a_planted_super_weight_is_found(make):
    model = make()
    name = plant(model, 1, 5, 7)
    rows, found = look(model)
    row, column = (7, 5) if make is gpt2 else (5, 7)
    assert [(row["stable"], row["weight_stable"]) for row in rows] == [(False, False), (True, True), (False, False)]
    assert (rows[1]["matrix"], rows[1]["row"], rows[1]["column"], rows[1]["dimension"]) == (name, row, column, 5)
    assert rows[1]["share_of_blocks"] == rows[1]["share_of_weight"] == 1
    assert rows[1]["dimension_activation"] == pytest.approx(rows[1]["output"], rel=0.01)
    assert [entry["dimension"] for entry in found["dimensions"]] == [5]
    (weight,), (channel,) = found["weights"], found["rows"]
    assert (weight["matrix"], weight["row"], weight["column"]) == (name, row, column)
    expected = (None, 5) if make is gpt2 else (5, None)
    assert (channel["matrix"], channel["row"], channel["column"]) == (name, *expected)


@pytest.mark.parametrize("make", [llama, gpt2])
def test_a_model_without_outliers_has_none(make):
    rows, found = look(make())
    assert len(rows) == 3
    assert found == {"dimensions": [], "rows": [], "weights": []}


def test_an_outlier_of_one_language_is_none():
    """Large where it is large, but the channel is another in most blocks of the second language."""
    model = llama()
    plant(model, 1, 5, 7)
    matrices = outliers.projections(model)
    measured = {code: outliers.measure(model.eval(), ids, 16, "fp32") for code, ids in texts().items()}
    projections, activations = measured["ru"]
    projections.row[:2, 1] = 6
    activations.peak[:2] = activations.typical[:2] = 0
    rows = outliers.table(measured, matrices, Criteria())
    assert rows[1]["share_of_blocks"] == pytest.approx(0.6) and not rows[1]["stable"]
    assert outliers.dimensions(measured, Criteria()) == []
    assert outliers.table(measured, matrices, Criteria(share=0.6))[1]["stable"]


@pytest.mark.parametrize("make", [llama, gpt2])
def test_figures_equal_those_of_a_plain_pass_and_hooks_are_removed(make):
    model, ids = make().eval(), texts()["en"]
    projections, activations = outliers.measure(model, ids, 16, "fp32")
    assert not any(module._forward_hooks for module in model.modules())
    inputs, results = {}, {}

    def keep(name):
        def hook(module, args, output):
            inputs[name], results[name] = args[0].detach(), output.detach()

        return hook

    names = outliers.projections(model)
    handles = [model.get_submodule(name.removesuffix(".weight")).register_forward_hook(keep(name)) for name in names]
    with torch.no_grad():
        states = model(input_ids=torch.from_numpy(ids).long(), output_hidden_states=True).hidden_states
    for handle in handles:
        handle.remove()
    for layer, (name, transposed) in enumerate(names.items()):
        weight = model.get_parameter(name).detach()
        weight = weight.T if transposed else weight
        for block in range(len(ids)):
            output = results[name][block].abs()
            token, row = divmod(int(output.argmax()), output.shape[1])
            column = int((inputs[name][block, token] * weight[row]).abs().argmax())
            assert (projections.row[block, layer], projections.column[block, layer]) == (row, column)
            assert projections.output[block, layer] == pytest.approx(float(output[token, row]), rel=1e-5)
            median = float(output.amax(0).median())
            assert projections.median_output[block, layer] == pytest.approx(median, rel=1e-5)
            value = float(inputs[name][block, token, column])
            assert projections.input[block, layer] == pytest.approx(value, rel=1e-5)
        if layer < 2:  # the last state is behind the final norm
            size = states[layer + 1].abs()
            np.testing.assert_allclose(activations.peak[:, layer], size.amax(1), rtol=1e-5)
            np.testing.assert_allclose(activations.typical[:, layer], size.median(1).values, rtol=1e-5)
            np.testing.assert_allclose(activations.median[:, layer], size.flatten(1).median(1).values, rtol=1e-5)


def test_a_mixture_of_experts_is_refused():
    """Also with a shared expert, which is one linear of a known name, but not all of the MLP."""
    sizes = {"vocab_size": 24, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    for config in (hf.MixtralConfig, hf.Qwen2MoeConfig):
        mixture = hf.AutoModelForCausalLM.from_config(config(**sizes, num_attention_heads=4, num_key_value_heads=2))
        with pytest.raises(UserError, match=r"not looked for in experts \(.*leave .* out of controls\.regions"):
            outliers.projections(mixture)


def test_a_model_whose_mlp_is_not_known_is_refused():
    bert = hf.BertConfig(**{"vocab_size": 24, "hidden_size": 32, "num_hidden_layers": 1}, num_attention_heads=4)
    with pytest.raises(UserError, match="last linear of a layer's MLP, but bert.encoder.layer.0 has only"):
        outliers.projections(hf.BertLMHeadModel(bert))


def test_the_program_writes_what_recipes_read(tmp_path):
    model = llama()
    name = plant(model, 1, 5, 7)
    model.save_pretrained(tmp_path / "model")
    for code, ids in texts().items():
        size = len(ids)
        tokens.write(Blocks(ids, ["a"] * size, np.full(size, 20, np.int32), bos=True), tmp_path / f"{code}.parquet")
    files = (tmp_path / "en.parquet", tmp_path / "ru.parquet")
    options = {"model": tmp_path / "model", "table": tmp_path / "outliers.csv", "output": tmp_path / "outliers.json"}
    program.main(**options, samples=files, languages=("en", "ru"), blocks=4, precision="fp32")
    assert len((tmp_path / "outliers.csv").read_text(encoding="utf-8").splitlines()) == 4
    assert read_json(tmp_path / "outliers.json")["blocks"] == {"en": 4, "ru": 4}
    like = Region.from_masks({name: np.zeros((32, 48), bool)})
    made = {kind: outlier_regions.from_file(like, tmp_path / "outliers.json", kind) for kind in outlier_regions.KINDS}
    assert [len(region) for region in made.values()] == [48, 48, 1]
    assert made["weights"].mask(name)[5, 7]
    with pytest.raises(UserError, match="give one for each"):
        program.main(**options, samples=files, languages=("en",))
