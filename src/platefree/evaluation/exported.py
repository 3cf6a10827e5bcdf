"""Score an exported model beside the checkpoint that it was made from."""

from pathlib import Path

from platefree.evaluation.evaluate import Scoring, evaluate
from platefree.evaluation.examples import Examples
from platefree.inference.embedder import Embedder
from platefree.inference.model_card import Measured
from platefree.inference.onnx_model import OnnxModel
from platefree.recipes.post import NONE
from platefree.work import DEFAULT_WORK, Work


def score_both(
    checkpoint: Embedder, exported: OnnxModel, data: str | Path, *, work: Work = DEFAULT_WORK
) -> list[Measured]:
    """The figures of both, in the same searches and without post-processing, test by test.

    Args:
        checkpoint: in torch.
        exported: made from it.
        data: a labelled table or a public data set, scored by its own protocol.
        work: device, workers and progress.

    Raises:
        DataError: the data cannot be read.
        ProtocolError: they cannot support a protocol.
        ImageError: a picture cannot be read.
    """
    scoring, examples = Scoring(post=NONE, floor=False), Examples(each=0)
    in_torch, ours = (
        evaluate(model, data, scoring=scoring, examples=examples, work=work)
        for model in (checkpoint, exported)
    )
    return [
        Measured(
            data=f"{Path(data).name} ({ours.data['fingerprint']}), {ours.data['split']}",
            protocol=ours.protocol,
            test=one.name,
            seed=ours.settings.get("seed", ""),
            rerank=ours.settings.get("re-ranking", NONE),
            in_training=ours.overlap.describe()
            if ours.overlap
            else "whether it learnt from these is unknown",
            figures=one.figures(),
            torch=other.figures(),
        )
        for one, other in zip(ours.tests, in_torch.tests, strict=True)
    ]
