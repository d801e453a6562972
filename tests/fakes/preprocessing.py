"""A preprocessing that no release has, as a user states it."""

SQUASH_TOML = """\
rule = "squash"
crop_px = 16
interpolation = "bilinear"
library = "pil"
channel_order = "BGR"
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
"""
