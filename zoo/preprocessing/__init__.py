"""From an encoded image to a network's input, exactly as each release evaluates (docs/preprocessing.md).

One decode serves every model, and the resized crop serves every model whose release makes the same one:

steps = pipeline(card.preprocessing, card.resolution)
decoded = decode(path.read_bytes())
crop = steps.resampled(decoded)      # can be cached by steps.resampling
image = steps.normalised(crop)       # float32 (3, R, R)
"""

from __future__ import annotations

from zoo.preprocessing.decoding import Decoded, decode
from zoo.preprocessing.describing import described
from zoo.preprocessing.errors import PreprocessingError, UnreadableImageError
from zoo.preprocessing.normalisation import Normalisation
from zoo.preprocessing.pipeline import Pipeline, pipeline
from zoo.preprocessing.resampling import Resampling

__all__ = [
    "Decoded",
    "Normalisation",
    "Pipeline",
    "PreprocessingError",
    "Resampling",
    "UnreadableImageError",
    "decode",
    "described",
    "pipeline",
]
