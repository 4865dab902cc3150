"""``PVDASK_LOG=debug`` and the doctor's report: what they tell, and what they keep to themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pvdask.error_report import check_new, write_report
from pvdask.errors import InputError
from pvdask.log import VARIABLE, step

pytestmark = pytest.mark.unit


def test_a_step_is_one_line_with_its_time_and_sizes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "debug")
    with step(2, "fetch") as sizes:
        sizes["bytes received"] = 1_234_567
    with pytest.raises(OSError, match="lost"), step(0, "connect"):
        raise OSError("lost tcp://secret:1")
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"pvdask rank 2: fetch: done in \d+\.\d{4} s, bytes received 1,234,567", lines[0])
    assert re.fullmatch(r"pvdask rank 0: connect: failed in \d+\.\d{4} s", lines[1])


def test_nothing_is_written_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with step(0, "fetch"):
        pass
    assert capsys.readouterr().err == ""


def test_a_report_has_findings_and_settings_and_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    environment = {
        "HOME": "/home/somebody",
        "PVDASK_PARAVIEW": "/home/somebody/paraview/bin",
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": "/home/somebody/key.pem",
        "PVDASK_VIEW_TOKEN": "sesame",
        "AWS_SECRET_ACCESS_KEY": "sesame",
    }
    write_report(path, ["✓ packages: numpy 1.26", "✗ MPI: none"], environment)
    text = path.read_text()
    assert "✓ packages: numpy 1.26\n✗ MPI: none\n" in text
    assert "PVDASK_PARAVIEW=~/paraview/bin\n" in text
    assert "KEY=(set)" in text
    assert not any(word in text for word in ("sesame", "key.pem", "AWS", "somebody"))
    assert [each.name for each in tmp_path.iterdir()] == ["report.txt"]
    with pytest.raises(InputError, match="is there already"):
        check_new(path)
