"""Galleries on the server that `milvus_server` starts, for the tests that it runs."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from milvus_server import ADDRESS

from platefree.gallery import milvus_changes
from platefree.gallery.milvus import MilvusStore
from platefree.ranking.comparison import ONLY_SPACE, Comparison

needs_milvus = pytest.mark.skipif(
    ADDRESS not in os.environ,
    reason="no Milvus server; 'python tests/gallery/milvus_server.py COMMAND' starts one",
)


def new_address() -> str:
    """The address of a gallery that is not there yet."""
    return f"{os.environ[ADDRESS]}/lot_{uuid.uuid4().hex}"


def new_milvus(comparison: Comparison = ONLY_SPACE) -> MilvusStore:
    """A gallery that is not there yet."""
    return MilvusStore(new_address(), comparison)


@contextmanager
def hasty_milvus() -> Iterator[None]:
    """Within the block nobody waits long for readers; afterwards no gallery is left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(milvus_changes, "GRACE", 0.3)
        yield
    drop_all()


def drop_all() -> None:
    """Remove what tests have made, so that the server stays small."""
    if ADDRESS in os.environ:
        server = new_milvus().log.server
        for name in server.collections():
            server.drop(name)
