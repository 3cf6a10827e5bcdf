"""The one training loop, for every method: stages, checkpoints, exact resume, log.

Batches, augmentation and dropout depend only on (seed, step), so no generator state is saved and a
resumed run repeats the uninterrupted one, bit for bit on a CPU. A step is `Trainer._take_step`
here, the method's ``step`` and ``losses``, and `BatchMaker` and `FabricDescent` in step.py.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from platefree.batches.loader import (
    PictureBatch,
    StepBatches,
    TrainingPictures,
    training_loader,
    worker_count,
)
from platefree.batches.training_data import (
    WITHOUT_LABEL,
    TrainingData,
    is_for_training,
    training_data,
    training_table,
)
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.checkpoint import CARD, Checkpoint, read_checkpoint, remove_older
from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.data.readable import Readable, check_left_out, leave_out_unreadable
from platefree.errors import (
    CheckpointError,
    Interrupted,
    NonFiniteLoss,
    TrainingError,
)
from platefree.inference.embedder import Unreadable
from platefree.inference.model import Model
from platefree.machine import started_as, started_here, stop_signals_held
from platefree.methods.backbone import start_note
from platefree.methods.base import Batch, Method, own_rows
from platefree.methods.catalogue import build_method, needs_training, resolve
from platefree.nets.weights import checkpoint_tensors, load_into, save_checkpoint
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Train
from platefree.runs.run_log import LOG_EVERY, LOG_NAME, TrainingLog
from platefree.storage.locks import only_writer
from platefree.training.average import WeightAverage
from platefree.training.compiling import compile_backbones
from platefree.training.freezing import check_parts, frozen, training_mode
from platefree.training.held_out import check_held_out, held_out_score
from platefree.training.learning_record import learnt_in_run
from platefree.training.patience import Waiting
from platefree.training.processes import check_split, gather_with_gradient, launch
from platefree.training.rates import rate_factor
from platefree.training.run_folder import (
    Run,
    StopRequest,
    describe,
    graceful_stop,
    same_run,
)
from platefree.training.sample_sheet import save_samples
from platefree.training.seeding import seed_stage, seed_step
from platefree.training.stages import StagePlan, first_classes, plan_stages, target_of
from platefree.training.step import BatchMaker, FabricDescent
from platefree.training.step_report import Speed, StepReport
from platefree.training.teacher import teacher_of, with_teacher
from platefree.types import Sightings
from platefree.work import DEFAULT_WORK, Work

log = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    data: str | Path | Sightings | DataSet,
    out: str | Path,
    *,
    resume: bool = False,
    unreadable: Unreadable = "refuse",
    work: Work = DEFAULT_WORK,
    on_step: Callable[[StepReport], None] | None = None,
) -> Run:
    """Train a recipe on a table of pictures.

    Args:
        recipe: from `platefree.load_recipe`.
        data: a table or a public data set, or the path of one.
        out: folder of the run; gets ``best``, ``last`` and ``log.jsonl``.
        resume: continue from ``last`` if it exists, else begin (the command line refuses to begin).
        unreadable: ``skip`` decodes every training picture first and leaves out those that cannot
            be read; the card names them, and resuming leaves out the same.
        work: the device; the recipe sets how pictures are loaded. For several processes, start
            this under torchrun.
        on_step: called after every step on the first process.

    Raises:
        TrainingError: the table cannot fill the batches, or the folder holds another run.
        NonFiniteLoss: a loss or a held-out score became NaN or infinite; the last good checkpoint
            is kept.
        Interrupted: Ctrl-C or SIGTERM; a checkpoint was written to resume from.
        StorageError: the disk is full or read-only; the last good checkpoint is kept.
    """
    if not needs_training(recipe):
        raise TrainingError(
            f"{recipe.model.method} learns nothing; use it by its name, as in "
            f"'platefree eval {recipe.model.method} --data TABLE'"
        )
    if (note := start_note(recipe)) and started_as() == 0 and not resume:
        log.warning("note: %s", note)
    table = training_table(data, recipe.train.lists)
    label, folder = Path(data) if isinstance(data, str | Path) else table.root, Path(out)
    alone = only_writer(folder) if started_as() == 0 else nullcontext()
    with graceful_stop() as stop, alone:
        whole = with_teacher(resolve(recipe))
        pictures = Readable.unseen(table)
        if unreadable == "skip":
            pictures = leave_out_unreadable(table, is_for_training(table), work.progress)
        trainer = Trainer(whole, pictures, str(label), folder, work, stop, on_step)
        trainer.restore(resume=resume)
        return trainer.run()


def _say_what_is_left_out(data: TrainingData) -> None:
    for column, count in data.counts.get(WITHOUT_LABEL, {}).items():
        log.warning(
            "note: %s left out, without a known %s", many(count, "training picture"), column
        )


class Trainer:
    """One run: its data, its method and its progress."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: Readable,
        data_label: str,
        folder: Path,
        work: Work,
        stop: StopRequest,
        on_step: Callable[[StepReport], None] | None,
    ) -> None:
        self.recipe, self.folder, self.stop, self.on_step = recipe, folder, stop, on_step
        self.data_label = data_label
        table, self.left_out = pictures.table, pictures.to_json()
        self.whole = pictures.whole
        target = target_of(recipe, table)
        data = training_data(table, recipe.train, recipe.model.learns, target=target)
        data = replace(data, fingerprint=pictures.whole.fingerprint())
        if started_as() == 0:
            _say_what_is_left_out(data)
        torch.manual_seed(recipe.train.seed)
        self.method: Method = build_method(recipe, first_classes(recipe, data))
        for _, settings in recipe.staged():
            check_parts(self.method, settings)
            check_split(settings)
        self.fabric = launch(recipe.train, work.device, self.method)
        self.data: TrainingData = self.method.prepare(data)
        check_held_out(self.data, recipe.train.validation)
        self.ended: dict[str, int] = {}  # stage -> the step at which patience ended it
        self.plan = plan_stages(recipe, self.data)
        self.waiting = Waiting()
        self.taken_up = self.plan[0]  # whose classes the method's classifier has
        self.total = self.plan[-1].stop
        self.method.to(memory_format=torch.channels_last)  # the faster layout for convolutions
        if recipe.train.compile != "off":
            compile_backbones(self.method, recipe.train.compile)
        mines_globally = self.fabric.world_size > 1 and recipe.train.mining == "global"
        self.make_batch = BatchMaker(
            self.fabric,
            InputTransform(recipe.input),
            teacher_of(recipe, self.method, self.fabric.device),
            gather_with_gradient if mines_globally else own_rows,
        )
        self.log = TrainingLog(folder / LOG_NAME, writes=self.fabric.is_global_zero)
        self.step = 0
        self.best_map: float | None = None
        self.finished_before: list[int] = []  # steps at which it was finished, and lengthened since
        self._resumed_state: tuple[str, dict[str, Tensor], dict[str, Any]] | None = None
        self._saved_at = time.monotonic()
        self._speed = Speed()

    def restore(self, *, resume: bool) -> None:
        """Resume from the folder's ``last`` checkpoint, or refuse to overwrite a run."""
        last = self.folder / "last"
        if not (last / CARD).exists():
            self.log.cut(-1)  # of a run that ended before its first checkpoint
            return
        checkpoint = read_checkpoint(last)
        if not resume:
            raise TrainingError(
                f"{self.folder} already holds a run at step {checkpoint.card['step']}; "
                "continue it with resume=True (--resume), or choose another folder (--out)"
            )
        card = checkpoint.card
        self._end_early(card.get("ended", {}))
        lengthens = self.total > card.get("total_steps", 0) == card["step"]
        same_run(checkpoint, self.recipe, self.data.fingerprint, lengthens=lengthens)
        check_left_out(last, card["data"].get("left_out"), self.left_out)
        self._go_on_from(checkpoint)
        self.finished_before = [*card.get("finished_before", []), *[self.step] * lengthens]
        self.log.cut(self.step)
        if self.fabric.is_global_zero:
            for kind in ("best", "last"):  # a power cut may have brought back what was removed
                if (self.folder / kind / CARD).exists():
                    remove_older(read_checkpoint(self.folder / kind))

    def _end_early(self, ended: Mapping[str, int]) -> None:
        """Let stages end where patience ended them; those after them begin there."""
        self.ended |= ended
        self.plan = plan_stages(self.recipe, self.data, self.ended)
        self.total = self.plan[-1].stop

    def _go_on_from(self, checkpoint: Checkpoint) -> None:
        """Take up the step, the weights and the state of a checkpoint."""
        content = checkpoint.card.get("training") or {}
        stage = next((each for each in self.plan if each.name == content.get("stage")), None)
        if stage is None or "scaler" not in content:
            raise CheckpointError(
                f"{checkpoint.folder} cannot be resumed from: its card does not say how "
                "far a stage of the recipe was; use an unchanged copy, or begin in another folder "
                "(--out)"
            )
        self.step = int(checkpoint.card["step"])
        if (self.folder / "best" / CARD).exists():
            self.best_map = checkpoint.card.get("best_map")
        self._take_up(stage)
        self.waiting = Waiting.from_json(content.get("waiting"))
        load_into(self.method, checkpoint)
        tensors = checkpoint_tensors(checkpoint, "training")
        self._resumed_state = (stage.name, tensors, content)

    def run(self) -> Run:
        """Train to the end, or to ``max_steps``."""
        if self.step == 0 and self.data.counts:
            self.log.write({"step": 0, **self.data.counts})
        if self.fabric.is_global_zero:
            last = self.folder / "last"
            self.learnt = learnt_in_run(self.recipe, self.whole, self.data, last)
        limit = self.recipe.train.max_steps or self.total
        if self.step >= limit and not self._best_is_right():
            with frozen(self.method, self.taken_up.train.freeze):
                self._run_stage(self.taken_up, self.step)
        for number in range(len(self.plan)):
            stage = self.plan[number]  # of the plan as it is now: a stage before may have ended
            if self.step < min(stage.stop, limit):
                self._take_up(stage)
                with frozen(self.method, stage.train.freeze):
                    self._run_stage(stage, min(stage.stop, limit))
        self.fabric.barrier()  # all processes can now read the files of the first
        left_out = self.left_out["pictures"] if self.left_out else 0
        return Run(self.folder, self.step, self.total, self.best_map, left_out)

    def _best_is_right(self) -> bool:
        """Whether ``best`` is what this finished run has to show: it may be lost or older."""
        if not (self.folder / "best" / CARD).exists():
            return False
        card = read_checkpoint(self.folder / "best").card
        return self.best_map is not None or card.get("step") == self.step

    def _take_up(self, stage: StagePlan) -> None:
        """Start a new classifier if a stage has other classes than the stage before it."""
        if not stage.data.same_classes(self.taken_up.data):
            seed_stage(self.recipe.train.seed, stage.start)
            self.method.restart_classifier(stage.data.classes[stage.data.learns])
        if stage.name != self.taken_up.name:
            self.waiting = Waiting()
        self.taken_up = stage

    def _run_stage(self, stage: StagePlan, stop: int) -> None:
        descent = FabricDescent(self.fabric, self.method, stage.train)
        self.average = WeightAverage(self.method, stage.train.average)
        self._restore_stage(stage, descent)
        batches = StepBatches(
            stage.sampler,
            seed=self.recipe.train.seed,
            start=self.step - stage.start,
            stop=stop - stage.start,
            shard=(self.fabric.global_rank, self.fabric.world_size),
        )
        pictures = TrainingPictures(
            stage.data.sightings,
            TrainingTransform(self.recipe.input, self.recipe.augment),
            stage.data.boxes,
        )
        loader = training_loader(
            pictures,
            batches,
            workers=worker_count(
                stage.train.workers,
                len(batches) * stage.train.batch_size,
                started_here(),
            ),
            pin_memory=self.fabric.device.type == "cuda",
        )
        self._set_training_mode(stage)
        self._speed.start()
        if not len(batches):
            self._save("best", stage, descent)
        with stop_signals_held():
            reading = iter(loader)
        for pictures_read in reading:
            batch = self._take_step(stage, descent, pictures_read)
            self.average.update(self.step - stage.start)
            self._sample(stage, batch)
            self._after_step(stage, descent, is_end=self.step == stop)
            if stage.name in self.ended:
                break

    def _set_training_mode(self, stage: StagePlan) -> None:
        training_mode(self.method, stage.train.freeze, stage.train.freeze_statistics)

    def _restore_stage(self, stage: StagePlan, descent: FabricDescent) -> None:
        if self._resumed_state is not None and self._resumed_state[0] == stage.name:
            _, tensors, content = self._resumed_state
            descent.load_state(tensors, content)
            self.average.load_state(tensors)
        self._resumed_state = None

    def _take_step(self, stage: StagePlan, descent: FabricDescent, pictures: PictureBatch) -> Batch:
        seed_step(self.recipe.train.seed, self.step, self.fabric.global_rank)
        place = self.step - stage.start
        per_epoch = stage.sampler.batches_per_epoch
        descent.set_rates(rate_factor(place, per_epoch, stage.train, self.waiting.falls))
        batch = self.make_batch(pictures, stage.data.labels)
        try:
            self.method.step(batch, descent)
        except NonFiniteLoss as error:
            raise self._not_finite(self.step + 1, str(error)) from None
        self.step += 1
        return batch

    def _sample(self, stage: StagePlan, batch: Batch) -> None:
        """Save pictures of the method's outputs, every few epochs."""
        epoch, place = divmod(self.step - stage.start, stage.sampler.batches_per_epoch)
        every = stage.train.samples_epochs
        if not every or place or epoch % every or not self.fabric.is_global_zero:
            return
        self.method.eval()
        samples, health = self.method.samples(batch), self.method.health()
        self._set_training_mode(stage)
        if samples is not None:
            save_samples(samples, self.folder / "samples" / f"{self.step:08d}.png")
        if health:
            self.log.write({"step": self.step, "health": health})

    def _after_step(self, stage: StagePlan, descent: FabricDescent, *, is_end: bool) -> None:
        self._report(stage, descent)
        if self._is_validated(stage):
            self._validate(stage, descent)
        is_end |= self.waiting.over
        stopped = self.stop.agreed(self.fabric, self.step)
        if is_end and (not len(self.data.validation) or self.best_map is None):
            self._save("best", stage, descent)
        # Last, since from here on a resumed run takes the stage for finished.
        if is_end or stopped or self._checkpoint_is_due(stage.train):
            self._save("last", stage, descent)
        if stopped and not is_end:
            raise Interrupted(
                f"stopped at step {self.step} of {self.total}; the state is in "
                f"{self.folder / 'last'}: run it again with resume=True (--resume) to continue"
            )

    def _is_validated(self, stage: StagePlan) -> bool:
        """Whether the held-out vehicles are scored after this step."""
        epoch, place = divmod(self.step - stage.start, stage.sampler.batches_per_epoch)
        due = self.step == stage.stop or (not place and not epoch % stage.train.validate_epochs)
        return due and len(self.data.validation) > 0

    def _checkpoint_is_due(self, train: Train) -> bool:
        minutes = (time.monotonic() - self._saved_at) / 60
        by_time = train.checkpoint_minutes > 0 and minutes >= train.checkpoint_minutes
        by_step = train.checkpoint_steps > 0 and self.step % train.checkpoint_steps == 0
        return by_time or by_step

    def _validate(self, stage: StagePlan, descent: FabricDescent) -> None:
        # Every process scores, so that none waits; only the first writes.
        model = Model(self.method, self.recipe, name="", fingerprint="", device=self.fabric.device)
        try:
            with self.average.in_use():
                own = held_out_score(model, self.data, Work(workers=stage.train.workers))
        except CheckpointError as error:  # which is for weights that were read, not learnt
            what = "embeddings of held-out pictures are not finite, or have no direction"
            raise self._not_finite(self.step, what) from error
        if not math.isfinite(own):
            raise self._not_finite(self.step, f"the score on held-out pictures is {own}")
        score = self.fabric.broadcast(own)  # so that all end a stage at the same step
        self._set_training_mode(stage)
        self.log.write({"step": self.step, **self._place(stage), "validation_map": score})
        log.info("step %d: validation score %.4f", self.step, score)
        if self.best_map is None or score > self.best_map:
            self.best_map = score
            self._save("best", stage, descent)
        place, per_epoch = self.step - stage.start, stage.sampler.batches_per_epoch
        self.waiting = self.waiting.after(score, place, per_epoch, stage.train)
        if self.waiting.over:
            self._end_early({stage.name: self.step})

    def _save(self, kind: str, stage: StagePlan, descent: FabricDescent) -> None:
        if kind == "last":  # nothing goes on from "best"
            self._saved_at = time.monotonic()
        if not self.fabric.is_global_zero:
            return
        weights = self.average.tensors if kind == "best" else self.method.state_dict()
        broken = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
        if broken:
            what = f"{len(broken)} weights are not finite (first: {broken[0]})"
            raise self._not_finite(self.step, what)
        tensors, content = descent.state()
        card = describe(self.recipe, self.data, self.data_label)
        card["data"] |= {"left_out": self.left_out} if self.left_out else {}
        card |= {
            "classes": stage.data.classes,
            "step": self.step,
            "total_steps": self.total,
            "finished_before": self.finished_before,
            "ended": self.ended,
            "epoch": round(stage.epochs_done(self.step), 3),
            "best_map": self.best_map,
            "training": {"stage": stage.name, "waiting": self.waiting.to_json(), **content},
        }
        training = tensors | self.average.state() if kind == "last" else None
        self.log.sync()  # a resumed run keeps the lines up to its checkpoint
        save_checkpoint(self.folder / kind, card, weights, training, self.learnt)

    def _may_be_over(self, stage: StagePlan) -> bool:
        """Whether patience may end the stage after this step, whose score is not known yet."""
        patience = stage.train.patience * stage.sampler.batches_per_epoch
        waited = self.step - stage.start - self.waiting.since
        return self._is_validated(stage) and 0 < patience <= waited

    def _place(self, stage: StagePlan) -> dict[str, Any]:
        """Where in its stages the run is, for lines of the log."""
        return {"stage": stage.name, "epochs_done": round(stage.epochs_done(self.step), 6)}

    def _report(self, stage: StagePlan, descent: FabricDescent) -> None:
        report = StepReport(
            step=self.step,
            total=min(self.total, self.recipe.train.max_steps or self.total),
            epoch=(self.step - 1 - stage.start) // stage.sampler.batches_per_epoch + 1,
            epochs=-(-(stage.stop - stage.start) // stage.sampler.batches_per_epoch),
            stage=stage.name,
            rate=descent.rate(),
            losses=dict(descent.losses_now),
            observed=dict(descent.observed_now),
            images_per_second=self._speed.after(stage.train.batch_size),
        )
        end = self.step == stage.stop or self._may_be_over(stage)
        if self.step % LOG_EVERY == 0 or end:
            self.log.write({**asdict(report), **self._place(stage)})
        if self.on_step is not None and self.fabric.is_global_zero:
            self.on_step(report)

    def _not_finite(self, step: int, what: str) -> NonFiniteLoss:
        last = self.folder / "last"
        kept = f"the last good checkpoint is {last}" if (last / CARD).exists() else "none was saved"
        return NonFiniteLoss(
            f"training stopped at step {step}: {what}; {kept}; lower train.lr or set "
            "train.clip_norm=1.0 and start again"
        )
