"""Reports for people from rows: tables and pictures.

`python -m reports` writes them, and so does every run. None of it is public.
"""

__all__: list[str] = []
