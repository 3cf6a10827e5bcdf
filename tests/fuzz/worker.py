"""A process that damages valid files and reads them, within limits of time and memory.

    python worker.py FORMAT FIRST COUNT FOLDER     reads damaged files FIRST to FIRST + COUNT - 1
    python worker.py FORMAT FILE FOLDER            reads one file as it is

It prints a line of JSON before and after each input, so that whoever started it knows which one
killed it.
"""

import json
import logging
import random
import resource
import shutil
import signal
import sys
import warnings
from pathlib import Path

from formats import FORMATS, Format
from mutations import damaged

from platefree.errors import OutOfMemory, PlatefreeError

SECONDS = 5  # of the processor, so that other work on the machine does not count
_WAITING = 60  # for anything else, such as a pipe
MEMORY = 1 << 30
_LONGEST_LINE = 2000


def outcome(form: Format, folder: Path, content: bytes) -> tuple[str, str]:
    """``read``, ``refused``, or a fault; and what was said."""
    path = folder / form.name
    path.write_bytes(content)
    # These end the process, whatever it is in.
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(_WAITING)
    try:
        form.read(path)
    except OutOfMemory as error:
        return "memory", str(error)
    except PlatefreeError as error:
        line = str(error)
        fine = line and "\n" not in line and len(line) <= _LONGEST_LINE
        return ("refused" if fine else "no line"), line[:_LONGEST_LINE]
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {error}"[:_LONGEST_LINE]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return "read", ""


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def say(**content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def main() -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    name, *rest, folder = sys.argv[1:]
    form, place = FORMATS[name], Path(folder)
    valid = place / "valid"
    valid.mkdir(parents=True)
    form.make(valid)
    whole = (valid / form.name).read_bytes()
    form.read(copied(valid, place) / form.name)  # also imports what is needed
    limit_memory()
    if len(rest) == 1:
        inputs = {0: Path(rest[0]).read_bytes()}
    else:
        numbers = range(int(rest[0]), int(rest[0]) + int(rest[1]))
        inputs = {}
    for number in inputs or numbers:
        say(started=number)
        content = inputs.get(number)
        if content is None:
            chance = random.Random(f"{name} {number}")  # noqa: S311
            content = damaged(whole, form.damage, chance)
        kind, line = outcome(form, copied(valid, place), content)
        say(number=number, kind=kind, line=line)
        if kind not in ("read", "refused"):
            (place / f"fault-{number}").write_bytes(content)


def copied(valid: Path, place: Path) -> Path:
    """A fresh copy of the valid files."""
    folder = place / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(valid, folder)
    return folder


if __name__ == "__main__":
    main()
