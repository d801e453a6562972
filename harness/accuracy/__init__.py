"""Accuracy of artifacts: labelled images, one decode for all networks, top-1 and top-5 with their intervals."""
