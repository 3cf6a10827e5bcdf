"""Serves a gallery to accounts until it is killed; in a process that has loaded all it needs."""

import os
from multiprocessing.connection import Connection
from pathlib import Path

from platefree.gallery.stored_gallery import Gallery
from platefree.service.rules import Rules
from platefree.service.running_service import Service
from platefree.service.serving import Place, serve


def serve_lot(lot: Path, log: Path, said: Connection) -> None:
    """Serve; the port is sent when requests are taken, and faults are written to the log."""
    with log.open("a") as file:
        os.dup2(file.fileno(), 2)
    service = Service(Gallery(lot), Rules(access="accounts"))
    serve(service, Place(port=0), said.send)
