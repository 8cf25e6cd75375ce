"""Input of unknown origin: nothing but our own errors comes out, and no file but where it may.

A sample runs in the suite; ``tox run -e fuzz`` sets ``LEGION_BENCH_FUZZ`` to the number of examples
of each test.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = settings(
    max_examples=int(os.environ.get("LEGION_BENCH_FUZZ", "50")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

HUGE = st.one_of(
    st.integers(),
    st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**30, 10**4000, -1, 0]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", "\x00", "..", "../x.toml", "/etc/passwd", "x" * 5000, "\u202e", "é" * 300 + ".toml"]
    ),
    st.booleans(),
    st.none(),
)
"""Single values that a field was not made for."""
VALUES = st.recursive(
    HUGE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Return content with some bytes flipped, cut out, doubled, or cut off at the end."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(made) - 1, 0)))
        match draw(st.sampled_from(["flip", "flip", "cut", "double", "insert", "truncate"])):
            case "flip" if made:
                made[at] ^= draw(st.integers(1, 255))
            case "cut":
                del made[at : at + draw(st.integers(1, 300))]
            case "double":
                made[at:at] = made[at : at + draw(st.integers(1, 300))]
            case "insert":
                made[at:at] = draw(st.binary(min_size=1, max_size=40))
            case "truncate":
                del made[at:]
    return bytes(made)


def place_in(content: Any, value: Any, data: st.DataObject) -> None:
    """Put a value in a drawn place of nested dicts and lists."""
    while True:
        key = data.draw(
            st.sampled_from(sorted(content) if isinstance(content, dict) else range(len(content)))
        )
        if not content[key] or not isinstance(content[key], dict | list) or data.draw(st.booleans()):
            break
        content = content[key]
    content[key] = value
