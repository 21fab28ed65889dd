"""Greedy generation is the plain loop: the whole text is read again at each step, and the likeliest token taken."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, MambaConfig, MambaForCausalLM

from linguistic_regions.model.generation import continue_greedily, end_tokens
from linguistic_regions.model.scratch import from_scratch

PROMPTS = [[3, 1, 4], [1, 5, 9, 2, 6], [7]]
SMALL = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2}


def llama():
    return from_scratch(50, 2, 16, 4, 2, 24, 32, False, 0)


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=32)).eval()


def mamba():
    """A recurrent model, without keys and values to keep."""
    torch.manual_seed(0)
    return MambaForCausalLM(MambaConfig(**SMALL, state_size=4)).eval()


@torch.no_grad()
def plain(model, prompt, length):
    ids, nll = list(prompt), 0.0
    for _ in range(length):
        log_probabilities = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].log_softmax(0)
        ids.append(int(log_probabilities.argmax()))
        nll -= float(log_probabilities[ids[-1]])
    return ids[len(prompt) :], nll


@pytest.fixture(params=[llama, gpt2, mamba])
def model(request):
    """A model whose logits lie far apart, so that rounding decides nothing."""
    made = request.param()
    with torch.no_grad():
        made.get_output_embeddings().weight.mul_(20)
    return made


@pytest.mark.parametrize("prompt", PROMPTS, ids=str)
def test_the_continuation_is_that_of_the_plain_loop(model, prompt):
    said, nll = continue_greedily(model, prompt, 12, set(), "fp32")
    expected, summed = plain(model, prompt, 12)
    assert said == expected
    assert nll == pytest.approx(summed, rel=1e-4, abs=1e-6)


def test_it_stops_behind_a_token_that_ends_the_text(model):
    said, nll = continue_greedily(model, PROMPTS[0], 12, set(), "fp32")
    end = said[4]
    place = said.index(end)
    cut, less = continue_greedily(model, PROMPTS[0], 12, {end}, "fp32")
    assert cut == said[: place + 1]
    assert less <= nll


def test_of_equally_likely_tokens_the_first_is_taken():
    model = llama()
    torch.nn.init.zeros_(model.lm_head.weight)
    said, nll = continue_greedily(model, PROMPTS[0], 3, set(), "fp32")
    assert said == [0, 0, 0]
    assert nll == pytest.approx(3 * torch.log(torch.tensor(50.0)).item(), rel=1e-6)


@pytest.mark.parametrize(("told", "ends"), [(None, set()), (7, {7}), ([7, 9], {7, 9})])
def test_the_tokens_that_end_a_text_are_the_models(told, ends):
    model = llama()
    model.generation_config.eos_token_id = told
    assert end_tokens(model) == ends
