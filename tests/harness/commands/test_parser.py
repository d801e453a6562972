"""From words to commands."""

from __future__ import annotations

import pytest

from harness.__main__ import main


@pytest.mark.parametrize("command", ["run", "convert", "list", "show", "report", "profile", "env"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: python -m harness" in capsys.readouterr().out
