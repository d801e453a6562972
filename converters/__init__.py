"""From a native model to a verified ONNX artifact.

import converters, zoo
artifact = converters.convert(zoo.load("regnet/RegNetY-200MF"), exporter="dynamo", opset=18, batch=1)
artifact.path, artifact.provenance
"""

from __future__ import annotations

from converters.artifact import Artifact, ArtifactStore
from converters.convert import convert
from converters.errors import ConversionError, VerificationError
from converters.request import PrecisionOptions
from foundation import privacy

privacy.switch_off()

__all__ = ["Artifact", "ArtifactStore", "ConversionError", "PrecisionOptions", "VerificationError", "convert"]
