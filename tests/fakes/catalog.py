"""A catalogue of one model that no release has, with every fact that a card needs."""

MINIMAL_TOML = """
[release]
title = "T"
repository = "r"
commit = "c"
package = "p==1"
framework = "pytorch"
licence = "MIT"
paper = "x"
[models.one]
resolution = 8
classes = 2
parameters = 1
macs = 1
signature_sha256 = "s"
published = { stated_in = "README" }
training = { data = "ImageNet-1k", stated_in = "README" }
checkpoint = { url = "u", container = "plain" }
preprocessing = { rule = "squash", crop_px = 8, interpolation = "bicubic", library = "pil", channel_order = "RGB", \
mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5], stated_in = "here" }
"""
