"""Who may use a service, and how: what is decided when it is started."""

import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

from platefree.gallery.camera_distances import CameraDistances
from platefree.gallery.journeys import NOWHERE
from platefree.service.limits import USUAL, Limits

Access = Literal["token", "accounts", "open"]

HERE: Final = ("localhost", "127.0.0.1", "[::1]")
"""The names of this machine that only it can use."""


@dataclass(frozen=True)
class Rules:
    """What is decided when a service is started.

    Attributes:
        access: by a token that is printed once, by accounts, or by nobody (on this machine alone).
        token: that stands for an administrator, where access is by it.
        reason_required: whether a search, an export and forgetting need a stated reason.
        names: of the host, as browsers ask for it; others are refused, since a page of a stranger
            could reach the service by a name of its own.
        secure: whether browsers come by TLS, here or at a proxy in front.
        unmasked_frames: whether whole frames are shown where no detector masks their plates.
        distances: between cameras, for journeys.
        limits: how much is taken.
    """

    access: Access = "token"
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    reason_required: bool = False
    names: tuple[str, ...] = HERE
    secure: bool = False
    unmasked_frames: bool = False
    distances: CameraDistances = field(default=NOWHERE, repr=False)
    limits: Limits = USUAL
