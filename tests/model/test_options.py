"""Options are scored as one sentence at a time would be, whatever shares a batch or a row with them."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny_models
from linguistic_regions.model import loss, options
from linguistic_regions.model.options import Question, log_probabilities
from linguistic_regions.runtime.errors import UserError

# Full attention, learned positions, sliding windows, recurrent layers of two kinds, and no `logits_to_keep`.
KINDS = ["llama", "gpt2", "mistral", "gemma2", "mamba", "rwkv", "recurrent_gemma", "jamba"]


def made(kind):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(tiny_models.config(tiny_models.model_types()[kind])).float()
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(20)  # tokens differ in how likely they are
    return model.eval()


def questions(seed=0):
    """Contexts of 1 to 25 tokens with two or three options of 1 to 4 tokens, some of which begin alike."""
    draw = np.random.default_rng(seed)
    found = []
    for length in draw.integers(1, 26, 12):
        context = draw.integers(3, tiny_models.VOCABULARY, length).tolist()
        each = [draw.integers(3, tiny_models.VOCABULARY, size).tolist() for size in draw.integers(1, 5, 2)]
        found.append(Question(context, [*each, [*each[0], 7]]))
    return found


@torch.no_grad()
def plain(model, question):
    """One option at a time, all logits in float32."""
    found = []
    for option in question.options:
        ids = [*question.context, *option]
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float().log_softmax(1)
        start = len(question.context) - 1
        found.append(sum(logits[start + place, token].item() for place, token in enumerate(option)))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_options_are_scored_as_one_at_a_time(kind):
    model, asked = made(kind), questions()
    found = log_probabilities(model, asked, 64, "fp32")
    assert [(each.dtype, each.shape) for each in found] == [(np.float64, (3,))] * len(asked)
    expected = [plain(model, question) for question in asked]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def model():
    return made("llama")


@pytest.fixture
def reads(model, monkeypatch):
    """The shapes of what the model reads."""
    shapes = []
    model.register_forward_pre_hook(lambda *call: shapes.append(tuple(call[-1]["input_ids"].shape)), with_kwargs=True)
    return shapes


def test_batches_and_company_do_not_matter(model):
    asked = questions()
    together = log_probabilities(model, asked, 1000, "fp32")
    model.train()
    for tokens in (1, 40):
        np.testing.assert_allclose(log_probabilities(model, asked, tokens, "fp32"), together, rtol=1e-5, atol=1e-5)
    assert model.training
    backwards = log_probabilities(model, asked[::-1], 1000, "fp32")
    np.testing.assert_array_equal(backwards[::-1], together)


def test_options_of_one_token_share_a_row(model, reads):
    asked = [Question([3, 4, 5, 6], [[7], [8]]), Question([3, 4, 9], [[7], [8]]), Question([3, 4], [[9], [5, 6], [5]])]
    found = log_probabilities(model, asked, 1000, "fp32")
    assert reads == [(2, 4)]  # 3 4 and 3 4 5 are read as the beginnings of others
    for values, question in zip(found, asked, strict=True):
        np.testing.assert_allclose(values, plain(model, question), rtol=1e-4, atol=1e-4)


def test_no_pass_has_more_tokens_than_allowed_and_the_longest_is_first(model, reads):
    log_probabilities(model, questions(), 64, "fp32")
    assert len(reads) > 2
    assert max(rows * length for rows, length in reads) <= 64
    assert [length for _, length in reads] == sorted((length for _, length in reads), reverse=True)


def test_only_positions_that_predict_go_through_the_head(model):
    seen = []
    model.get_output_embeddings().register_forward_hook(lambda *call: seen.append(call[-1].shape[:-1].numel()))
    log_probabilities(model, [Question([3] * 20, [[5], [6]]), Question([4] * 20, [[5], [6, 7]])], 1000, "fp32")
    assert seen == [3]


def test_logits_are_float32_a_few_rows_at_a_time(model, monkeypatch):
    asked = questions()
    once = log_probabilities(model, asked, 1000, "fp32")
    seen = []
    monkeypatch.setattr(loss, "LOGITS_IN_CACHE", 5 * tiny_models.VOCABULARY)
    measured = options.token_losses
    monkeypatch.setattr(options, "token_losses", lambda *part: seen.append(part[0].shape) or measured(*part))
    np.testing.assert_allclose(log_probabilities(model, asked, 1000, "fp32"), once, rtol=1e-6)
    assert max(rows for rows, _ in seen) == 5


def test_an_option_without_tokens_is_certain(model):
    (found,) = log_probabilities(model, [Question([3], [[]])], 10, "fp32")
    assert found.tolist() == [0.0]


def test_what_is_too_long_is_an_error_before_anything_is_measured(reads):
    model = made("gpt2")
    longest = model.config.max_position_embeddings
    asked = [Question([3], [[4]]), Question([3] * (longest + 1), [[4]])]
    with pytest.raises(UserError, match=f"probes: {longest + 1} tokens exceed the model's maximum input of {longest}"):
        log_probabilities(model, asked, 1, "fp32")
