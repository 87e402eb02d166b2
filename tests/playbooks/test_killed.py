"""A real SIGKILL at every point of a run, from the request to the timed undo: the device ends finished or put back, never half, nothing twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_kill_at_any_point_leaves_the_device_finished_or_put_back(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.playbooks.killed", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lives = json.loads((tmp_path / "told.json").read_text())
    assert len(lives) >= 100, "so many points were killed at"
    for life in lives:
        assert life["over"], life
        finished = (life["outcome"], life["light"], life["line"], life["door"]) == ("done", "", "on", "shut")
        put_back = life["outcome"] in ("failed", "undone") and (life["light"], life["door"]) == ("", "")
        assert finished or put_back, life
        assert len(life["sent"]) == len(set(life["sent"])), life
        assert life["sent"].count("line=on") == (1 if finished else 0), life
