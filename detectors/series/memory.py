"""What was learned, as bytes: one JSON header and plain arrays in an npz, never code. Damaged or newer states are refused in words."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError

Arrays = Mapping[str, NDArray[Any]]
HEAD = "head"


def pack(what: str, version: int, head: Mapping[str, Any], arrays: Arrays | None = None) -> bytes:
    """``head`` (JSON values) and ``arrays`` as npz bytes marked with ``what`` and ``version``."""
    text = json.dumps({"what": what, "version": version, "head": head}, allow_nan=True).encode()
    raw = io.BytesIO()
    np.savez_compressed(raw, allow_pickle=False, **{HEAD: np.frombuffer(text, np.uint8)}, **(arrays or {}))
    return raw.getvalue()


def unpack(raw: bytes, what: str, version: int, oldest: int = 1) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The head and arrays of ``pack``; raises ConfigError when damaged, of something else, of a newer version, or of one before ``oldest``."""
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        text = json.loads(arrays.pop(HEAD).tobytes())
        kind, made = text["what"], int(text["version"])
        head = text["head"]
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as err:
        raise ConfigError(f"the memory of {what} is damaged ({type(err).__name__}); it is learned anew from history") from err
    if kind != what:
        raise ConfigError(f"this is the memory of {kind}, not of {what}")
    if made > version:
        raise ConfigError(f"the memory of {what} was written by a newer version ({made}, this one reads up to {version}); it is learned anew from history")
    if made < oldest:
        raise ConfigError(f"the memory of {what} was written by version {made}, which this one no longer reads; it is learned anew from history")
    if not isinstance(head, dict):
        raise ConfigError(f"the memory of {what} is damaged; it is learned anew from history")
    return head, arrays
