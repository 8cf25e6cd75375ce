"""Names of files that anything can be called after."""

from __future__ import annotations

import hashlib
import re


def safe_name(*words: str) -> str:
    """Return a file name, without suffix, that is stable and safe on every system.

    Words of a–z, 0–9, ``-`` and ``_`` stand as they are, unless they end as a hash does. Others
    lose what is not allowed and gain a hash, so that different words never share a name.
    """
    return "--".join(_safe(word) for word in words)


def _safe(word: str) -> str:
    if re.fullmatch(r"(?!.*--|.*-[0-9a-f]{8}$|[0-9a-f]{8}$)[a-z0-9][a-z0-9_-]{0,59}", word):
        return word
    kept = re.sub(r"[^a-z0-9_]+", "-", word.lower()).strip("-")[:40]
    digest = hashlib.sha256(word.encode()).hexdigest()[:8]
    return f"{kept}-{digest}" if kept else digest
