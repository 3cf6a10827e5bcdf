"""The demo: draw vehicles, train about a minute, score beside the floor, write a report.

The drawn shapes are a stand-in until the synthetic city exists; the figures say nothing about
real vehicles.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platefree.config import load_recipe
from platefree.data.table import read_table
from platefree.drawn import draw_vehicles
from platefree.evaluation.run import evaluate
from platefree.storage import make_folder
from platefree.training import StepReport, train


@dataclass(frozen=True)
class Demo:
    """What the demo made and measured.

    Attributes:
        report: the HTML report of the trained model.
        model: the checkpoint.
        pictures: folder of the drawn pictures and their table.
        query: a picture to search with.
        floor: figures of ``color_stripes`` on the held-back vehicles.
        trained: figures of the trained model on the same.
        seconds: how long each part took.
    """

    report: Path
    model: Path
    pictures: Path
    query: Path
    floor: Mapping[str, float]
    trained: Mapping[str, float]
    seconds: Mapping[str, float]

    @property
    def search_command(self) -> str:
        """A search for the reader to try."""
        return f"platefree search {self.query} --gallery {self.pictures} --model {self.model}"

    def to_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        return {
            "report": str(self.report),
            "model": str(self.model),
            "floor": dict(self.floor),
            "trained": dict(self.trained),
            "seconds": dict(self.seconds),
        }


def run_demo(
    folder: str | Path,
    *,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    say: Callable[[str], None] | None = None,
    on_step: Callable[[StepReport], None] | None = None,
) -> Demo:
    """Run the demo in a folder; an unfinished training is taken up where it stopped.

    Args:
        folder: gets ``pictures``, ``run`` and ``report.html``.
        seed: of the drawing and the training.
        overrides: changes of the recipe ``strong_baseline/demo``.
        say: told what happens next.
        on_step: called after every training step.

    Raises:
        StorageError: the folder cannot be written.
        TrainingError: the folder holds a demo with another seed.
    """
    target, say = Path(folder), say or _quiet
    seconds: dict[str, float] = {}
    make_folder(target)
    say("1/3 drawing 120 vehicles before 3 cameras (a stand-in for real pictures)")
    with _timed(seconds, "drawing"):
        table = read_table(draw_vehicles(target / "pictures", vehicles=120, seed=seed))
    say("2/3 training strong_baseline/demo on half of them, about a minute on two cores")
    recipe = load_recipe("strong_baseline/demo", {"train.seed": seed, **(overrides or {})})
    with _timed(seconds, "training"):
        run = train(recipe, table, target / "run", resume=True, on_step=on_step)
    say("3/3 scoring both on the other half")
    with _timed(seconds, "scoring"):
        label = str(target / "pictures")
        floor = evaluate("color_stripes", table, data_label=label)
        trained = evaluate(run.best, table, data_label=label, heat_maps=True)
    return Demo(
        report=trained.save(target / "report.html"),
        model=run.best,
        pictures=target / "pictures",
        query=table.path(int((table.split == "query").argmax())),
        floor=floor.figures(),
        trained=trained.figures(),
        seconds=seconds,
    )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - started, 1)


def _quiet(message: str) -> None:
    del message
