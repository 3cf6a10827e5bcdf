"""What programs and the command line do with a gallery is written down where a log has been begun.

A service writes its own entries, with the account that asked. Where there is a log, nobody
searches, exports or forgets without an entry: if none can be written, nothing is answered.
"""

import getpass
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from platefree.audit.audit_log import AUDIT_LOG, HEAD, AuditLog
from platefree.data.image import PICTURE
from platefree.errors import DataError
from platefree.gallery.filters import Filter
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.gallery.gallery_places import Place
from platefree.inputs.plain_files import hash_input
from platefree.storage.disk import disk, storage_errors, sync_folder
from platefree.storage.private_folder import make_private
from platefree.types import Sightings

SERVICE: Final = "service"
"""The folder in that of a gallery in which a service keeps its accounts and its log."""


@dataclass(frozen=True)
class AuditTrail:
    """Writes entries of one who asks.

    Attributes:
        log: of the gallery.
        who: asks.
        reason: why, for every entry.
    """

    log: AuditLog
    who: str
    reason: str = ""

    def note(self, action: str, details: Mapping[str, Any]) -> None:
        """Write an entry, without details that say nothing.

        Raises:
            StorageError: it cannot be written, so what it describes must not be done.
            ChangedLog: the log was changed.
        """
        said = {name: value for name, value in details.items() if value not in (None, "", [], {})}
        self.log.add(self.who, action, self.reason, **said)

    def note_search(self, found: GalleryAnswer) -> None:
        """Write down what was searched for, and how much was found; as `note`."""
        asked = found.question
        details = {
            "pictures": [] if asked.pictures is None else _pictures(asked.pictures),
            "number": asked.number,
            "where": conditions_of(asked.where),
            "post": ",".join(asked.post.steps),
            "yes": [int(each) for each in asked.feedback.yes],
            "no": [int(each) for each in asked.feedback.no],
            "top": asked.top,
        }
        self.note("search", {**details, "hits": len(found.hits), "version": found.version})


def audit_folder(gallery: Place) -> Path | None:
    """Where the log of a gallery is, or would be; None of a gallery on a server.

    Args:
        gallery: its folder or address.
    """
    if not isinstance(gallery, Path):
        return None
    inside = gallery / SERVICE
    begun_outside = (gallery / AUDIT_LOG).exists() and not (inside / AUDIT_LOG).exists()
    return inside if inside.is_dir() and not begun_outside else gallery


def move_log(gallery: Path, service: Path) -> None:
    """Let a log that was begun before there was a service go on in the folder of the service.

    Args:
        gallery: its folder.
        service: the folder of the service.

    Raises:
        StorageError: it cannot be moved.
    """
    if (gallery / AUDIT_LOG).exists() and not (service / AUDIT_LOG).exists():
        make_private(service)
        for name in (HEAD, AUDIT_LOG):  # the log last, so that a start that was killed goes on
            with storage_errors(service / name):
                if (gallery / name).exists():
                    disk().rename(gallery / name, service / name)
        sync_folder(service)


def trail_of(gallery: Place, by: str = "program") -> AuditTrail | None:
    """What writes the entries of this user; None if no log has been begun.

    Args:
        gallery: its folder or address.
        by: what asks for the user.
    """
    folder = audit_folder(gallery)
    if folder is None or (folder == gallery and not (folder / AUDIT_LOG).exists()):
        return None
    return AuditTrail(AuditLog(folder), f"{by} of {user_name()}")


def begun_trail(gallery: Place, otherwise: Path, by: str = "program") -> AuditTrail:
    """What writes entries that are made in any case, into a new log if none has been begun.

    Args:
        gallery: its folder or address.
        otherwise: the folder of the log of a gallery on a server.
        by: what asks for the user.
    """
    return AuditTrail(AuditLog(audit_folder(gallery) or otherwise), f"{by} of {user_name()}")


def conditions_of(where: Filter) -> dict[str, Any]:
    """The conditions that there are, as JSON has them."""
    defaults = {each.name: each.default for each in fields(Filter)}
    found = {name: value for name, value in asdict(where).items() if value != defaults[name]}
    return {
        name: [each if isinstance(each, int) else str(each) for each in value]
        if isinstance(value, list | tuple)
        else value
        for name, value in found.items()
        if value not in ((), [])
    }


def _pictures(table: Sightings) -> list[dict[str, Any]]:
    """Query pictures by the hashes of their files; a frame by the name of its film."""
    found = []
    for row in range(len(table)):
        box, path = table.box_of(row), table.path(row)
        said: dict[str, Any] = {} if box is None else {"box": list(box)}
        if table.frame[row] >= 0:
            said |= {"film": path.name, "frame": int(table.frame[row])}
        else:
            said["sha256"] = _hash(path)
        found.append(said)
    return found


def _hash(path: Path) -> str:
    try:
        return hash_input(path, PICTURE)
    except DataError:  # of stored embeddings, whose pictures may be gone
        return ""


def user_name() -> str:
    """The user of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have no name for its user
        return "an unnamed user"
