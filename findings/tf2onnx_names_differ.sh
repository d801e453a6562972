#!/usr/bin/env bash
# tf2onnx gives other numbers to the names that it generates, and another order to constants, in every process that exports
# one and the same network with the same weights, with a fixed PYTHONHASHSEED too: its passes go through sets of objects,
# whose order is that of their addresses. The digest of a file thus says nothing about whether two networks are the same.
# Versions: tf2onnx 1.17.0, tensorflow-cpu 2.21.0, keras 3.15.1, onnx 1.23.1, CPython 3.11, Linux x86-64.
# Seen: 6 exports of one small network with squeeze-and-excitation are 5 different files of the same operators in the
#   same order.
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tf2onnx==1.17.0 tensorflow-cpu==2.21.0 keras==3.15.1 onnx==1.23.1

cat > "$folder/export.py" <<'PY'
"""Prints two digests of an exported network: of the file, and of its operators alone."""

import hashlib

import keras
import tensorflow as tf
import tf2onnx

keras.utils.set_random_seed(0)
image = keras.Input((32, 32, 3), batch_size=1)
x = image
for width in (8, 16, 24):
    x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation("swish")(x)
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = keras.layers.Conv2D(width, 1, activation="sigmoid")(gate)
    x = keras.layers.Multiply()([x, gate])
x = keras.layers.GlobalAveragePooling2D()(x)
model = keras.Model(image, keras.layers.Dense(10)(x))

function = tf.function(lambda image: model(image, training=False))
signature = [tf.TensorSpec((1, 32, 32, 3), tf.float32, "image")]
exported, _ = tf2onnx.convert.from_function(function, signature, opset=17, inputs_as_nchw=["image"])
operators = [node.op_type for node in exported.graph.node]
for content in (exported.SerializeToString(deterministic=True), repr(operators).encode()):
    print(hashlib.sha256(content).hexdigest()[:12], end=" ")
PY

for run in 1 2 3 4 5 6; do
    PYTHONHASHSEED=0 TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/export.py" 2> "$folder/log" || { cat "$folder/log" >&2; exit 1; }
    echo
done | tee "$folder/digests"
files=$(cut -d' ' -f1 "$folder/digests" | sort -u | wc -l)
operators=$(cut -d' ' -f2 "$folder/digests" | sort -u | wc -l)
echo "6 exports: $files files, $operators sequences of operators"
if [ "$files" -gt 1 ] && [ "$operators" = 1 ]; then
    echo "as described"
else
    echo "the behaviour changed" >&2
    exit 1
fi
