"""The facts of a series, from a conversion or from the user's ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.units import BYTES_PER_MIB
from foundation.vocabulary import OWN_WEIGHTS
from foundation.wording import counted, sentences
from harness.errors import ArtifactError
from harness.files.artifact_digest import artifact_sha256, artifact_size_bytes
from harness.files.onnx_graph import OnnxGraph, read_graph
from harness.files.shapes import batch_of, classes_of, first_image, resolution_of
from harness.records.series import Series

if TYPE_CHECKING:
    from converters.pool import Conversion
    from converters.request import ConversionRequest
    from zoo.card import ModelCard


def _card_facts(card: ModelCard) -> dict[str, Any]:
    """The facts from the card, known whether or not the model is measured; those of a library know no sizes."""
    return {
        "model": card.name,
        "source": card.source,
        "variant": card.variant,
        "resolution": card.resolution,
        "classes": card.classes or None,
        "parameters": card.parameters or None,
        "macs": card.macs or None,
        "accuracy_published_top1_percent": card.published.top1_percent,
        "accuracy_published_top5_percent": card.published.top5_percent,
        "accuracy_published_source": card.published.stated_in,
        "accuracy_published_training_data": card.training.all_data,
        "accuracy_published_teacher": card.training.teacher,
        "latencies_published": card.latencies,
        "searched_for": card.search.target if card.search else "",
    }


def _own_facts(reference: str) -> dict[str, Any]:
    from zoo import own

    return {"model": f"{own.SOURCE}/{reference}", "source": own.SOURCE, "variant": reference}


def _exporter_text(exporter: Mapping[str, str]) -> str:
    """The exporter and its version: a part of PyTorch, or a separate package."""
    name = exporter["name"]
    return f"{name} {exporter[name]}" if name in exporter else f"torch.onnx.export {name} {exporter['torch']}"


def _weights_facts(request: ConversionRequest, made: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of the weights. Checkpoints with the same bytes share one artifact."""
    facts = {"weights": made["kind"] if request.is_own else request.weights_kind, "weights_sha256": made["sha256"]}
    if request.released:
        return {**facts, "checkpoint_sha256": request.released.sha256, "checkpoint_url": request.released.url}
    return {**facts, "checkpoint_sha256": made.get("checkpoint", {}).get("sha256", "")}


def _artifact_facts(conversion: Conversion) -> dict[str, Any]:
    """The facts from the artifact's provenance."""
    if conversion.artifact is None:
        return {}
    made = conversion.artifact.provenance
    return {
        "resolution": made["resolution"],
        "classes": made["classes"] or _unstated_classes(conversion),
        "parameters": made["parameters"],
        "macs": made["macs"],
        **_weights_facts(conversion.request, made["weights"]),
        "implementation": made["implementation"],
        "warnings": sentences(made.get("warnings", ())),
        "artifact_path": str(conversion.artifact.path),
        "artifact_sha256": conversion.artifact.sha256,
        "artifact_mib": made["size_bytes"] / BYTES_PER_MIB,
        "exporter": _exporter_text(made["exporter"]),
        "opset": made["opset"],
        "calibration": calibration_text(conversion.request, made),
        "conversion_s": sum(made["seconds"].values()),
        "verification_relative_l2": max(check["relative_l2"] for check in made["verification"]),
    }


def _unstated_classes(conversion: Conversion) -> int | None:
    """The classes of a network whose card states none: a user network's are in its graph, a library's has features."""
    if conversion.artifact is None or not conversion.request.is_own:
        return None
    return _classes(read_graph(conversion.artifact.path))


def calibration_text(request: ConversionRequest, made: Mapping[str, Any]) -> str:
    """The images or values that the ranges of an int8 artifact come from, in words; empty for other precisions.

    The folder is the request's: wherever the same images were when the artifact was made, its ranges are the same.
    """
    images = made.get("recipe", {}).get("calibration")
    if images is None:
        return ""
    if request.options.values is not None:
        return request.options.values.described
    folder = request.options.calibration_images
    if folder is None:
        return f"{images['count']:,} generated images"
    return f"{counted(images['count'], 'image')} of {folder.resolve().name}/"


def facts_of_conversion(conversion: Conversion, backend: str) -> Series:
    """The series of a conversion, or the row that says why there is none."""
    request = conversion.request
    facts = _own_facts(request.model) if request.is_own else _card_facts(request.card())
    return Series(
        **{**facts, **_artifact_facts(conversion)},
        backend=backend,
        graph=request.graph,
        precision=request.precision,
        batch=request.batch,
        status=conversion.status,
        reason=conversion.reason,
    )


def _onnx_description(path: Path) -> dict[str, Any]:
    """Batch, resolution, opset and classes from the graph of a file, where its shapes are fixed.

    Empty if the file cannot be read.
    """
    try:
        graph = read_graph(path)
    except ArtifactError:
        # The measuring process opens the file with the runtime itself and reports what is wrong with it.
        return {}
    described: dict[str, Any] = {"opset": graph.opset or None, "classes": _classes(graph)}
    shapes = [value.shape or () for value in graph.inputs]
    if not shapes:
        return described
    image = shapes[first_image(shapes)]
    batch = batch_of(image)
    return {**described, **({"batch": batch} if batch else {}), "resolution": resolution_of(image)}


def facts_of_file(path: Path, backend: str, precision: str, batch: int, name: str = "") -> Series:
    """The series of the user's ONNX file; its fixed batch overrides the requested one.

    Args:
        path: the file as it is measured, whose links are not followed: its weights may be beside the link alone.
        backend: name of the runtime.
        precision: the requested precision.
        batch: images in one inference, if the file leaves it free.
        name: the variant's name; that of the file if empty.
    """
    described = {"batch": batch, **_onnx_description(path)}
    variant = name or path.stem
    return Series(
        model=f"onnx/{variant}",
        source="onnx",
        variant=variant,
        backend=backend,
        precision=precision,
        weights=OWN_WEIGHTS,
        artifact_path=str(path.absolute()),
        artifact_sha256=artifact_sha256(path),
        artifact_mib=artifact_size_bytes(path) / BYTES_PER_MIB,
        **described,
    )


def _classes(graph: OnnxGraph) -> int | None:
    """The number of classes of a graph, by its first output; None if that is not one number for each class.

    Networks are ranked by accuracy among those with the same number of classes; one without it never is.
    """
    return classes_of(graph.outputs[0].shape or ()) if graph.outputs else None
