"""Short names for labels."""

from __future__ import annotations

import pytest

from reports.names import short_names


@pytest.mark.parametrize(
    ("model", "short"),
    [
        ("regnet/RegNetX-1.6GF", "RegNetX-1.6GF"),
        ("ofa/pixel1_lat-143ms_top1-80.1_finetune-75", "pixel1_lat-143ms"),
        ("ofa/flops-595M_top1-80.0_finetune-75", "flops-595M"),
        ("mine", "mine"),
        ("own/my.package.nets:build", "build"),
        ("own/nets:build(table={'a': 1})", "build(table={'a': 1})"),
        ("own/nets:a_function_whose_name_says_everything_about_it", "a_function_whos…rything_about_it"),
    ],
)
def test_the_source_and_what_the_axes_say_go(model: str, short: str) -> None:
    assert short_names([model]) == [short]


def test_names_that_would_be_one_stay_whole() -> None:
    models = ["a/b0", "c/b0", "c/b1", "ofa/x_top1-70.0", "ofa/x_top1-71.0"]
    assert short_names(models) == ["a/b0", "c/b0", "b1", "ofa/x_top1-70.0", "ofa/x_top1-71.0"]


def test_one_model_in_two_precisions_keeps_its_short_name() -> None:
    assert short_names(["a/b0", "a/b0"]) == ["b0", "b0"]


def test_long_names_that_would_be_cut_to_one_stay_whole() -> None:
    models = [f"onnx/the_same_beginning_of_a_name_{i}_and_the_same_end_of_it" for i in (1, 2)]
    assert short_names(models) == [model.removeprefix("onnx/") for model in models]


def test_one_function_of_two_modules_is_distinguished() -> None:
    assert short_names(["own/a:net", "own/b:net"]) == ["own/a:net", "own/b:net"]
