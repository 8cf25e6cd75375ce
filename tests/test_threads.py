"""One thread per process unless the user has said otherwise."""

from __future__ import annotations

import pytest

from legion_bench import threads
from tests.helpers import python

NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY")


def test_pin_fills_in_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name)
    threads.pin()
    assert [threads.describe()[name] for name in NAMES] == ["1", "1", "1", "PASSIVE"]


def test_pin_respects_what_the_user_has_set() -> None:
    code = """
import torch
from legion_bench import threads
threads.pin()
print(threads.describe()["OMP_NUM_THREADS"], torch.get_num_threads())
"""
    assert python("-c", code, OMP_NUM_THREADS="2").stdout.split() == ["2", "2"]


def test_pin_reaches_a_torch_that_is_already_loaded() -> None:
    code = """
import os
os.environ.pop("OMP_NUM_THREADS")
import torch
torch.set_num_threads(2)
from legion_bench import threads
threads.pin()
print(threads.describe()["torch_threads"])
"""
    assert python("-c", code).stdout.split() == ["1"]


def test_describe_says_that_torch_is_not_loaded() -> None:
    code = "from legion_bench import threads; print(threads.describe()['torch_threads'])"
    assert python("-c", code).stdout.split() == ["None"]
