"""ONNX Runtime on the processor and, through its GPU providers, on a GPU."""
