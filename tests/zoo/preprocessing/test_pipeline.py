from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest

import zoo
from zoo import own
from zoo.preprocessing import Normalisation, PreprocessingError, decode, pipeline

CARDS = zoo.cards()
BASE = own.card("any").preprocessing


def test_every_card_has_steps_that_make_its_input(encoded):
    decoded = decode(encoded["JPEG"])
    for steps in {pipeline(card.preprocessing, card.resolution) for card in CARDS}:
        if steps.resampling.rule == "none":
            continue
        crop = steps.resampled(decoded)
        assert crop.dtype == steps.resampling.dtype
        image = steps.normalised(crop)
        assert image.shape == (3, steps.resolution_px, steps.resolution_px)
        assert image.dtype == np.float32
        assert image.flags.c_contiguous


def test_the_distinct_crops_are_these():
    """They decide the cost of an accuracy run of the whole zoo: each is made once per image."""
    steps = {pipeline(card.preprocessing, card.resolution) for card in CARDS}
    crops = {one.resampling for one in steps}
    assert collections.Counter((crop.rule, crop.library, crop.interpolation) for crop in crops) == {
        ("resize_then_crop", "pil", "bilinear"): 33,
        ("resize_then_crop", "pil", "bicubic"): 18,
        ("crop_then_resize", "pil", "bicubic"): 4,
        ("squash", "pil", "bicubic"): 1,
        ("resize_then_crop", "opencv", "bilinear"): 1,
        ("crop_then_resize", "tensorflow1", "bicubic"): 19,
        ("none", "", ""): 1,
    }
    assert (len(CARDS), len(steps), len(crops)) == (191, 88, 77)


def test_equal_facts_give_equal_pipelines_whatever_else_a_card_says():
    other = dataclasses.replace(BASE, stated_in="elsewhere", mean=list(BASE.mean))
    assert pipeline(other, 224) == pipeline(BASE, 224)
    assert hash(pipeline(other, 224)) == hash(pipeline(BASE, 224))


def test_what_differs_in_normalisation_alone_shares_its_crop():
    one, other = (pipeline(dataclasses.replace(BASE, mean=mean), 224) for mean in ((0.5, 0.5, 0.5), BASE.mean))
    assert one != other
    assert one.resampling == other.resampling


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rule": "stretch"}, "no resize is known for rule 'stretch', library 'pil' and interpolation 'bilinear'"),
        ({"library": "opencv", "interpolation": "bicubic"}, "library 'opencv' and interpolation 'bicubic'"),
        ({"interpolation": "lanczos"}, "interpolation 'lanczos'"),
        ({"resize_px": None}, "resize_then_crop: resize_px is 0, less than crop_px, 224"),
        ({"resize_px": 223}, "resize_px is 223, less than crop_px"),
        ({"rule": "crop_then_resize"}, "crop_fraction is 0.0; it must be more than 0 and at most 1"),
        ({"rule": "crop_then_resize", "crop_fraction": 1.1}, "crop_fraction is 1.1"),
        ({"tensor_resize": "bilinear"}, "tensor_resize must be 'bicubic' or empty, not 'bilinear'"),
        ({"crop_px": 192}, "the crop has 192 px, the network takes 224 px"),
        ({"channel_order": "GBR"}, "channel_order must be 'RGB' or 'BGR', not 'GBR'"),
        ({"mean": (0.5,)}, r"mean must be three numbers, one per channel, not \(0\.5,\)"),
        ({"mean": 0.5}, "mean must be three numbers, one per channel, not 0.5"),
        ({"std": ("a", 1, 1)}, r"std must be three numbers, one per channel, not \('a', 1, 1\)"),
        (
            {"mean": (123.7, 116.3, 103.5)},
            r"mean is for pixels of 0\.\.1, .*; divide that of 0\.\.255 by 255",
        ),
        ({"std": (0.2, 0, 0.2)}, r"std is for pixels of 0\.\.1, so from more than 0 to 1, not \(0\.2, 0, 0\.2\)"),
        ({"std": (0.2, float("nan"), 0.2)}, r"std is for pixels of 0\.\.1"),
        ({"std": (58.4, 57.1, 57.4)}, r"std is for pixels of 0\.\.1"),
        ({"crop_px": "224"}, "crop_px must be a positive integer, in pixels, not '224'"),
        ({"crop_px": 0}, "crop_px must be a positive integer, in pixels, not 0"),
        ({"resize_px": 256.5}, "resize_px must be a positive integer, in pixels, not 256.5"),
        ({"rule": "crop_then_resize", "crop_fraction": "1"}, "crop_fraction must be a number, not '1'"),
    ],
)
def test_facts_that_lead_nowhere_are_reported(changes, message):
    with pytest.raises(PreprocessingError, match=message):
        pipeline(dataclasses.replace(BASE, **changes), 224)


def test_pixels_are_not_changed_by_their_use(encoded):
    decoded = decode(encoded["JPEG"])
    before = decoded.pixels.copy()
    for card in map(zoo.card, ("resnest50", "RegNetX-200MF", "efficientnet-x-b0", "alphanet/a0")):
        steps = pipeline(card.preprocessing, card.resolution)
        crop = steps.resampled(decoded)
        kept = crop.copy()
        steps.normalised(crop)
        np.testing.assert_array_equal(crop, kept)
    np.testing.assert_array_equal(decoded.pixels, before)


def test_normalisation_is_the_releases():
    image = np.stack([np.full((1, 1), value, np.float32) for value in (0.1, 0.2, 0.3)])[None]
    rgb = Normalisation.of(zoo.card("resnest50").preprocessing).unit_range(image).ravel()
    bgr = Normalisation.of(zoo.card("RegNetX-200MF").preprocessing).unit_range(image).ravel()
    np.testing.assert_allclose(rgb, [(0.1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (0.3 - 0.406) / 0.225], rtol=1e-5)
    np.testing.assert_allclose(bgr, rgb[::-1], rtol=1e-5)
