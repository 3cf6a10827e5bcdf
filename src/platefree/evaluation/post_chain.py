"""Post-processing of the searches of an evaluation, some queries at a time.

Decided, where VehicleNet (section IV-C) does not say:

- The order of the steps is fixed (`platefree.recipes.post`). A gallery picture that a step removes
  for a query stays removed, and ranks after all remaining ones, matches last (`removed`). It is
  still a neighbour in re-ranking, so removing before or after re-ranking is the same.
- Pictures that the protocol ignores for a query are neighbours too: only scoring ignores them.
- The steps ``crop`` and ``ensemble`` change embeddings, before a chain starts (`embedded`).
- Each search is post-processed on its own, so the draws of a protocol are independent.
- A picture that is both query and gallery is one point in re-ranking, unless the query is expanded
  or the gallery averaged over tracks.
- A query's own picture in the gallery is not used to expand it, nor for its track: where a track
  is the mean of its pictures, one of which is the query, the whole track is removed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from platefree.evaluation.embedded import Looks
from platefree.evaluation.score import picture_blocks, to_tracks
from platefree.evaluation.trial import Trial
from platefree.ranking.comparison import Comparison
from platefree.ranking.exact import rank_exact
from platefree.ranking.penalties import SameLabel, SimilarLook
from platefree.ranking.reciprocal import k_reciprocal_blocks
from platefree.ranking.steps import (
    Step,
    apply_steps,
    camera_numbers,
    expanded,
    label_steps,
    track_numbers,
)
from platefree.ranking.track_means import with_track_means
from platefree.recipes.post import Post
from platefree.types import Embeddings, Floats, Indices, Ranking, Sightings, Text


@dataclass(frozen=True, eq=False)
class Chain:
    """Post-processing over the pictures of one evaluation.

    Attributes:
        settings: which steps, and their options.
        comparison: how the spaces combine.
        cameras: (n,) number of each picture's camera, known or guessed; -1 is unknown.
        alike: ``camera`` or ``view`` -> embeddings of the pictures by a classifier of it.
    """

    settings: Post
    comparison: Comparison
    cameras: Indices
    alike: Mapping[str, Looks] = field(default_factory=dict)

    @property
    def removes(self) -> bool:
        """Whether a step removes gallery pictures, by distance inf."""
        steps = self.settings.steps
        own_tracks = "tracks" in steps and self.settings.tracks.by == "mean"
        return own_tracks or not {"camera", "time"}.isdisjoint(steps)

    def with_settings(self, settings: Post, comparison: Comparison) -> Self:
        """The same with other steps and another comparison."""
        return replace(self, settings=settings, comparison=comparison)

    def blocks(self, embeddings: Embeddings, trial: Trial) -> Iterator[tuple[slice, Floats]]:
        """The distances of a trial after all steps; to tracks, if those are searched."""
        own = replace(trial, tracks=None).self_index()
        query, shown = embeddings.take(trial.query), self._shown(embeddings, trial)
        if "expand" in self.settings.steps:
            query = self._expanded(query, shown.take(trial.gallery), own)
        if "rerank" in self.settings.steps:
            blocks = self._reranked(query, shown.take(trial.gallery), own)
        else:
            blocks = picture_blocks(shown, trial, self.comparison, query)
        steps = self._penalties(embeddings.sightings, trial)
        steps += self._label_steps(embeddings.sightings, trial, own)
        for rows, block in blocks:
            changed = apply_steps(Ranking.of_gallery(block), steps, rows).distances
            yield rows, to_tracks(changed, trial)

    def _penalties(self, table: Sightings, trial: Trial) -> list[Step]:
        steps: list[Step] = []
        options = self.settings.penalty
        for column in ("camera", "view") if "penalty" in self.settings.steps else ():
            weight = options.weight(column)
            if weight and column in self.alike:
                looks = self.alike[column]
                sides = looks.whole.take(trial.query), looks.whole.take(trial.gallery)
                steps.append(SimilarLook(*sides, looks.comparison, weight))
            elif weight:
                numbers = camera_numbers(getattr(table, column))
                steps.append(SameLabel(numbers[trial.query], numbers[trial.gallery], weight))
        return steps

    def _label_steps(self, table: Sightings, trial: Trial, own: Indices) -> list[Step]:
        if {"camera", "time", "tracks"}.isdisjoint(self.settings.steps):
            return []
        query, gallery = table.take(trial.query), table.take(trial.gallery)
        cameras = self.cameras[trial.query], self.cameras[trial.gallery]
        return label_steps(self.settings, query, gallery, own, cameras)

    def _shown(self, embeddings: Embeddings, trial: Trial) -> Embeddings:
        """The embeddings of the table, those of the gallery averaged over tracks if asked for."""
        if "tracks" not in self.settings.steps or self.settings.tracks.by == "best":
            return embeddings
        gallery = embeddings.take(trial.gallery)
        means = with_track_means(gallery, track_numbers(gallery.sightings))
        spaces = {name: rows.copy() for name, rows in embeddings.spaces.items()}
        for name, rows in spaces.items():
            rows[trial.gallery] = means.spaces[name]
        return replace(embeddings, spaces=spaces)

    def _expanded(self, query: Embeddings, gallery: Embeddings, own: Indices) -> Embeddings:
        nearest = Ranking(np.full((len(query), 0), -1), np.empty((len(query), 0), np.float32))
        if self.settings.expand.by == "neighbours":
            count = self.settings.expand.neighbours + 1
            found = rank_exact(query, gallery, count, self.comparison)
            others = np.where(found.indices == own[:, None], -1, found.indices)
            nearest = Ranking(others, found.distances).in_order()
        return expanded(self.settings, query, gallery, nearest, self.comparison)

    def _reranked(
        self, query: Embeddings, gallery: Embeddings, own: Indices
    ) -> Iterator[tuple[slice, Floats]]:
        same = own >= 0  # until a step has moved the query, or its own picture
        for name, rows in query.spaces.items():
            same[same] = (rows[same] == gallery.spaces[name][own[same]]).all(axis=1)
        own = np.where(same, own, -1)
        return k_reciprocal_blocks(
            query,
            gallery,
            **self.settings.rerank.model_dump(),
            comparison=self.comparison,
            self_index=own,
        )


def make_chain(
    settings: Post,
    table: Sightings,
    comparison: Comparison,
    guessed: Text | None = None,
    alike: Mapping[str, Looks] | None = None,
) -> Chain:
    """A chain over the pictures of an evaluation.

    Args:
        settings: which steps, and their options.
        table: the n pictures.
        comparison: how the spaces combine.
        guessed: (n,) cameras by a classifier; None if the step ``camera`` uses the known ones, or
            is not done.
        alike: embeddings by the classifiers of the step ``penalty``, as of `Embedded`.
    """
    cameras = table.camera if guessed is None else guessed
    return Chain(settings, comparison, camera_numbers(cameras), alike or {})
