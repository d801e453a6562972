#!/usr/bin/env bash
# onnxscript.optimizer.optimize, which torch.onnx.export runs at its end, takes time that grows with the square of the
# number of nodes. Of its 46 default rewrite rules one, SlicesSplit, has a pattern with two output nodes. For such a pattern
# the matcher goes through the whole graph at every node, before it looks whether that node is a Slice: a graph of N
# nodes without any Slice is gone through N times; for the other 45 rules together it is read four times.
# Versions: onnxscript 0.7.2, onnx-ir 1.1.0, onnx 1.23.1, CPython 3.11, Linux x86-64.
# Seen: a chain of N Sigmoid and Relu has its nodes' kinds read N * (N + 4) times: 252,000 for 500 nodes, 1,004,000 for
#   1,000, 4,008,000 for 2,000. Without the rule, 4 * N times, in 0.6, 0.4 and 0.3 of the processor time.
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    onnxscript==0.7.2 onnx-ir==1.1.0 onnx==1.23.1

cat > "$folder/optimize.py" <<'PY'
"""Counts how often the optimizer reads what kind of operator a node is, with all default rules and without one."""

import sys
import time

import onnx_ir
from onnx import TensorProto, helper
from onnxscript import optimizer, rewriter

reads = 0
kind_of = onnx_ir.Node.op_identifier


def counted(node):
    global reads
    reads += 1
    return kind_of(node)


onnx_ir.Node.op_identifier = counted


def chain(count):
    """`count` operators in a row, none of which any rule changes."""
    nodes = [
        helper.make_node(("Sigmoid", "Relu")[index % 2], [f"value{index}"], [f"value{index + 1}"])
        for index in range(count)
    ]
    ends = [helper.make_tensor_value_info(f"value{index}", TensorProto.FLOAT, [1, 4]) for index in (0, count)]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return onnx_ir.from_proto(model)


def optimized(count):
    """Number of reads and seconds."""
    global reads
    model, reads, began_s = chain(count), 0, time.process_time()
    optimizer.optimize(model)
    assert len(list(model.graph)) == count
    return reads, time.process_time() - began_s


optimized(10)
found = {count: optimized(count) for count in (500, 1000, 2000)}
rules = rewriter._DEFAULT_REWRITE_RULES
several = [rule.name for rule in rules if not rule._target_pattern.has_single_output_node]
rewriter._DEFAULT_REWRITE_RULES = tuple(rule for rule in rules if rule.name not in several)
without = {count: optimized(count) for count in found}

print(f"rules with several output nodes: {several}")
for count in found:
    (many, whole_s), (few, rest_s) = found[count], without[count]
    print(f"{count} nodes: {many:,} reads, without the rule {few:,}, in {rest_s / whole_s:.2f} of the time")
as_described = several == ["SlicesSplit"] and all(
    found[count][0] == count * (count + 4) and without[count][0] == 4 * count for count in found
)
sys.exit(0 if as_described else 1)
PY

if "$folder/venv/bin/python" "$folder/optimize.py"; then
    echo "as described"
else
    echo "the behaviour changed" >&2
    exit 1
fi
