"""A process that damages valid files and reads them, within limits of time and memory.

Each line of its input is a job, in JSON (`run`). It prints a line of JSON before and after each
file that it reads, so that whoever started it knows which one killed it, and one after each job.
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


def limit_memory(most: int) -> None:
    """Let this process grow by ``most`` bytes from now on."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + most, hard))


def lift_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def say(**content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def run(name: str, folder: str, first: int, count: int, file: str | None) -> None:
    """Read damaged files ``first`` to ``count - 1`` of a format, or one file as it is."""
    form, place = FORMATS[name], Path(folder)
    valid = place / "valid"
    valid.mkdir(parents=True)
    form.make(valid)
    whole = (valid / form.name).read_bytes()
    form.read(copied(valid, place) / form.name)  # also imports what is needed
    limit_memory(MEMORY)
    for number in range(first, count):
        say(started=number)
        if file is None:
            chance = random.Random(f"{name} {number}")  # noqa: S311
            content = damaged(whole, form.damage, chance)
        else:
            content = Path(file).read_bytes()
        kind, line = outcome(form, copied(valid, place), content)
        say(number=number, kind=kind, line=line)
        if kind not in ("read", "refused"):
            (place / f"fault-{number}").write_bytes(content)
    lift_limit()


def main() -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    for job in sys.stdin:
        run(**json.loads(job))
        say(done=True)


def copied(valid: Path, place: Path) -> Path:
    """A fresh copy of the valid files."""
    folder = place / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(valid, folder)
    return folder


if __name__ == "__main__":
    main()
