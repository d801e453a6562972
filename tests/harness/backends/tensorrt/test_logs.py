from __future__ import annotations

from pathlib import Path

from harness.backends.tensorrt.logs import LogTail, open_log


def test_a_full_disk_and_a_closed_file_affect_only_the_file() -> None:
    for path, closed in ((Path("/dev/full"), False), (Path("/dev/null"), True)):
        file = open_log(path)
        if closed:
            file.close()
        tail = LogTail(file)
        tail.add("ERROR", "Out of memory")
        assert tail.out_of_memory
        assert tail.lines() == ["[ERROR] Out of memory"]
