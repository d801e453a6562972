"""TensorRT 8.5 to 11: engines built from artifacts, kept, and measured."""
