"""A service that listens: uvicorn with safe settings, until it is told to stop."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from platefree.errors import DataError, PlatefreeError
from platefree.service.app import create_app
from platefree.service.running_service import Service

_CONNECTIONS = 200
_STOP_SECONDS = 5
_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Place:
    """Where a service listens.

    Attributes:
        host: an address of this machine.
        port: 0 takes a free one.
        certificate: file of the TLS certificate with its chain; None is no TLS.
        key: file of its private key.
        behind_proxy: whether a proxy on this machine, which does TLS, is in front.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in _LOCAL

    @property
    def secure(self) -> bool:
        """Whether browsers come by TLS."""
        return self.certificate is not None or self.behind_proxy

    def refuse_unsafe(self, access: str) -> None:
        """Refuse what would show pictures, or what is asked, to others.

        Raises:
            DataError: other machines would come without TLS, or anybody without a token; or only
                one of certificate and key is given.
        """
        if (self.certificate is None) != (self.key is None):
            raise DataError("TLS needs both a certificate and its key (--certificate, --key)")
        if self.is_local:
            return
        if access == "open":
            raise DataError(
                f"{self.host} can be reached by other machines, so whoever asks needs a token or "
                "an account: 'platefree serve accounts add NAME' makes one"
            )
        if not self.secure:
            raise DataError(
                f"{self.host} can be reached by other machines, and without TLS anybody in "
                "between could read passwords and pictures: give a certificate and its key "
                "(--certificate, --key), or put a proxy that does TLS in front (--behind-proxy)"
            )


class _Server(uvicorn.Server):
    """Says when it listens, and where."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[int], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401
        await super().startup(sockets)
        if self.started:
            self._listening(int(self.servers[0].sockets[0].getsockname()[1]))


def server_of(service: Service, place: Place, listening: Callable[[int], None]) -> uvicorn.Server:
    """A server, whose ``run`` returns when it was told to stop (Ctrl-C, SIGTERM, `should_exit`).

    Args:
        service: which is closed in the end.
        place: where it listens.
        listening: is called with the port, when requests are taken.
    """
    logging.getLogger("uvicorn.access").disabled = True  # it would log what was asked
    config = uvicorn.Config(
        create_app(service),
        host=place.host,
        port=place.port,
        ssl_certfile=None if place.certificate is None else str(place.certificate),
        ssl_keyfile=None if place.key is None else str(place.key),
        loop="asyncio",
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=place.behind_proxy,
        forwarded_allow_ips="127.0.0.1" if place.behind_proxy else None,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return _Server(config, listening)


def serve(service: Service, place: Place, listening: Callable[[int], None]) -> None:
    """Serve until it is told to stop.

    Args:
        service: which is closed in the end.
        place: where it listens.
        listening: is called with the port, when requests are taken.

    Raises:
        PlatefreeError: the address is in use, or the TLS files are none.
    """
    try:
        server = server_of(service, place, listening)
        server.run()
    except KeyboardInterrupt:  # uvicorn has stopped, and passes on what told it to
        return
    except OSError as error:  # ssl.SSLError too
        reason = error.strerror or error
        if place.certificate is None:
            raise PlatefreeError(f"cannot serve at {place.host}:{place.port}: {reason}") from error
        raise PlatefreeError(
            f"TLS cannot be used ({reason}): check the certificate {place.certificate} and its key "
            f"{place.key}"
        ) from error
    except SystemExit as error:
        raise PlatefreeError(
            f"cannot listen at {place.host}:{place.port}: choose another address or port (--host, "
            "--port)"
        ) from error
