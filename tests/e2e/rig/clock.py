# SPDX-License-Identifier: BSD-2-Clause
"""Nodes whose wall clocks are wrong."""

import pathlib
import shutil
import subprocess

import pytest

from . import daemon


def off(place, seconds):
    """The environment of a node whose wall clock is ahead by so many seconds (negative: behind)."""
    if daemon.sanitizer() or not shutil.which("cc"):
        pytest.skip("needs cc, and a node that isn't built with a sanitizer, which wants to be loaded first")
    library = place / "apart.so"
    if not library.exists():
        source = pathlib.Path(__file__).with_name("apart.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library), "CLOCK_OFF": str(seconds)}
