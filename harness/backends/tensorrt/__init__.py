"""TensorRT 8.5 to 11: engines are built from artifacts, stored, and measured."""
