#!/usr/bin/env bash
# timm's GCViT networks compute an image's logits from the other images of its batch too: the global queries of a batch
# are repeated image after image, while the windows that they meet stand in the order of window after window of one image.
# Accuracy and logits therefore depend on the batch size and on the order of the images; a batch of one is right. The
# original code was reported to do the same (NVlabs/GCVit issue 10); timm's documentation does not say so.
# Versions: timm 1.0.29, torch 2.14.1, torchvision 0.29.1; CPython 3.11, Linux x86-64.
# Seen, gcvit_xxtiny with its initial weights of seed 0, in evaluation mode: the logits of an image change by 19 %
#   (relative L2) if the other two images of its batch become black; in a batch of three they are 1.2 to 1.3 % off those
#   of a batch of one. swin_tiny_patch4_window7_224, another network of windows, differs by less than 1e-5.
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check timm==1.0.29 torch==2.14.1 torchvision==0.29.1

"$folder/venv/bin/python" - <<'PY'
import sys

import timm
import torch


def error(found, expected):
    return float((found - expected).norm() / expected.norm())


changes = {}
for name in ("gcvit_xxtiny", "swin_tiny_patch4_window7_224"):
    torch.manual_seed(0)
    network = timm.create_model(name).eval()
    images = torch.randn(3, 3, 224, 224)
    blackened = torch.cat([images[:1], torch.zeros(2, 3, 224, 224)])
    with torch.no_grad():
        alone = torch.cat([network(image[None]) for image in images])
        together, among_black = network(images), network(blackened)
    changes[name] = error(among_black[0], together[0])
    batch = ", ".join(f"{error(found, expected):.1e}" for found, expected in zip(together, alone))
    print(f"{name}: first image among black ones against among others {changes[name]:.1e}; three together against alone {batch}")
sys.exit(not (changes["gcvit_xxtiny"] > 1e-3 and changes["swin_tiny_patch4_window7_224"] < 1e-5))
PY
