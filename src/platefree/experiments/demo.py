"""The demo: render a small city, train for about a minute, score, and write a report.

With a minute of training on rendered vehicles, the figures say nothing about real ones.
"""

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platefree.city.generate import generate_city
from platefree.data.table import read_table
from platefree.evaluation.evaluate import evaluate
from platefree.evaluation.examples import Examples
from platefree.evaluation.results import Report
from platefree.experiments.continued import continued_by_repeating
from platefree.methods.catalogue import load_recipe
from platefree.reports.saving import save_report
from platefree.storage.disk import make_folder
from platefree.training.loop import train

CITY: Mapping[str, Any] = {"vehicles": 100, "cameras": 5, "images": 1200, "near_duplicates": 0.3}
"""The city to render; half of its vehicles are for training."""

Watch = Callable[[], AbstractContextManager[Callable[..., None]]]
"""Opens a progress display."""


@dataclass(frozen=True)
class Demo:
    """The files and figures of the demo.

    Attributes:
        report: the HTML report of the trained model.
        model: the checkpoint.
        pictures: folder of the city.
        query: a picture to search with.
        floor: figures of ``color_stripes`` on the held-out vehicles.
        trained: figures of the trained model on the same vehicles.
        seconds: duration of each part.
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
        """A search to try with the model, as a shell takes it."""
        words = ("search", self.query, "--gallery", self.pictures, "--model", self.model)
        return shlex.join(["platefree", *map(str, words)])

    def to_json(self) -> dict[str, Any]:
        """For ``json.dumps``."""
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
    watch_rendering: Watch | None = None,
    watch_training: Watch | None = None,
) -> Demo:
    """Run the demo in a folder; an interrupted demo is continued.

    Args:
        folder: gets ``city``, ``run`` and ``report.html``.
        seed: of the city and the training.
        overrides: changes of the recipe ``strong_baseline/demo``.
        say: called with the name of each part before it starts.
        watch_rendering: its display is called with (stage, pictures done, pictures in all).
        watch_training: its display is called with a `StepReport` after every step.

    Raises:
        DataError: the folder holds a demo with another seed.
        StorageError: the folder cannot be written.
        Interrupted: Ctrl-C; the same call continues.
    """
    target, say = Path(folder), say or _quiet
    make_folder(target)
    with continued_by_repeating(target):
        return _demo(
            target,
            seed,
            overrides or {},
            say,
            watch_rendering or _unwatched,
            watch_training or _unwatched,
        )


def _demo(
    target: Path,
    seed: int,
    overrides: Mapping[str, Any],
    say: Callable[[str], None],
    watch_rendering: Watch,
    watch_training: Watch,
) -> Demo:
    pictures = target / "city"
    seconds: dict[str, float] = {}
    say("1/3 rendering a city of {vehicles} vehicles and {cameras} cameras".format(**CITY))
    with _timed(seconds, "rendering"), watch_rendering() as on_picture:
        generate_city(
            pictures,
            seed=seed,
            on_progress=lambda count, total: on_picture("rendering", count, total),
            **CITY,
        )
    table = read_table(pictures)
    say("2/3 training strong_baseline/demo on half of the vehicles, about a minute on two cores")
    recipe = load_recipe("strong_baseline/demo", {"train.seed": seed, **overrides})
    with _timed(seconds, "training"), watch_training() as on_step:
        run = train(recipe, table, target / "run", resume=True, on_step=on_step)
    say("3/3 scoring it and color_stripes on the other half")
    with _timed(seconds, "scoring"):
        trained = evaluate(run.best, table, examples=Examples(heat_maps=True))
    return Demo(
        report=save_report(trained, target / "report.html"),
        model=run.best,
        pictures=pictures,
        query=table.path(int((table.split == "query").argmax())),
        floor=_floor_of(trained),
        trained=trained.figures(),
        seconds=seconds,
    )


def _floor_of(report: Report) -> Mapping[str, float]:
    assert report.floor is not None  # noqa: S101 - a trained model that ranks vehicles has one
    (figures,) = report.floor.figures
    return figures


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - started, 1)


def _unwatched() -> AbstractContextManager[Callable[..., None]]:
    return nullcontext(lambda *progress: None)


def _quiet(message: str) -> None:
    del message
