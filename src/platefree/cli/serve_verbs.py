"""The verb ``serve``, and those of its accounts."""

import getpass
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    PlainHelp,
    done,
    notes,
    out,
    print_json,
)
from platefree.errors import DataError

if TYPE_CHECKING:
    from platefree.audit.audit_log import AuditLog
    from platefree.gallery.stored_gallery import Gallery
    from platefree.inference.detector import Detector
    from platefree.service.accounts import Accounts
    from platefree.service.register import Register
    from platefree.service.rules import Access, Rules
    from platefree.service.serving import Place


class AccessName(StrEnum):
    """Who may use a service."""

    auto = "auto"
    token = "token"  # noqa: S105 - no password
    accounts = "accounts"
    open = "open"


class RoleName(StrEnum):
    """What an account may do."""

    viewer = "viewer"
    analyst = "analyst"
    administrator = "administrator"


app = typer.Typer(
    cls=PlainHelp,
    help="Open a gallery to browsers and programs, here or on a network.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
accounts_app = typer.Typer(
    cls=PlainHelp,
    help="Who may use the service, and what each may do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(accounts_app, name="accounts")

_GALLERY = typer.Option(
    "--gallery", "-g", metavar="GALLERY", help="Its folder, or milvus://HOST:PORT/NAME."
)
GalleryOption = Annotated[str, _GALLERY]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FOLDER",
        show_default="GALLERY/service",
        help="Where accounts and the audit log are.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")]
RoleOption = Annotated[
    RoleName, typer.Option("--role", metavar="ROLE", help="viewer, analyst or administrator.")
]


@app.callback()
def serve(
    context: typer.Context,
    gallery: Annotated[str | None, _GALLERY] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            show_default="where it was",
            help="If the model was moved.",
        ),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Finds vehicles, and plates to mask.")
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="N", help="0: any free one.")
    ] = 8000,
    access: Annotated[
        AccessName, typer.Option(metavar="HOW", help="By token, accounts, or open to this machine.")
    ] = AccessName.auto,
    name: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Another host name that browsers use.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TLS certificate with its chain (PEM).")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Key of the certificate.")
    ] = None,
    cameras: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Places of cameras, for journeys.")
    ] = None,
    state: StateOption = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default="GALLERY/ingest",
            help="Record that 'ingest' kept of films.",
        ),
    ] = None,
    device: DeviceOption = DeviceName.auto,
    *,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy on this machine does TLS.")
    ] = False,
    reason_required: Annotated[
        bool, typer.Option("--reason-required", help="Every search must state a reason.")
    ] = False,
    unmasked_frames: Annotated[
        bool,
        typer.Option(
            "--unmasked-frames", help="Show frames with plates if no detector can mask them."
        ),
    ] = False,
) -> None:
    """Open a gallery to browsers and programs.

    The last line printed is the address, with a token that changes at each start; with accounts,
    people log in instead. Ctrl-C stops it.
    """
    if context.invoked_subcommand is not None:
        return
    if gallery is None:
        raise typer.BadParameter("say which gallery", param_hint="--gallery")
    from platefree.installs import service_install

    with service_install("'platefree serve'"):
        from platefree.gallery.camera_distances import read_camera_distances
        from platefree.gallery.journeys import NOWHERE
        from platefree.gallery.stored_gallery import Gallery
        from platefree.service.accounts import Accounts
        from platefree.service.register import Register
        from platefree.service.rules import HERE, Rules
        from platefree.service.running_service import Service, service_folder
        from platefree.service.serving import Place
        from platefree.service.serving import serve as serve_until_stopped

    opened = Gallery(gallery, model, ledger)
    folder = service_folder(opened, state)
    people = Accounts(Register(folder)).all()
    chosen = _access(access, has_accounts=bool(people))
    place = Place(host, port, certificate, key, behind_proxy)
    place.refuse_unsafe(chosen)
    if chosen == "accounts" and not people:
        raise DataError(
            f"there are no accounts in {folder}: 'platefree serve accounts add NAME --gallery "
            f"{gallery}' makes one"
        )
    rules = Rules(
        access=chosen,
        reason_required=reason_required,
        names=(*HERE, *_names(host, name or [])),
        secure=place.secure,
        unmasked_frames=unmasked_frames,
        distances=NOWHERE if cameras is None else read_camera_distances(cameras),
    )
    service = Service(opened, rules, folder, _detector_of(detector, device))
    if place.certificate is None and not place.is_local and place.behind_proxy:
        notes.print("note: only the proxy should reach this port", soft_wrap=True)
    serve_until_stopped(service, place, lambda port: _say(port, place, rules))


def serve_here(gallery: "Gallery", cameras: Path, port: int) -> None:
    """Open a gallery on this machine alone, by a token, until it is stopped.

    Args:
        gallery: in a folder.
        cameras: the file of their places.
        port: 0 is any that is free.
    """
    from platefree.gallery.camera_distances import read_camera_distances
    from platefree.inference.detector_loading import load_detector
    from platefree.service.rules import HERE, Rules
    from platefree.service.running_service import Service, service_folder
    from platefree.service.serving import Place, serve

    place = Place("127.0.0.1", port)
    rules = Rules(access="token", names=HERE, distances=read_camera_distances(cameras))
    service = Service(gallery, rules, service_folder(gallery, None), load_detector)
    serve(service, place, lambda port: _say(port, place, rules))


@accounts_app.command("add")
def add(
    name: Name,
    gallery: GalleryOption,
    role: RoleOption = RoleName.viewer,
    state: StateOption = None,
) -> None:
    """Make an account.

    Its password is asked for, or is the first line of stdin.
    """
    accounts, register, audit = _opened(gallery, state)
    given = _password()
    with register.together():
        made = accounts.add(name, role.value, given)
        _note(audit, "account.added", account=made.name, role=made.role)
    done(made.name, made.role)


@accounts_app.command("password")
def password(name: Name, gallery: GalleryOption, state: StateOption = None) -> None:
    """Give an account another password; its sessions end."""
    accounts, register, audit = _opened(gallery, state)
    _refuse_absent(accounts, name)
    given = _password()
    with register.together():
        accounts.change_password(name, given)
        _note(audit, "account.password", account=name)
    done(name, "password changed")


@accounts_app.command("role")
def role(name: Name, gallery: GalleryOption, role: RoleOption, state: StateOption = None) -> None:
    """Change what an account may do; its sessions end."""
    accounts, register, audit = _opened(gallery, state)
    with register.together():
        accounts.change_role(name, role.value)
        _note(audit, "account.role", account=name, role=role.value)
    done(name, role.value)


@accounts_app.command("remove")
def remove(name: Name, gallery: GalleryOption, state: StateOption = None) -> None:
    """Remove an account; its sessions end."""
    accounts, register, audit = _opened(gallery, state)
    with register.together():
        accounts.remove(name)
        _note(audit, "account.removed", account=name)
    done(name, "removed")


@accounts_app.command("list")
def list_(gallery: GalleryOption, state: StateOption = None, *, as_json: Json = False) -> None:
    """Show all accounts."""
    accounts, _, _ = _opened(gallery, state)
    found = accounts.all()
    if as_json:
        print_json([{"name": each.name, "role": each.role} for each in found])
        return
    for each in found:
        out.print(f"{each.name}: {each.role}")


@accounts_app.command("token")
def token(name: Name, gallery: GalleryOption, state: StateOption = None) -> None:
    """Print a token for programs, which lasts 90 days.

    It may do what the account may. A new password, or a new role, ends it.
    """
    from platefree.service.sessions import Sessions

    accounts, register, audit = _opened(gallery, state)
    _refuse_absent(accounts, name)
    _note(audit, "account.token", account=name)  # first: a token that is not printed is lost
    secret = Sessions(register).begin(name, "program")
    out.print(secret)


def _detector_of(name: str | None, device: DeviceName) -> "Callable[[], Detector] | None":
    """What loads the detector; one that is asked for is loaded now, and refused if it is wrong."""
    from platefree.inference.detector_loading import load_detector
    from platefree.inference.shipped import detector_inside

    if name is None and detector_inside() is None:
        return None
    if name is None and device is DeviceName.auto:
        return load_detector
    found = load_detector(name, device=device.value)
    return lambda: found


def _access(name: AccessName, *, has_accounts: bool) -> "Access":
    if name is AccessName.accounts or (name is AccessName.auto and has_accounts):
        return "accounts"
    return "open" if name is AccessName.open else "token"


def _say(port: int, place: "Place", rules: "Rules") -> None:
    """Where it listens, and with what it opens; the last line is to be copied."""
    name = "localhost" if place.host in ("0.0.0.0", "::") else place.host  # noqa: S104
    name = f"[{name}]" if ":" in name else name
    scheme = "http" if place.certificate is None else "https"
    fragment = f"/#token={rules.token}" if rules.access == "token" else "/"
    notes.print(f"access: {rules.access}; Ctrl-C stops it")
    out.print(f"{scheme}://{name}:{port}{fragment}")
    sys.stdout.flush()


def _names(host: str, names: list[str]) -> list[str]:
    """What browsers may call the host."""
    return [f"[{each}]" if ":" in each else each.lower() for each in (host, *names)]


def _opened(gallery: str, state: Path | None) -> "tuple[Accounts, Register, AuditLog]":
    """The accounts and the audit log of a gallery."""
    from platefree.installs import service_install

    with service_install("'platefree serve'"):
        from platefree.audit.audit_log import AuditLog
        from platefree.gallery.stored_gallery import Gallery
        from platefree.service.accounts import Accounts
        from platefree.service.register import Register
        from platefree.service.running_service import service_folder

    folder = service_folder(Gallery(gallery), state)
    register = Register(folder)
    return Accounts(register), register, AuditLog(folder)


def _note(audit: "AuditLog", action: str, **details: Any) -> None:  # noqa: ANN401
    from platefree.gallery.audit_trail import user_name

    audit.add(f"command line of {user_name()}", action, **details)


def _refuse_absent(accounts: "Accounts", name: str) -> None:
    if accounts.find(name) is None:
        raise DataError(f"there is no account {name[:80]!r}")


def _password() -> str:
    """Asked for twice, without showing it; from a pipe, its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Repeat the password: ") != first:
        raise DataError("the two passwords differ: try again")
    return first
