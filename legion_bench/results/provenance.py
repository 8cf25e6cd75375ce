"""What a result depends on besides its cards: versions, revision, machine."""

from __future__ import annotations

import os
import pkgutil
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

# Packages that all reference numbers depend on (constraints.txt pins them).
PACKAGES = (
    "legion-bench",
    "gymnasium",
    "metaworld",
    "mujoco",
    "numpy",
    "scipy",
    "stable-baselines3",
    "torch",
)


def versions(entry_point: str) -> dict[str, str]:
    """Return Python's version and those of the packages that are installed.

    Args:
        entry_point: the agent's ``package.module:Class``; the package it comes from is
            among those reported, and so are those that the class names as its ``packages``.
    """
    found = {"python": platform.python_version()}
    agent = packages_distributions().get(entry_point.partition(".")[0].partition(":")[0], [])
    for package in dict.fromkeys((*PACKAGES, *agent, *_named(entry_point))):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _named(entry_point: str) -> tuple[str, ...]:
    """Return the packages that only this agent depends on.

    Were they every agent's, installing one would keep other agents' stopped runs from going on.
    """
    try:
        agent = pkgutil.resolve_name(entry_point)
    except (ImportError, AttributeError, ValueError):  # whoever builds it says what is wrong
        return ()
    packages: tuple[str, ...] = tuple(getattr(agent, "packages", ()))
    return packages


def command() -> tuple[str, ...]:
    """Return the command line, for a record that others will read.

    Paths below the working directory are as from there, others below the home directory as from ``~``:
    where somebody's home is, and so mostly their name, is nobody's business.
    """
    program, *arguments = sys.argv
    # A file's name need not be text.
    return tuple(
        os.fsencode(part).decode(errors="backslashreplace")
        for part in (Path(program).name, *map(_shortened, arguments))
    )


def _shortened(argument: str) -> str:
    option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    path, home = Path(value), Path(os.path.expanduser("~"))  # unlike Path.home(), also where nobody has one
    for folder, sign in ((Path.cwd(), Path()), (home, Path("~"))):
        if path.is_absolute() and path.is_relative_to(folder):
            return f"{option}{equals}{sign / path.relative_to(folder)}"
    return argument


def git() -> dict[str, str | bool | None]:
    """Return the revision of the code and whether it was changed since; null if unknown."""
    revision = _git("rev-parse", "HEAD")
    dirty = None if revision is None else bool(_git("status", "--porcelain"))
    return {"revision": revision, "dirty": dirty}


def hardware() -> dict[str, str | int | None]:
    """Return processor, cores, memory (bytes) and operating system."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _git(*arguments: str) -> str | None:
    """Ask git about the checkout this package is in; None for an installed wheel."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return None
