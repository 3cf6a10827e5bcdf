"""The server under `MilvusStore`: its address, its client, and its errors in our words.

The client is imported when it is first used (``pip install 'platefree[milvus]'``).
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from platefree.errors import DataError, MissingPackage, StorageError, first_line
from platefree.types import Floats

TOKEN = "PLATEFREE_MILVUS_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable that holds ``user:password`` where the server wants one."""

ANSWER_SECONDS = 20.0
"""How long a request may take before the server counts as gone."""

RETRY_SECONDS = 60.0
"""How long an addition is tried again."""

_ADDRESS = re.compile(r"milvus:/{1,2}([\w.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?/([A-Za-z]\w{0,99})")
_PORT = "19530"
_RECONNECT = {"grpc.initial_reconnect_backoff_ms": 200, "grpc.max_reconnect_backoff_ms": 2_000}
"""Otherwise the client may notice only after two minutes that the server is there again."""
_Result = TypeVar("_Result")
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class MilvusAddress:
    """Where a gallery is: ``milvus://host:port/name``.

    Attributes:
        host: of the server.
        port: of the server.
        name: of the gallery; its collections are called after it.
    """

    host: str
    port: int
    name: str

    def __str__(self) -> str:
        return f"milvus://{self.host}:{self.port}/{self.name}"


def milvus_address(place: "str | Path | MilvusAddress") -> MilvusAddress | None:
    """The address that a text or a path is; None if it is the path of a file or folder.

    Raises:
        DataError: it begins as an address, and is none.
    """
    if isinstance(place, MilvusAddress):
        return place
    text = str(place)
    if not text.startswith("milvus:/"):
        return None
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[2] or _PORT) > 65_535:
        raise DataError(
            f"{text!r} is not the address of a gallery, expected milvus://HOST:PORT/NAME, "
            "with a name of letters, digits and _"
        )
    return MilvusAddress(found[1], int(found[2] or _PORT), found[3])


class MilvusServer:
    """The requests that galleries make of a server.

    What the client raises is passed on as it is; see `answered`.

    Args:
        address: of a gallery on it.
    """

    def __init__(self, address: MilvusAddress) -> None:
        self.address = address
        self._opened: Any = None

    def has(self, collection: str) -> bool:
        """Whether there is such a collection."""
        return bool(self._client.has_collection(collection, timeout=ANSWER_SECONDS))

    def create(self, collection: str, fields: Any, index: dict[str, Any], partitions: int) -> None:  # noqa: ANN401
        """Make a collection that is searched; one that is there with these fields stays."""
        client, options = self._client, {"num_partitions": partitions} if partitions else {}
        client.create_collection(collection, schema=fields, timeout=ANSWER_SECONDS, **options)
        wanted = client.prepare_index_params()
        wanted.add_index("vector", **index)
        client.create_index(collection, wanted, timeout=ANSWER_SECONDS)
        client.load_collection(collection, timeout=RETRY_SECONDS)

    def insert(self, collection: str, records: Records) -> None:
        """Add records, which are kept for good when it returns."""
        self._client.insert(collection, records, timeout=ANSWER_SECONDS)

    def upsert(self, collection: str, records: Records) -> None:
        """Add records, or put them in the place of those with the same number."""
        self._client.upsert(collection, records, timeout=ANSWER_SECONDS)

    def delete(self, collection: str, expression: str) -> None:
        """Delete the records that meet an expression."""
        self._client.delete(collection, filter=expression, timeout=ANSWER_SECONDS)

    def query(self, collection: str, expression: str, fields: Sequence[str], at: int) -> Records:
        """The records that meet an expression, in any order.

        Args:
            collection: its name.
            expression: what they meet.
            fields: of them that are wanted.
            at: what was written up to this timestamp is there; 0 is everything until now.
        """
        found = self._client.query(
            collection,
            filter=expression,
            output_fields=list(fields),
            timeout=ANSWER_SECONDS,
            **_consistency(at),
        )
        return list(found)

    def count(self, collection: str, expression: str, at: int) -> int:
        """How many records meet an expression."""
        return int(self.query(collection, expression, ["count(*)"], at)[0]["count(*)"])

    def search(
        self,
        collection: str,
        vector: Floats,
        expression: str,
        top: int,
        at: int,
    ) -> Records:
        """The records nearest to a vector that meet an expression: ``id`` and ``entity``."""
        found = self._client.search(
            collection,
            [vector],
            filter=expression,
            limit=top,
            output_fields=["vector"],
            search_params={"metric_type": "COSINE", "params": {"ef": max(256, 2 * top)}},
            timeout=ANSWER_SECONDS,
            **_consistency(at),
        )
        return list(found[0])

    def timestamp(self) -> int:
        """A timestamp of the server, later than all before; its milliseconds are ``>> 18``."""
        connection = self._client._get_connection()  # the client has no other way to ask for it
        return int(connection.alloc_timestamp(timeout=ANSWER_SECONDS))

    def indexed(self, collection: str) -> int:
        """How many of its records are in the index of vectors."""
        found = self._client.describe_index(collection, "vector", timeout=ANSWER_SECONDS)
        return int(found.get("indexed_rows", 0))

    def rewrite(self, collection: str) -> None:
        """Ask the server to rewrite its files without what was deleted; it does so by itself."""
        self._client.flush(collection, timeout=RETRY_SECONDS)
        self._client.compact(collection, timeout=ANSWER_SECONDS)

    def collections(self) -> list[str]:
        """The names of all collections on the server."""
        return list(self._client.list_collections(timeout=ANSWER_SECONDS))

    def drop(self, collection: str) -> None:
        """Delete a collection."""
        self._client.drop_collection(collection, timeout=ANSWER_SECONDS)

    @property
    def _client(self) -> Any:  # noqa: ANN401 - of a package that may be missing
        if self._opened is None:
            where = self.address
            self._opened = milvus_client().MilvusClient(
                f"http://{where.host}:{where.port}",
                token=os.environ.get(TOKEN, ""),
                timeout=ANSWER_SECONDS,
                grpc_options=_RECONNECT,
            )
        return self._opened


def milvus_client() -> Any:  # noqa: ANN401
    """The module ``pymilvus``.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        import pymilvus
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"a gallery on a Milvus server needs {error.name}, which is not installed: run pip "
            "install 'platefree[milvus]' (in a checkout of platefree: pip install '.[milvus]')"
        ) from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs each error that it raises
    return pymilvus


def client_errors() -> tuple[type[Exception], ...]:
    """What the client raises where the server does not answer, or refuses."""
    import grpc

    return milvus_client().MilvusException, grpc.RpcError


class Occupied(StorageError):
    """The server takes additions again when another change has ended."""


@contextmanager
def answered(address: MilvusAddress, error: type[DataError | StorageError]) -> Iterator[None]:
    """Turn what the client raises within the block into an error of ours."""
    try:
        yield
    except client_errors() as raised:
        raise error(
            f"{address} does not answer as it should: {first_line(raised)}; check that the "
            "server runs, and try again"
        ) from raised


def retried(attempt: Callable[[], _Result], address: MilvusAddress) -> _Result:
    """What an attempt gives, which is made again for `RETRY_SECONDS` where the server fails.

    Raises:
        StorageError: it never succeeded.
    """
    end, wait = monotonic() + RETRY_SECONDS, 0.5
    retryable: tuple[type[Exception], ...] = (Occupied, *client_errors())
    while True:
        try:
            return attempt()
        except retryable as error:
            if monotonic() + wait > end:
                raise StorageError(
                    f"{address} accepted nothing for {RETRY_SECONDS:.0f} seconds "
                    f"({first_line(error)}): check that the server runs, and add again; what was "
                    "added before is kept"
                ) from error
            sleep(wait)
            wait = min(2 * wait, 5.0)


def _consistency(at: int) -> dict[str, Any]:
    if not at:
        return {"consistency_level": "Strong"}
    return {"consistency_level": "Customized", "guarantee_timestamp": at}
