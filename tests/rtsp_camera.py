"""A camera that speaks just enough RTSP: H.264 over TCP, a NAL unit in each RTP packet."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

_CLOCK = 90_000  # units of an RTP time stamp in a second


def access_units(path: Path) -> list[tuple[float, list[bytes]]]:
    """Seconds and NAL units of each frame of an H.264 film without B-frames."""
    found = []
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        plain = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in film.demux(stream):
            if packet.pts is None:
                continue
            for each in plain.filter(packet):
                units = bytes(each).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
                found.append((float(each.pts * each.time_base), units))
    return found


class _Session(socketserver.StreamRequestHandler):
    frames: list[tuple[float, list[bytes]]]

    def handle(self) -> None:
        while line := self.rfile.readline().decode().strip():
            method, headers = line.split()[0], {}
            while field := self.rfile.readline().decode().strip():
                name, _, value = field.partition(":")
                headers[name.lower()] = value.strip()
            self._answer(method, headers["cseq"])
            if method == "PLAY":
                self._play()
                return

    def _answer(self, method: str, number: str) -> None:
        more, content = "", ""
        if method == "DESCRIBE":
            content = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=gate\r\nt=0 0\r\n"
            content += "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track0\r\n"
            more = f"Content-Type: application/sdp\r\nContent-Length: {len(content)}\r\n"
        if method == "SETUP":
            more = "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        head = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nPublic: DESCRIBE, SETUP, PLAY\r\n"
        self.wfile.write((head + more + "\r\n" + content).encode())

    def _play(self) -> None:
        number = 0
        self.connection.settimeout(5.0)
        for second, units in self.frames:
            for place, unit in enumerate(units):
                last = (place == len(units) - 1) << 7
                stamp = round(second * _CLOCK)
                header = struct.pack(">BBHII", 0x80, last | 96, number, stamp, 7)
                self.wfile.write(b"$\0" + struct.pack(">H", len(header + unit)) + header + unit)
                number += 1


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True  # one that waits for a reader who left holds nothing up


@contextmanager
def rtsp_camera(film: Path) -> Iterator[str]:
    """Serve a film once for each who asks; yields its address."""
    session = type("Session", (_Session,), {"frames": access_units(film)})
    with _Server(("127.0.0.1", 0), session) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"rtsp://127.0.0.1:{server.server_address[1]}/gate"
        server.shutdown()
        thread.join()
