"""Reading footage: frames that show their own number are numbered, timed and sampled rightly."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from messages import facts, says
from PIL import Image
from rtsp_camera import rtsp_camera
from small_films import numbered_frame, shown_number, write_film

from platefree.data.film import Film, FilmFrame
from platefree.data.film_sampling import Sampling
from platefree.errors import FilmError, ImageError
from platefree.video.footage import open_footage, without_password

EVEN = [number / 10 for number in range(60)]
UNEVEN = np.cumsum(np.random.default_rng(0).choice([0.04, 0.08, 0.5, 2.0], 60)).tolist()


def read(place: Path | str, sampling: Sampling = Sampling(), **how: object) -> list[FilmFrame]:  # noqa: B008
    with open_footage(place, **how) as footage:  # type: ignore[arg-type]
        return list(footage.frames(sampling))


def chosen(seconds: list[float], every: float, since: float, until: float) -> list[int]:
    """Frames by brute force: the first one at or after each moment, where it is a new one."""
    moment, found = since, list[int]()
    start = seconds[0]
    for number, second in enumerate(seconds):
        time = second - start
        if time >= until:
            break
        if time >= moment - 1e-6:
            found.append(number)
            while every and moment <= time + 1e-6:
                moment += every
    return found


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".avi", ".mov", ".h264"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
def test_every_frame_has_the_number_and_time_that_it_was_written_with(
    tmp_path: Path, ending: str, codec: str
) -> None:
    if ending == ".h264" and codec != "libx264":
        pytest.skip("no such film")
    if ending == ".ts" and codec == "mjpeg":
        pytest.skip("FFmpeg keeps it as unknown data")
    between = 2 if ending != ".avi" and codec != "mjpeg" else 0
    path = write_film(tmp_path / f"film{ending}", EVEN, codec=codec, between=between)
    found = read(path)
    assert [frame.number for frame in found] == list(range(60))
    assert [shown_number(frame.picture) for frame in found] == list(range(60))
    np.testing.assert_allclose([frame.time for frame in found], EVEN, atol=0.002)


@pytest.mark.parametrize("seconds", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("between", [0, 2])
def test_sampled_frames_are_the_first_after_each_moment(
    tmp_path: Path, seconds: list[float], between: int
) -> None:
    path = write_film(tmp_path / "film.mp4", seconds, between=between)
    for every, since, until in [
        *((0.0, 0.0, np.inf), (1.0, 0.0, np.inf), (0.3, 0.7, 3.1), (2.5, 0.0, 4.9)),
        *((0.0, 3.3, 3.4), (7.0, 1.2, np.inf), (0.0, 5.75, np.inf)),
    ]:
        wanted = chosen(seconds, every, since, until)
        found = read(path, Sampling(every, since, until))
        assert [frame.number for frame in found] == wanted, (every, since, until)
        assert [shown_number(frame.picture) for frame in found] == wanted


def test_what_lies_between_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "film.mp4", [number / 10 for number in range(240)])
    decode, given = Film._decode, list[object]()

    def counted(film: Film, packet: object) -> Iterator[object]:
        given.append(packet)
        return decode(film, packet)

    monkeypatch.setattr(Film, "_decode", counted)
    found = read(path, Sampling(6.0))
    assert [shown_number(frame.picture) for frame in found] == [0, 60, 120, 180]
    assert len(given) < 120  # of 240
    given.clear()
    assert [frame.number for frame in read(path, Sampling(0, 20.0, 20.05))] == [200]
    assert len(given) < 40


def test_a_film_without_a_second_key_frame_is_not_held_in_memory(tmp_path: Path) -> None:
    seconds = [number / 10 for number in range(900)]
    path = write_film(tmp_path / "film.mp4", seconds, group=2000, between=0)
    found = read(path, Sampling(0, 80.0, 80.25))
    assert [shown_number(frame.picture) for frame in found] == [800, 801, 802]


def test_turned_films_are_upright(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", EVEN[:3])
    content = path.read_bytes()
    at = content.index(b"tkhd") + 4 + 40  # the matrix of a track header of version 0
    one = 1 << 16
    upright = numbered_frame(1)
    turns = {  # rows (a, b), (c, d) of the matrix: x goes to (a, b), y to (c, d)
        (0, one, -one, 0): np.rot90(upright, -1),  # a quarter turn with the clock
        (0, -one, one, 0): np.rot90(upright),
        (-one, 0, 0, -one): np.rot90(upright, 2),
        (-one, 0, 0, one): upright[:, ::-1],
    }
    for (a, b, c, d), wanted in turns.items():
        matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
        turned = tmp_path / "turned.mp4"
        turned.write_bytes(content[:at] + matrix + content[at + 36 :])
        picture = read(turned)[1].picture
        assert picture.shape == wanted.shape
        assert np.abs(picture.astype(int) - wanted).mean() < 8


def test_damaged_films_give_what_can_be_read_and_say_what_cannot(tmp_path: Path) -> None:
    for ending in (".mkv", ".ts"):
        path = write_film(tmp_path / f"whole{ending}", [number / 10 for number in range(240)])
        content = path.read_bytes()
        cut = tmp_path / f"cut{ending}"
        cut.write_bytes(content[: len(content) // 2])
        with open_footage(cut) as footage:
            found = list(footage.frames())
            assert 60 < len(found) < 200
            if ending == ".mkv":
                assert "missing" in " ".join(footage.remarks()) or "breaks" in str(
                    footage.remarks()
                )
        for frame in found[:-1]:
            assert shown_number(frame.picture) == frame.number
    path = write_film(tmp_path / "whole.mp4", EVEN)
    (tmp_path / "cut.mp4").write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FilmError, match=facts("cut.mp4", "MP4")):
        read(tmp_path / "cut.mp4")


def test_frames_after_a_damaged_place_keep_their_numbers(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", EVEN, between=0)
    with av.open(str(path)) as film:
        packets = [each for each in film.demux(video=0) if each.size]
        spoilt = [(packets[each].pos, packets[each].size) for each in (24, 25, 26)]
    content = bytearray(path.read_bytes())
    for place, size in spoilt:
        content[place + 4 : place + size] = bytes(size - 4)  # the length of the unit stays
    path.write_bytes(content)
    with open_footage(path) as footage:
        found = list(footage.frames())
        said = " ".join(footage.remarks())
    later = [frame for frame in found if frame.number >= 36]
    assert [shown_number(frame.picture) for frame in later] == list(range(36, 60))
    assert len(found) < 60
    assert "damaged" in said


def test_what_is_no_film_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "words.mp4").write_text("no film at all\n" * 50)
    with av.open(str(tmp_path / "song.mp4"), "w") as song:
        stream = song.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        sound.sample_rate = 8000
        song.mux(stream.encode(sound))
        song.mux(stream.encode(None))
    for name, *said in (
        ("empty.mp4",),
        ("words.mp4",),
        ("song.mp4", "video", "audio"),
        ("none.mp4", "does not exist"),
    ):
        with pytest.raises(FilmError, match=facts(name, *said)):
            read(tmp_path / name)


def test_one_frame_and_8k_and_24_hours(tmp_path: Path) -> None:
    (only,) = read(write_film(tmp_path / "one.mp4", [0.0]))
    assert (only.number, only.time) == (0, 0.0)
    (large,) = read(write_film(tmp_path / "8k.mp4", [0.0], size=(4320, 7680)))
    assert large.picture.shape == (4320, 7680, 3)
    day = [60.0 * number for number in range(1441)]
    path = write_film(tmp_path / "day.mp4", day)
    with open_footage(path) as footage:
        assert footage.duration == pytest.approx(86_400, rel=0.01)
        found = list(footage.frames(Sampling(3600.0)))
        assert footage.remarks() == []  # a frame a minute is no gap
    assert [frame.time for frame in found] == pytest.approx([3600.0 * hour for hour in range(25)])
    assert [shown_number(frame.picture) for frame in found] == [60 * hour for hour in range(25)]


def test_the_start_is_what_is_given_or_what_the_container_says(tmp_path: Path) -> None:
    plain = write_film(tmp_path / "plain.mp4", EVEN[:5])
    dated = write_film(tmp_path / "dated.mp4", EVEN[:5], created="2026-05-01T00:00:00.000000Z")
    with open_footage(plain) as footage:
        assert (str(footage.start), footage.start_of) == ("NaT", "unknown")
        assert np.isnat(footage.moment(1.0))
    with open_footage(dated) as footage:
        assert footage.start_of == "container"
        assert footage.moment(0.4) == np.datetime64("2026-05-01T00:00:00.400")
    with open_footage(dated, start="2026-05-01T07:00+07:00") as footage:
        assert footage.start_of == "given"
        assert footage.start == np.datetime64("2026-05-01T00:00:00.000")
    for wrong in ("2026-05-01T07:00", "today"):
        with pytest.raises(FilmError, match=facts(wrong, "time zone")):
            read(plain, start=wrong)


def test_pictures_in_a_folder_or_a_pattern_are_footage(tmp_path: Path) -> None:
    for number in range(12):
        Image.fromarray(numbered_frame(number)).save(tmp_path / f"gate-{number}.png")
    (tmp_path / "gate-5.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").touch()
    for place in (tmp_path, tmp_path / "gate-%d.png", tmp_path / "gate-*.png"):
        with open_footage(place, rate=2.0, start="2026-05-01T00:00Z") as footage:
            found = list(footage.frames())
            assert says(" ".join(footage.remarks()), "gate-5.png")
            assert footage.duration == 6.0
        assert [frame.number for frame in found] == [0, 1, 2, 3, 4, *range(6, 12)]
        assert [shown_number(frame.picture) for frame in found] == [f.number for f in found]
        assert [frame.time for frame in found] == [frame.number / 2 for frame in found]
    assert [frame.number for frame in read(tmp_path, Sampling(2.0, 1.0), rate=2.0)] == [2, 6, 10]
    with pytest.raises(FilmError, match=facts("rate")):
        read(tmp_path)
    with pytest.raises(FilmError, match=facts("none-%d.png")):
        read(tmp_path / "none-%d.png", rate=2.0)


def test_pictures_of_which_the_first_is_damaged_are_footage(tmp_path: Path) -> None:
    for number in range(5):
        Image.fromarray(numbered_frame(number)).save(tmp_path / f"{number:04d}.png")
        (tmp_path / f"._{number:04d}.png").write_bytes(b"hidden")
    (tmp_path / "0000.png").write_bytes(b"")
    for place in (tmp_path, tmp_path / "%04d.png", tmp_path / "*.png"):
        with open_footage(place, rate=1.0) as footage:
            assert (footage.width, footage.height) == numbered_frame(0).shape[1::-1]
            assert [shown_number(frame.picture) for frame in footage.frames()] == [1, 2, 3, 4]
            (said,) = footage.remarks()
            assert "0000.png" in said
    for path in tmp_path.glob("0*"):
        path.write_bytes(b"")
    with pytest.raises(ImageError, match=facts("0000.png")):
        read(tmp_path, rate=1.0)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            del words

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_stream_from_an_address_is_footage(tmp_path: Path, served: str) -> None:
    write_film(tmp_path / "live.ts", EVEN)
    with open_footage(f"{served}/live.ts", start="2026-05-01T00:00Z") as footage:
        found = list(footage.frames())
    assert [shown_number(frame.picture) for frame in found] == list(range(60))
    with pytest.raises(FilmError, match=facts("none.ts")):
        read(f"{served}/none.ts")
    with pytest.raises(FilmError) as caught:
        read(served.replace("//", "//guard:secret@") + "/none.ts")
    assert "secret" not in str(caught.value)
    assert without_password("rtsp://a:b@cam:554/x?y=1") == "rtsp://cam:554/x?y=1"


def test_a_camera_of_the_network_is_footage(tmp_path: Path) -> None:
    film = write_film(tmp_path / "gate.mp4", EVEN, between=0)
    with rtsp_camera(film) as address:
        found = read(address)
        sampled = read(address, Sampling(1.0, 0.5, 4.0))
        short = read(address, Sampling(until=0.95))
    shown = [shown_number(frame.picture) for frame in found]
    assert shown[-1] == 59
    assert shown == list(range(shown[0], 60))
    np.testing.assert_allclose(
        [frame.time for frame in found],
        [EVEN[number] - EVEN[shown[0]] for number in shown],
        atol=0.01,
    )
    assert [frame.number for frame in found] == [number - shown[0] for number in shown]
    assert [round(frame.time, 1) for frame in sampled] == [0.5, 1.5, 2.5, 3.5]
    assert len(short) == 10
    with pytest.raises(FilmError, match=facts("rtsp://127.0.0.1")):  # nobody answers any more
        read(address, patience=2.0)


def test_a_playlist_opens_nothing_that_its_kind_may_not(tmp_path: Path, served: str) -> None:
    write_film(tmp_path / "live.ts", EVEN)
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{}/live.ts\n#EXT-X-ENDLIST\n"
    for place in (served, tmp_path):
        (tmp_path / "film.m3u8").write_text(playlist.format(place))
        with pytest.raises(FilmError):
            read(tmp_path / "film.m3u8")
    (tmp_path / "film.m3u8").write_text(playlist.format(served))
    assert len(read(f"{served}/film.m3u8")) == 60  # as an address it may
    (tmp_path / "film.m3u8").write_text(playlist.format(f"file://{tmp_path}"))
    with pytest.raises(FilmError):
        read(f"{served}/film.m3u8")


def test_impossible_samplings_are_refused() -> None:
    for wrong in ((-1.0, 0.0, 1.0), (0.0, 2.0, 2.0), (np.inf, 0.0, 1.0), (0.0, np.nan, 1.0)):
        with pytest.raises(FilmError):
            Sampling(*wrong)
    with pytest.raises(FilmError, match=facts(0)):
        Sampling.per_second(0)
