"""From a native model to a verified ONNX artifact."""
