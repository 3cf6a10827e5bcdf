"""Stored sightings as the query of a search, by the embeddings that are stored already."""

from platefree.data.vehicle_boxes import BoxFractions
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.inference.embedder import Unreadable
from platefree.types import Embeddings, Sightings
from platefree.work import DEFAULT_WORK, Work


class StoredQuery(StoredEmbeddings):
    """An `Embedder` of these stored sightings alone, whatever became of their files."""

    def embed(
        self,
        sightings: Sightings,
        *,
        boxes: BoxFractions | None = None,
        unreadable: Unreadable = "refuse",
        work: Work = DEFAULT_WORK,
    ) -> tuple[Embeddings, list[str]]:
        """The stored embeddings."""
        return self.embeddings, []
