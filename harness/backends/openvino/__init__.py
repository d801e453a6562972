"""OpenVINO on the processor: reads the same ONNX files, set and read back property by property."""
