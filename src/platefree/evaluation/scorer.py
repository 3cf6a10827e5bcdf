"""Score the trials of a test with post-processing, and if asked after each of its steps."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from platefree.evaluation.embedded import Embedded, embed_for
from platefree.evaluation.examples import SHOWN_HITS, Searched
from platefree.evaluation.first_hits import FirstHits
from platefree.evaluation.metrics import RankMetrics
from platefree.evaluation.pair_labels import PairLabels
from platefree.evaluation.post_chain import Chain, make_chain
from platefree.evaluation.removed import sink_removed
from platefree.evaluation.results import Outcome, Prefix
from platefree.evaluation.score import OnBlock, distance_blocks, score_blocks, trial_labels
from platefree.evaluation.trial import AnyTrial, Trial
from platefree.evaluation.trial_results import TrialResult, mean_figures, pooled
from platefree.evaluation.verification import SimilarityCounts
from platefree.evaluation.view_pairs import TrialViews, ViewPairCounts
from platefree.inference.embedder import Embedder
from platefree.ranking.comparison import Comparison
from platefree.recipes.post import Post
from platefree.types import Embeddings, Floats, Sightings
from platefree.work import Work

Claims = Callable[[Sequence[str]], Mapping[str, float]]
"""The paper's figures of a test, by name, after the steps of a post-processing."""


class TestScorer:
    """The `Scorer` of all tests of an evaluation.

    Args:
        model: the evaluated model.
        table: the pictures that the trials refer to; embedded when first needed.
        post: the post-processing.
        work: device, workers and progress.

    Attributes:
        searched: the searches so far, from which examples are picked.
    """

    def __init__(self, model: Embedder, table: Sightings, post: Post, work: Work) -> None:
        self.model, self.table, self.post, self.work = model, table, post, work
        self.searched: list[Searched] = []
        self._counts, self._views = SimilarityCounts(), ViewPairCounts()
        self._compared, self._seconds = False, 0.0

    @cached_property
    def embedded(self) -> Embedded:
        """The embeddings that the steps need."""
        return embed_for(self.model, self.post, self.table, self.work)

    def found(self) -> dict[str, str]:
        """Facts for the settings of a report; empty if nothing was embedded."""
        return dict(self.embedded.found) if "embedded" in self.__dict__ else {}

    @cached_property
    def _chain(self) -> Chain:
        made = self.embedded
        return make_chain(self.post, self.table, self.comparison, made.cameras, made.alike)

    @property
    def embeddings(self) -> Embeddings:
        """Of the table, before post-processing."""
        return self.embedded.plain

    @property
    def comparison(self) -> Comparison:
        """How they are compared."""
        return self.model.comparison

    def outcome(
        self, name: str, trials: Sequence[AnyTrial], claims: Claims, *, ablate: bool
    ) -> Outcome:
        """The outcome of a test.

        Similarities are counted before post-processing: its distances are comparable within one
        search only, and a threshold is for any pair of pictures.

        Args:
            name: of the test.
            trials: its trials.
            claims: the paper's figures after some steps.
            ablate: whether to score every prefix of the post-processing as well.
        """
        self._counts, self._views = SimilarityCounts(), ViewPairCounts()
        self._compared, self._seconds = False, 0.0
        results = pooled([trial.score(self) for trial in trials])
        prefixes: list[Prefix] = []
        searches = [trial for trial in trials if isinstance(trial, Trial)]
        if ablate and searches:
            seconds = self._seconds + self.embedded.seconds(self.post.steps)
            earlier = self.post.prefixes()[:-1]
            prefixes = [self._prefix(each, searches, claims(each.steps)) for each in earlier]
            true = self._by_true_cameras(self.post, searches)
            paper = claims(self.post.steps)
            prefixes.append(Prefix(self.post.name, seconds, mean_figures(results), true, paper))
        return Outcome(
            name,
            tuple(results),
            self._counts.verification() if self._compared else None,
            claims(self.post.steps),
            tuple(prefixes),
            self._views.pairs(),
        )

    def count_pairs(self, similarity: NDArray[np.float64], same: NDArray[np.bool_]) -> None:
        """Add pairs to the similarities that thresholds are computed from."""
        self._compared = True
        self._counts.add_pairs(similarity, same)

    def search(self, trial: Trial) -> TrialResult:
        """Rank and score a search; count its pairs and keep its first hits."""
        self._compared = True
        labels = trial_labels(self.table, trial)
        seen = None
        if trial.tracks is None and trial.target == "vehicle":
            seen = TrialViews.of(self.table, trial.query, trial.gallery)
        watchers = [_counting(self._counts, self._views, seen)]
        if self.post.steps:
            for rows, block in distance_blocks(self.embeddings, trial, self.comparison):
                watchers[0](block, labels, rows)
            watchers = []
        first_hits = FirstHits(len(trial.query), SHOWN_HITS)
        if trial.tracks is None:
            watchers.append(first_hits.add)
        self.embedded  # noqa: B018 - so that it is not timed
        started = time.perf_counter()
        blocks = self._blocks(self.post, trial, labels, self._chain)
        metrics = score_blocks(blocks, labels, watchers)
        self._seconds += time.perf_counter() - started
        if trial.tracks is None:
            self.searched.append(Searched(trial, metrics, first_hits))
        return _result(trial, metrics)

    def _blocks(
        self, post: Post, trial: Trial, labels: PairLabels, chain: Chain
    ) -> Iterator[tuple[slice, Floats]]:
        embeddings, comparison = self.embedded.under(post.steps)
        chain = chain.with_settings(post, comparison)
        blocks = chain.blocks(embeddings, trial)
        return sink_removed(blocks, labels) if chain.removes else blocks

    def _prefix(self, post: Post, trials: Sequence[Trial], paper: Mapping[str, float]) -> Prefix:
        started = time.perf_counter()
        figures = self._figures(post, trials, self._chain)
        seconds = time.perf_counter() - started + self.embedded.seconds(post.steps)
        return Prefix(post.name, seconds, figures, self._by_true_cameras(post, trials), paper)

    def _by_true_cameras(self, post: Post, trials: Sequence[Trial]) -> dict[str, float]:
        """The figures after steps that end with guessed cameras, by the true ones instead.

        VehicleNet's table VI has the guesses of its classifier only, whose errors remove matches.
        """
        guesses = post.steps[-1:] == ["camera"] and self.embedded.cameras is not None
        if not guesses or not self.table.knows("camera"):
            return {}
        true = make_chain(self.post, self.table, self.comparison, alike=self.embedded.alike)
        return self._figures(post, trials, true)

    def _figures(self, post: Post, trials: Sequence[Trial], chain: Chain) -> dict[str, float]:
        results = []
        for trial in trials:
            labels = trial_labels(self.table, trial)
            metrics = score_blocks(self._blocks(post, trial, labels, chain), labels)
            results.append(_result(trial, metrics))
        return mean_figures(pooled(results))


def _counting(counts: SimilarityCounts, views: ViewPairCounts, seen: TrialViews | None) -> OnBlock:
    def count(block: Floats, labels: PairLabels, rows: slice) -> None:
        counts.add(1.0 - block, labels, rows)
        if seen is not None:
            views.add(block, labels, rows, seen)

    return count


def _result(trial: Trial, metrics: RankMetrics) -> TrialResult:
    return TrialResult(
        trial.name,
        len(trial.query),
        len(trial.searched),
        metrics,
        of_tracks=trial.tracks is not None,
        query=trial.query,
    )
