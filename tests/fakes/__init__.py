"""Stand-ins for what is not available in the tests: a GPU, its driver, its management library, TensorRT.

A test module imports them by their full name, `from tests.fakes.cuda import FakeCudaDriver`. pytest's `pythonpath`
(pyproject.toml) puts the project's root on the path for that, and `tests` is a package so that another
distribution's `tests` cannot take its place.
"""
