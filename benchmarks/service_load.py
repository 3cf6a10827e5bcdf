"""Many people at a service while sightings come in: delays, errors, memory.

A gallery of the model inside has drawn rows first. Then `platefree serve` opens it in a process of
its own, one writer adds at a steady rate, and each client, with an account of its own, asks about
once in a second and a half, as a busy analyst does: half of them for sightings like a stored one,
a quarter with a picture (uploaded, looked at for vehicles, embedded), a quarter for the latest.

    python benchmarks/service_load.py PICTURES [--rows 200000] [--clients 50] [--seconds 180]

PICTURES is a table or a folder of pictures of vehicles. Every error is counted.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
from gallery_engines import BATCH, draw, unit
from gallery_load import drawn_later

import platefree as pf
from platefree.errors import PlatefreeError
from platefree.gallery.lance import LanceStore
from platefree.ranking.comparison import ONLY_SPACE
from platefree.service.accounts import Accounts
from platefree.service.register import Register
from platefree.service.running_service import service_folder
from platefree.service.sessions import Sessions
from platefree.types import Embeddings

PAUSE = 1.5  # seconds between two questions of a client
KINDS = ("stored", "stored", "picture", "latest")


@dataclass
class Noted:
    """Milliseconds of each kind of question, and every error."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)


def with_spaces(rows: Embeddings, widths: dict[str, int], model: str) -> Embeddings:
    """The same rows in all spaces of a model; those beside the first are drawn."""
    random = np.random.default_rng(len(rows))
    spaces = {
        name: rows.spaces["main"]
        if name == "main"
        else unit(random.random((len(rows), wide), np.float32))
        for name, wide in widths.items()
    }
    return Embeddings(spaces, rows.sightings, model, rows.content)


def write(folder: str, given: argparse.Namespace, widths: dict[str, int], model: str) -> None:
    """Add rows at the rate until it is ended."""
    store, stored, began, due = LanceStore(folder, ONLY_SPACE), given.rows, time.monotonic(), 0.0
    while True:
        time.sleep(max(0.0, began + due - time.monotonic()))
        rows, crops = drawn_later(given.together, widths["main"], stored)
        store.add(with_spaces(rows, widths, model), crops)
        stored += given.together
        due += given.together / given.rate


def ask(address: str, token: str, number: int, given: argparse.Namespace, noted: Noted) -> None:
    """Ask until the time is over."""
    random, ends = np.random.default_rng(number), time.monotonic() + given.seconds
    pictures = [given.table.path(row) for row in range(len(given.table))]
    with pf.Client(address, token) as client:
        while time.monotonic() < ends:
            kind = KINDS[int(random.integers(len(KINDS)))]
            query: str | int | None = None
            if kind == "stored":
                query = int(random.choice(given.numbers))
            elif kind == "picture":
                query = str(pictures[int(random.integers(len(pictures)))])
            start = time.perf_counter()
            try:
                client.search(query, top=10)
            except PlatefreeError as error:
                noted.errors.append(f"{kind}: {error}")
            noted.took[kind].append(1000 * (time.perf_counter() - start))
            time.sleep(PAUSE * random.uniform(0.5, 1.5))


def filled(folder: Path, given: argparse.Namespace) -> pf.Gallery:
    """A gallery of the model inside, with drawn rows."""
    gallery = pf.Gallery.create(folder)
    world = draw(given.rows, given.widths["main"], 1)
    for start in range(0, given.rows, BATCH):
        part = world.rows.take(np.arange(start, min(start + BATCH, given.rows)))
        gallery.store.add(with_spaces(part, given.widths, gallery.card.model))
    gallery.store.compact()
    return gallery


def main() -> None:
    """Fill the gallery, open it, and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=float, default=20, help="rows a second that are added")
    parser.add_argument("--together", type=int, default=10, help="rows of one addition")
    parser.add_argument("--seconds", type=float, default=180)
    given = parser.parse_args()
    given.table = pf.read_table(given.pictures)
    found, _ = pf.load_model().embed(given.table.take(np.arange(1)))
    given.widths = {name: rows.shape[1] for name, rows in found.spaces.items()}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "lot"
        gallery = filled(folder, given)
        given.numbers = [hit.number for hit in gallery.search(None, top=1_000).hits]
        register = Register(service_folder(gallery, None))
        accounts, sessions, tokens = Accounts(register), Sessions(register), list[str]()
        for number in range(given.clients):
            accounts.add(f"analyst{number}", "analyst", f"a long password, number {number}")
            tokens.append(sessions.begin(f"analyst{number}", "program"))
        measure(folder, gallery.card.model, tokens, given)


def measure(folder: Path, model: str, tokens: list[str], given: argparse.Namespace) -> None:
    """Serve in a process of its own while clients ask and the writer adds."""
    command = [sys.executable, "-m", "platefree", "serve", "--gallery", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None  # noqa: S101 - a pipe was asked for
    address = server.stdout.readline().strip()
    writer = get_context("spawn").Process(
        target=write, args=(str(folder), given, given.widths, model), daemon=True
    )
    memory, noted, over = [list[float](), [Noted() for _ in tokens], threading.Event()]

    def watch() -> None:
        while not over.wait(5):
            memory.append(psutil.Process(server.pid).memory_info().rss / 1e6)

    try:
        with pf.Client(address, tokens[0]) as client:
            client.search(str(given.table.path(0)))  # the model is loaded
        writer.start()
        watching = threading.Thread(target=watch)
        watching.start()
        with ThreadPoolExecutor(len(tokens)) as pool:
            asking = [
                pool.submit(ask, address, token, number, given, each)
                for number, (token, each) in enumerate(zip(tokens, noted, strict=True))
            ]
        for each in asking:
            each.result()  # no client ended before the time was over
        over.set()
        watching.join()
    finally:
        writer.kill()
        server.terminate()
        server.wait(30)
    report(noted, memory, given)


def report(noted: list[Noted], memory: list[float], given: argparse.Namespace) -> None:
    """Print what was measured."""
    errors = [error for each in noted for error in each.errors]
    print(f"{given.clients} clients, {given.rows:,} sightings, {given.seconds:.0f} s")
    for kind in sorted(set(KINDS)):
        took = np.concatenate([each.took[kind] for each in noted])
        p50, p99 = np.quantile(took, [0.5, 0.99])
        print(
            f"{kind}: {len(took):,}, p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {took.max():.0f} ms"
        )
    every = max(1, len(memory) // 10)
    print("MB of the service:", *(f"{each:.0f}" for each in memory[::every]), f"{memory[-1]:.0f}")
    print(f"errors: {len(errors)}")
    for error in errors[:5]:
        print(error)


if __name__ == "__main__":
    main()
