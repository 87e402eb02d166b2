"""The conforming configurations that ship with the checks, one per dialect."""

from functools import lru_cache
from pathlib import Path

from core.files import read_yaml

SAMPLES = Path(__file__).parents[3] / "compliance" / "samples"
DIALECTS = ("ios", "nxos", "ruijie", "vrp", "comware", "usg", "fortios", "stoneos", "frr")


@lru_cache(maxsize=16)
def device(dialect: str) -> str:
    """Its running configuration."""
    return str(read_yaml(SAMPLES / f"{dialect}.yaml").data["running-config"])
