"""Score the trials of a test: with the post-processing asked for, and before each of its steps."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from platefree.evaluation.embedded import Embedded
from platefree.evaluation.examples import SHOWN_HITS, Searched
from platefree.evaluation.first_hits import Heads
from platefree.evaluation.label_trials import ToldTrial, confusion, told
from platefree.evaluation.metrics import RankMetrics, merge_rank_metrics
from platefree.evaluation.model_pairs import PairTrial, score_pairs
from platefree.evaluation.pair_labels import PairLabels
from platefree.evaluation.post_chain import Chain
from platefree.evaluation.protocols import Trial
from platefree.evaluation.removed import sink_removed
from platefree.evaluation.results import (
    AnyResult,
    Outcome,
    PairResult,
    Prefix,
    ToldResult,
    TrialResult,
    mean_figures,
)
from platefree.evaluation.score import (
    OnBlock,
    distance_blocks,
    score_blocks,
    trial_labels,
)
from platefree.evaluation.set_protocols import AnyTrial
from platefree.evaluation.verification import SimilarityCounts
from platefree.evaluation.view_pairs import TrialViews, ViewPairCounts
from platefree.ranking.exact import Distances
from platefree.recipes.post import Post
from platefree.types import Embeddings, Floats


@dataclass(frozen=True, eq=False)
class Scorer:
    """What all tests of an evaluation are scored with.

    Attributes:
        embedded: the pictures that are needed.
        distances: how the method compares, before post-processing.
        chain: the post-processing.
        told: the classes of a model that tells labels, sorted.
        ablate: whether to score every prefix of the chain as well.
    """

    embedded: Embedded
    distances: Distances
    chain: Chain
    told: tuple[str, ...] = ()
    ablate: bool = False
    _searched: list[Searched] = field(default_factory=list)

    @property
    def embeddings(self) -> Embeddings:
        """Those before post-processing."""
        return self.embedded.plain

    @property
    def searched(self) -> Sequence[Searched]:
        """The searches for pictures so far, from which examples are picked."""
        return self._searched

    def score(self, name: str, trials: Sequence[AnyTrial], claims: Mapping[str, float]) -> Outcome:
        """The outcome of a test.

        Similarities are counted before post-processing, whose distances hold among the pictures
        of one search only: a threshold is for a pair of pictures.
        """
        counts, views = SimilarityCounts(), ViewPairCounts()
        searches = [each for each in trials if isinstance(each, Trial)]
        labels = [each for each in trials if isinstance(each, ToldTrial)]
        results: list[AnyResult] = [self._tell(each) for each in labels]
        for pair in [each for each in trials if isinstance(each, PairTrial)]:
            found = score_pairs(self.embeddings, pair, self.distances)
            counts.add_pairs(found.similarity, found.same)
            results.append(PairResult(pair.test, len(found.same), found.threshold, found.accuracy))
        ranked, seconds = self._search(searches, counts, views)
        prefixes = []
        if self.ablate and ranked:
            prefixes = [
                self._prefix(each, searches) for each in self.chain.settings.prefixes()[:-1]
            ]
            prefixes.append(Prefix(self.chain.settings.name, seconds, mean_figures(ranked)))
        return Outcome(
            name,
            (*results, *ranked),
            None if labels else counts.verification(),
            claims,
            tuple(prefixes),
            views.pairs(),
        )

    def _tell(self, trial: ToldTrial) -> ToldResult:
        pictures = self.embeddings.take(trial.rows)
        said = told(pictures, trial.target, self.told)
        truth = getattr(pictures.sightings, trial.target)
        matrix = confusion(truth, said, self.told)
        return ToldResult(f"{trial.target} of each picture", self.told, matrix)

    def _search(
        self, trials: Sequence[Trial], counts: SimilarityCounts, views: ViewPairCounts
    ) -> tuple[list[TrialResult], float]:
        """The results, and the seconds that the steps, distances and scores took."""
        settings = self.chain.settings
        scored, seconds = [], self.embedded.seconds(settings.steps)
        for trial in trials:
            labels = trial_labels(self.embeddings.sightings, trial)
            seen = TrialViews.of(self.embeddings.sightings, trial)
            watchers = [_counting(counts, views, seen)]
            if settings.steps:
                for rows, block in distance_blocks(self.embeddings, trial, self.distances):
                    watchers[0](block, labels, rows)
                watchers = []
            if trial.tracks is None:
                heads = Heads(len(trial.query), SHOWN_HITS)
                watchers.append(heads.add)
            started = time.perf_counter()
            metrics = score_blocks(self._blocks(settings, trial, labels), labels, watchers)
            seconds += time.perf_counter() - started
            scored.append((trial, metrics))
            if trial.tracks is None:
                self._searched.append(Searched(trial, metrics, heads))
        return _pool(scored), seconds

    def _blocks(
        self, settings: Post, trial: Trial, labels: PairLabels
    ) -> Iterator[tuple[slice, Floats]]:
        embeddings, distances = self.embedded.under(settings.steps)
        chain = self.chain.with_settings(settings, distances)
        blocks = chain.blocks(embeddings, trial)
        return sink_removed(blocks, labels) if chain.removes else blocks

    def _prefix(self, settings: Post, trials: Sequence[Trial]) -> Prefix:
        scored, started = [], time.perf_counter()
        for trial in trials:
            labels = trial_labels(self.embeddings.sightings, trial)
            scored.append((trial, score_blocks(self._blocks(settings, trial, labels), labels)))
        seconds = time.perf_counter() - started + self.embedded.seconds(settings.steps)
        return Prefix(settings.name, seconds, mean_figures(_pool(scored)))


def _counting(counts: SimilarityCounts, views: ViewPairCounts, seen: TrialViews | None) -> OnBlock:
    def count(block: Floats, labels: PairLabels, rows: slice) -> None:
        counts.add(1.0 - block, labels, rows)
        if seen is not None:
            views.add(block, labels, rows, seen)

    return count


def _pool(scored: Sequence[tuple[Trial, RankMetrics]]) -> list[TrialResult]:
    """Searches of one name as one trial; of galleries that differ, the largest is told."""
    return [
        _joined([trial for trial, _ in same], [metrics for _, metrics in same])
        for same in (list(each) for _, each in groupby(scored, key=lambda each: each[0].name))
    ]


def _joined(trials: Sequence[Trial], metrics: Sequence[RankMetrics]) -> TrialResult:
    return TrialResult(
        trials[0].name,
        sum(len(trial.query) for trial in trials),
        max(len(trial.searched) for trial in trials),
        merge_rank_metrics(metrics),
        of_tracks=trials[0].tracks is not None,
    )
