"""What this machine has, what is missing, and the command that installs it."""

import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from platefree.machine import cpu_count

State = Literal["ok", "missing", "old", "note"]

_LOW_DISK_BYTES = 5 << 30
_TRAIN = "pip install 'platefree[train]'"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's answer.

    Attributes:
        subject: what was looked at.
        state: ``ok``, ``missing`` or ``old`` (needs mending), or ``note``.
        found: what was found.
        remedy: the command or change that mends it; empty where nothing is wrong.
    """

    subject: str
    state: State
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether everything that platefree needs is there."""
        return all(finding.state in ("ok", "note") for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        return {"healthy": self.healthy, "findings": [asdict(f) for f in self.findings]}


def diagnose(folder: Path = Path()) -> Diagnosis:
    """Look at Python, packages, devices, picture codecs and the disk under ``folder``."""
    return Diagnosis(
        (*_system(), *_packages(), *_codecs(), _compiled(), _disk(folder)),
    )


def _system() -> Iterable[Finding]:
    yield Finding("platefree", "ok", version("platefree"))
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("machine", "ok", f"{platform.platform()}, {cpu_count()} cores")


def _packages() -> Iterable[Finding]:
    """Those of the core, and those of the extra ``train``, which may all be absent."""
    requirements = [Requirement(line) for line in requires("platefree") or []]
    for requirement in requirements:
        if requirement.marker is None:
            yield _package(requirement)
    extra = [
        each
        for each in requirements
        if each.marker is not None and each.marker.evaluate({"extra": "train"})
    ]
    found = [_package(each) for each in extra]
    if all(finding.state == "missing" for finding in found):
        yield Finding("networks", "note", "not installed: training, and models of your own", _TRAIN)
    else:
        yield from found
        yield from _devices()


def _package(requirement: Requirement) -> Finding:
    name, wanted = requirement.name, f"{requirement.name}{requirement.specifier}"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "missing", "not installed", f'pip install "{wanted}"')
    if not requirement.specifier.contains(found, prereleases=True):
        remedy = f'pip install --upgrade "{wanted}"'
        return Finding(name, "old", f"{found}, needs {requirement.specifier}", remedy)
    return Finding(name, "ok", found)


def _devices() -> Iterable[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("torch import", "missing", str(error), "pip install --upgrade torch")
        return
    yield Finding("processor threads", "ok", str(torch.get_num_threads()))
    if torch.backends.mps.is_available():
        yield Finding("Apple GPU", "ok", "used with --device mps, in float32")
    elif not torch.cuda.is_available():
        found = "none: training runs on the processor, slowly for anything above 128 pixels"
        yield Finding("GPU", "note", found)
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        bf16 = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        size = about.total_memory / 2**30
        yield Finding(f"GPU {index}", "ok", f"{about.name}, {size:.0f} GiB, {bf16}")
    try:
        import torchvision.ops  # noqa: F401
    except (ImportError, RuntimeError) as error:
        remedy = "pip install --upgrade torch torchvision, both together"
        yield Finding("torchvision fits torch", "missing", str(error), remedy)


def _codecs() -> Iterable[Finding]:
    from PIL import features

    for codec, name in (("jpg", "JPEG"), ("zlib", "PNG"), ("webp", "WebP"), ("avif", "AVIF")):
        if features.check(codec):
            yield Finding(f"{name} pictures", "ok", "can be read")
        else:
            state: State = "missing" if codec in ("jpg", "zlib") else "note"
            remedy = "pip install --upgrade --force-reinstall pillow"
            yield Finding(f"{name} pictures", state, "cannot be read", remedy)


def _compiled() -> Finding:
    import platefree.evaluation.metrics  # noqa: F401 - which is compiled
    from platefree.jit import keeps_code

    if keeps_code():
        return Finding("compiled metrics", "ok", "kept between runs")
    remedy = "set NUMBA_CACHE_DIR to a folder that can be written"
    return Finding("compiled metrics", "note", "compiled anew in each run", remedy)


def _disk(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "give a folder that is there and can be read"
        return Finding("disk", "missing", f"{folder}: {error.strerror or error}", remedy)
    found = f"{free / 2**30:.1f} GiB free under {folder.resolve()}"
    if free < _LOW_DISK_BYTES:
        return Finding("disk", "note", found, "free some space before a long run")
    return Finding("disk", "ok", found)
