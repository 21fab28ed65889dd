"""Ratios and patterns that select no weight are refused before the first job."""

import pytest
import torch

from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable as selectable_of
from linguistic_regions.planning import configuration, selectable
from linguistic_regions.planning.costs import shapes
from linguistic_regions.runtime.errors import UserError

TOO_LOW = {
    "removal": {"removal": {"ratios": [1e-9]}},
    "removal.curve": {"removal": {"curve": {"ratios": [1e-9]}}},
    "controls": {"controls": {"ratio": 1e-9}},
    "monolingual": {"monolingual": {"ratio": 1e-9}},
    "retraining": {"retraining": {"ratio": 1e-9}},
    "freezing": {"freezing": {"ratio": 1e-9}},
    "importance.stability": {"importance": {"stability": {"ratio": 1e-9}}},
}


def check(changes, **scratch):
    model = {"model": {"pretrained": None, "scratch": scratch}} if scratch else {}
    config = configuration.check(model | changes)
    selectable.check(config, shapes.shape(config))


@pytest.mark.parametrize("section", TOO_LOW)
def test_a_ratio_that_selects_nothing_of_the_smallest_matrix_is_refused(section):
    with pytest.raises(UserError) as told:
        check(TOO_LOW[section])
    assert str(told.value).startswith(f"config: {section}.ratio")
    assert str(told.value).endswith(
        ": 1e-09 selects no weight of the smallest matrix, which has 110592: give at least 1/110592, 9.04e-06"
    )
    experiments = [name for name in ("fidelity", "removal") if name != section.split(".")[0]]
    if section != "importance.stability":
        check(TOO_LOW[section] | {"experiments": experiments})


def test_the_smallest_matrix_is_that_of_the_model():
    scratch = {"layers": 1, "width": 16, "heads": 4, "kv_heads": 2, "mlp_width": 24, "vocabulary": 300}
    sizes = [
        weight.numel() for weight in selectable_of(from_scratch(300, 1, 16, 4, 2, 24, 8, False, 0), [], []).values()
    ]
    smallest = min(sizes)
    ratios = {"experiments": ["removal"], "importance": {"stability": {"checks": []}}}
    check(ratios | {"removal": {"ratios": [1 / smallest], "curve": {"ratios": [0.5]}}}, **scratch)
    with pytest.raises(UserError, match="removal.ratios"):
        check(ratios | {"removal": {"ratios": [0.99 / smallest], "curve": {"ratios": [0.5]}}}, **scratch)
    model_wide = {"ratios": [0.99 / smallest], "scopes": ["model"], "curve": {"ratios": [0.5]}}
    check(ratios | {"removal": model_wide}, **scratch)
    check(ratios | {"removal": {"ratios": [0.5], "curve": {"ratios": [1e-9], "estimators": []}}}, **scratch)


@pytest.mark.parametrize("is_stored", [False, True])
@pytest.mark.parametrize(
    ("include", "exclude", "any_left"),
    [
        (["mlp"], [], True),
        (["lm_head"], [], True),
        (["mpl"], [], False),
        ([], ["proj"], False),
        (["mlp"], ["up|down", "gate"], False),
    ],
)
def test_patterns_that_leave_no_matrix_are_refused(include, exclude, any_left, is_stored, tmp_path):
    """Also those of a model in a folder, which is not loaded."""
    model = from_scratch(300, 1, 16, 4, 2, 24, 8, False, 0)
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    pretrained = str(tmp_path) if is_stored else None
    config = configuration.check({"model": {"pretrained": pretrained, "include": include, "exclude": exclude}})
    if any_left:
        assert selectable_of(model, include, exclude)
        selectable.check(config, shapes.shape(config))
    else:
        with pytest.raises(UserError, match="^model.include / model.exclude: no weight matrix is selected"):
            selectable_of(model, include, exclude)
        with pytest.raises(UserError, match="^config: model.include / model.exclude: no weight matrix is selected"):
            selectable.check(config, shapes.shape(config))
