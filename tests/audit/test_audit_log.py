"""The audit log: what it keeps, and that no change of it goes unseen."""

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from messages import facts

from platefree.audit import audit_check
from platefree.audit.audit_check import read_entries, verify_audit
from platefree.audit.audit_log import AUDIT_LOG, HEAD, MENDED, AuditLog, Entry
from platefree.errors import DataError


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """Six entries."""
    log = AuditLog(tmp_path)
    for number in range(6):
        log.add("anna", "search", f"case {number}", hits=number, where={"cameras": ["gate"]})
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def test_the_chain_is_that_of_a_plain_loop(log: AuditLog) -> None:
    before = "0" * 64
    for number, line in enumerate(lines(log), start=1):
        content = json.loads(line)
        assert (content["number"], content["before"]) == (number, before)
        given = content.pop("hash")
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256(text.encode()).hexdigest()
        assert given == before
    found = verify_audit(log.folder)
    assert (found.end.entries, found.end.hash, found.has_head) == (6, before, True)
    assert json.loads((log.folder / HEAD).read_text()) == {"entries": 6, "hash": before}


def test_any_changed_byte_is_found(log: AuditLog) -> None:
    content = log.path.read_bytes()
    for place in range(0, len(content), 41):
        changed = bytearray(content)
        changed[place] ^= 1
        log.path.write_bytes(changed)
        with pytest.raises(DataError):
            verify_audit(log.folder)
    log.path.write_bytes(content)
    verify_audit(log.folder)


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_an_end_cut_off_is_found(log: AuditLog, count: int) -> None:
    log.path.write_bytes(b"".join(lines(log)[:-count]))
    with pytest.raises(DataError, match=facts(6, 6 - count)):
        verify_audit(log.folder)
    with pytest.raises(DataError, match=facts("'platefree audit verify'")):
        AuditLog(log.folder).add("anna", "search")  # which would make it look whole


def test_a_log_that_is_gone_is_found(log: AuditLog) -> None:
    log.path.unlink()
    with pytest.raises(DataError, match=facts(6)):
        verify_audit(log.folder)


@pytest.mark.parametrize("order", [[0, 1, 2, 4, 5], [0, 2, 1, 3, 4, 5], [0, 1, 1, 2, 3, 4, 5]])
def test_lines_taken_out_moved_or_doubled_are_found(log: AuditLog, order: list[int]) -> None:
    written = lines(log)
    log.path.write_bytes(b"".join(written[each] for each in order))
    with pytest.raises(DataError, match=facts("line")):
        verify_audit(log.folder)


def test_a_log_that_was_written_anew_is_found_by_a_note_from_elsewhere(log: AuditLog) -> None:
    noted = verify_audit(log.folder).end
    for name in (AUDIT_LOG, HEAD):
        (log.folder / name).unlink()
    other = AuditLog(log.folder)
    for _ in range(9):
        other.add("anna", "search", "another reason")
    assert verify_audit(log.folder).end.entries == 9  # nothing in the folder shows it
    with pytest.raises(DataError, match=facts(6, noted.hash[:12])):
        verify_audit(log.folder, noted)


def test_entries_after_a_note_are_no_fault(log: AuditLog) -> None:
    noted = verify_audit(log.folder).end
    log.add("berta", "forget.asked")
    assert verify_audit(log.folder, noted).end.entries == 7


@pytest.mark.parametrize("torn", [b'{"acti', b"\xff\xfe", b'{"a":1}\n{"b'])
def test_a_piece_of_a_killed_process_is_named_and_the_log_goes_on(
    log: AuditLog, torn: bytes
) -> None:
    with log.path.open("ab") as file:
        file.write(torn)
    again = AuditLog(log.folder)
    again.add("anna", "search")
    found = verify_audit(log.folder)
    assert (found.end.entries, found.torn) == (8, 1)
    mended = read_entries(log.folder, 2)[0]
    assert mended.action == MENDED
    assert mended.details == {"sha256": hashlib.sha256(torn).hexdigest(), "bytes": len(torn)}
    log.path.write_bytes(log.path.read_bytes().replace(torn, torn.replace(b"a", b"b") + b"c"))
    with pytest.raises(DataError):
        verify_audit(log.folder)


def test_a_last_entry_that_was_spoilt_is_no_piece(log: AuditLog) -> None:
    log.path.write_bytes(log.path.read_bytes()[:-20])
    with pytest.raises(DataError, match=facts("'platefree audit verify'")):
        AuditLog(log.folder).add("anna", "search")


def test_an_entry_whose_head_was_not_written_is_kept(log: AuditLog) -> None:
    head = (log.folder / HEAD).read_bytes()
    log.add("anna", "search")
    (log.folder / HEAD).write_bytes(head)  # as after a kill between the two
    AuditLog(log.folder).add("anna", "search")
    assert verify_audit(log.folder).end.entries == 8


@pytest.mark.parametrize("piece", [b"", b'{"acti'])
def test_an_entry_that_lacks_only_its_line_end_is_kept(log: AuditLog, piece: bytes) -> None:
    if piece:  # then the entry is that which names the piece
        with log.path.open("ab") as file:
            file.write(piece)
    head = (log.folder / HEAD).read_bytes()
    AuditLog(log.folder).add("anna", "search", "the last one")
    kept = lines(log)[: 8 if piece else 7]
    log.path.write_bytes(b"".join(kept)[:-1])
    (log.folder / HEAD).write_bytes(head)  # as after a kill before the last byte
    assert verify_audit(log.folder).end.entries == 6
    AuditLog(log.folder).add("berta", "search")
    assert verify_audit(log.folder).end.entries == 8
    assert lines(log)[:-1] == kept


def test_several_writers_make_one_chain(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from platefree.audit.audit_log import AuditLog;"
        "log = AuditLog(Path(sys.argv[1]));"
        "[log.add(sys.argv[2], 'search', place=place) for place in range(15)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert verify_audit(tmp_path).end.entries == 45
    for name in "abc":
        places = [each.details["place"] for each in read_entries(tmp_path, 45) if each.who == name]
        assert places == list(range(15))


def test_a_log_makes_its_folder_which_nobody_else_may_read(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "lot" / "service")
    log.add("anna", "search")
    assert verify_audit(log.folder).end.entries == 1
    assert stat.S_IMODE(log.folder.stat().st_mode) == 0o700


def test_what_is_no_json_is_refused_and_nothing_is_written(log: AuditLog) -> None:
    for wrong in (float("nan"), "\0", "\ud800"):
        with pytest.raises(DataError):
            log.add("anna", "search", value=wrong)
    assert verify_audit(log.folder).end.entries == 6


def test_a_log_is_verified_while_others_add_to_it(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = audit_check.parse_entry

    def parse_and_add(line: bytes, what: str) -> Entry:
        AuditLog(log.folder).add("ben", "search")
        return parse(line, what)

    monkeypatch.setattr(audit_check, "parse_entry", parse_and_add)
    assert verify_audit(log.folder).end.entries == 6
    assert [each.number for each in read_entries(log.folder, 2)] == [11, 12]


@pytest.mark.parametrize("place", range(7))
def test_an_empty_line_that_was_put_in_is_found(log: AuditLog, place: int) -> None:
    log.path.write_bytes(b"".join([*lines(log)[:place], b"\n", *lines(log)[place:]]))
    with pytest.raises(DataError, match=facts(place + 1)):
        verify_audit(log.folder)


def test_a_last_line_that_is_no_entry_is_counted(log: AuditLog) -> None:
    assert verify_audit(log.folder).torn == 0
    log.path.write_bytes(log.path.read_bytes() + b"anna saw nothing\n")
    assert verify_audit(log.folder).torn == 1
