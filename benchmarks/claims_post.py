"""What each step of VehicleNet's post-processing gains (table VI), with every seed of a row.

    python benchmarks/claims_post.py CLAIMS [--row stages-i-and-ii] [--device cpu]

CLAIMS is the folder of `benchmarks/claims.py`, with `vehiclenet` in it. The camera classifier is
trained there first. Each model is joined with that of the next seed. The radius within which
queries are expanded is found on the vehicles that the model of the first seed held out: the one
that finds most pairs of one vehicle, where nine of ten pairs within a cluster are of one. The same
models are compared before and after a step, so the gains of the seeds are paired.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.learnt import picture_hashes
from platefree.evaluation.evaluate import Scoring, open_data, plan_for, score_plan
from platefree.evaluation.examples import Examples
from platefree.evaluation.intervals import welch_interval
from platefree.evaluation.query_scores import QueryScores
from platefree.evaluation.trial_results import TrialResult
from platefree.experiments.claims import HEAD_OF_CLAIMS, Claim, Settled, judged
from platefree.inference.model import Model
from platefree.inference.networks import load_network
from platefree.methods.catalogue import load_recipe
from platefree.ranking.guessed_cameras import camera_radius
from platefree.recipes.post import Camera, Expand, More, Post, Time
from platefree.training.loop import train
from platefree.work import Work

FIGURE = "mAP"


class Step(NamedTuple):
    """A step and those before it.

    Attributes:
        name: of the row.
        before: the row that it is compared with.
        steps: all, in order.
        paper: its gain in mAP there, as a fraction.
        cameras: whether cameras are ``guessed`` or ``known``.
    """

    name: str
    before: str
    steps: str
    paper: float | None = None
    cameras: str = "guessed"


STEPS = (
    Step("none", "", "none"),
    Step("+ crop", "none", "crop", 0.0033),
    Step("+ ensemble", "+ crop", "crop,ensemble", 0.0361),
    Step("+ expand", "+ ensemble", "crop,ensemble,expand", 0.0268),
    Step("+ camera, known", "+ expand", "crop,ensemble,expand,camera", None, "known"),
    Step("+ camera", "+ expand", "crop,ensemble,expand,camera", 0.0200),
    Step("+ time", "+ camera", "crop,ensemble,expand,camera,time"),
    Step("+ rerank", "+ time", "crop,ensemble,expand,camera,time,rerank", 0.0855),
)


class Scored(NamedTuple):
    """A row with one seed."""

    figures: Mapping[str, float]
    queries: QueryScores


def held_out_radius(model: Model, data: DataSet, work: Work) -> float:
    """The radius of clusters of one vehicle, among the training rows that it did not learn from."""
    rows = data.table.take(data.table.split == "train")
    pictures, _ = picture_hashes(rows)
    held_out = rows.take(~np.isin(pictures, model.learnt.pictures))
    embeddings, _ = model.embed(held_out, work=work)
    radius, found = camera_radius(embeddings, held_out.vehicle, smallest=2)
    print(
        f"radius {radius}: on {len(held_out)} held-out pictures, {found.precision:.0%} of the "
        f"pairs within a cluster are of one vehicle, and {found.recall:.0%} of the pairs of one "
        "vehicle are within a cluster",
        flush=True,
    )
    return radius


def score(model: Model, data: DataSet, post: Post, work: Work) -> Scored:
    """The figures of the data's own protocol after some steps."""
    plan = plan_for(model, data)
    scoring = Scoring(post=post, floor=False)
    report = score_plan(
        model, plan, data_label="veri", scoring=scoring, examples=Examples(each=0), work=work
    )
    (test,) = report.tests
    print(f"{model.name} {post.name}: {test.figures()}", flush=True)
    searches = [each for each in test.trials if isinstance(each, TrialResult)]
    return Scored(test.figures(), QueryScores.of_trials(searches, plan.rows, data.table))


def settle_step(step: Step, scored: Mapping[str, Sequence[Scored]]) -> Settled:
    """Whether a step gains anything."""
    claim = Claim(row=step.name, better_than=step.before, figure=FIGURE, paper=step.paper)
    pairs = list(zip(scored[step.name], scored[step.before], strict=True))
    gains = [after.figures[FIGURE] - before.figures[FIGURE] for after, before in pairs]
    by_query = [
        after.queries.values(FIGURE) - before.queries.values(FIGURE) for after, before in pairs
    ]
    # Welch's interval against zeros is Student's of the paired gains.
    by_seeds = welch_interval(gains, [0.0] * len(gains))
    return judged(claim, step.paper, gains, by_query, pairs[0][0].queries, by_seeds)


def to_markdown(scored: Mapping[str, Sequence[Scored]]) -> str:
    """The rows and the gains."""
    lines = [["after", "rank-1", "mAP"], ["---", "--:", "--:"]]
    for name, each in scored.items():
        values = {f: [100 * one.figures[f] for one in each] for f in ("rank-1", FIGURE)}
        spread = [f"{np.mean(v):.1f} ± {np.std(v, ddof=1):.1f}" for v in values.values()]
        lines.append([name, *spread])
    lines += [[], [*HEAD_OF_CLAIMS], ["---"] * len(HEAD_OF_CLAIMS)]
    lines += [settle_step(step, scored).cells() for step in STEPS if step.before]
    return "\n".join(f"| {' | '.join(line)} |" if line else "" for line in lines) + "\n"


def main() -> None:
    """Camera classifier, radius, scores, table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("claims", type=Path)
    parser.add_argument("--row", default="stages-i-and-ii")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    work = Work(device=given.device)
    data = open_data(given.claims / "cities" / "veri")
    recipe = load_recipe("camera/city")
    cameras = train(recipe, data, given.claims / "camera", resume=True, work=work)
    runs = given.claims / "vehiclenet" / given.row
    folders = [runs / f"seed-{number}" / "best" for number in range(given.seeds)]
    models = [load_network(folder, device=given.device) for folder in folders]
    radius = held_out_radius(models[0], data, work)
    guessed = Camera(model=str(cameras.best), by="training")
    scored: dict[str, list[Scored]] = {step.name: [] for step in STEPS}
    for number, model in enumerate(models):
        following = folders[(number + 1) % len(folders)]
        for step in STEPS:
            post = Post(
                ensemble=More(models=[str(following)]),
                expand=Expand(radius=radius),
                camera=guessed if step.cameras == "guessed" else Camera(),
                time=Time(by="training"),
            ).with_steps(step.steps)
            scored[step.name].append(score(model, data, post, work))
    table = to_markdown(scored)
    (given.claims / "post.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
