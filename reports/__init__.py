"""Reports for people from rows: tables and pictures.

`python -m reports` writes them, and so does every run. None of it is public.
"""

from __future__ import annotations

from foundation import privacy

privacy.switch_off()

__all__: list[str] = []
