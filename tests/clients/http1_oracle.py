"""A strict reader of HTTP/1.1 request bytes (RFC 9112, RFC 9110): what a stream holds when nothing is guessed.

`read(data)` says which requests the bytes hold, and which of these they meet:
- `reject`: a defect that a recipient must refuse, or must not forward as it is;
- `may`: defects that the RFCs let a recipient refuse or repair;
- `incomplete`: the bytes end in the middle of a message.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
REQUEST_LINE = re.compile(rb"([^ ]*) ([^ ]*) (HTTP/[0-9]\.[0-9])")
LENIENT_REQUEST_LINE = re.compile(
    rb"[ \t\x0b\x0c\r]*([^\s]+)[ \t\x0b\x0c\r]+([^\s]+)[ \t\x0b\x0c\r]+(HTTP/[0-9]\.[0-9])[ \t\x0b\x0c\r]*"
)
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*(;.*))?([ \t]*)", re.S)
CHUNK_EXTENSIONS = re.compile(
    rb"(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
    rb"(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|\"(?:[^\"\\]|\\.)*\"))?)*[ \t]*",
    re.S,
)
# Defects that make two recipients read the same bytes differently: none may reach an origin.
HAZARDS = {
    "bare-cr",
    "bare-lf",
    "chunk-extension-grammar",
    "ctl-in-value",
    "lenient-request-line-whitespace",
    "nul-in-value",
    "obs-fold",
    "other-transfer-coding",
    "repeated-cl",
    "space-after-chunk-size",
    "te-and-cl",
    "te-empty-element",
    "te-in-1.0",
    "te-parameter",
    "ws-before-first-field",
}
NUMBER_MAX = 2**63


@dataclass
class Request:
    method: bytes = b""
    target: bytes = b""
    version: bytes = b""
    fields: list = field(default_factory=list)
    body: bytes = b""

    def values(self, name):
        return [value for found, value in self.fields if found.lower() == name]

    def ends_connection(self, upgrades):
        """Whether bytes behind it are no further request; behind an upgrade they are none if the origin `upgrades`."""
        connection = b",".join(value.lower() for value in self.values(b"connection"))
        return (
            b"close" in connection
            or (self.version == b"HTTP/1.0" and b"keep-alive" not in connection)
            or self.method == b"CONNECT"
            or (upgrades and self.is_upgrade())
        )

    def is_upgrade(self):
        connection = b",".join(value.lower() for value in self.values(b"connection"))
        return bool(self.values(b"upgrade")) and b"upgrade" in connection


@dataclass
class Reading:
    requests: list = field(default_factory=list)
    reject: str | None = None
    incomplete: str | None = None
    may: list = field(default_factory=list)
    rest: bytes = b""

    def hazards(self):
        """The defects that must not reach an origin."""
        found = [defect for defect in self.may if defect in HAZARDS]
        if self.reject:
            found.append(f"invalid({self.reject})")
        return list(dict.fromkeys(found))


class Defect(Exception):
    """The bytes must be refused."""


class Short(Exception):
    """The bytes end inside a message."""


def read(data, upgrades=True):
    """Reads requests until the bytes end, a defect stops it, or a request ends the connection. An origin that answers an
    upgrade with a plain response goes on in HTTP: `upgrades=False`."""
    reading, at = Reading(), 0
    while at < len(data):
        try:
            request, end = Reader(data, at, reading.may).request()
        except Defect as defect:
            reading.reject, reading.rest = str(defect), data[at:]
            break
        except Short as short:
            reading.incomplete, reading.rest = str(short), data[at:]
            break
        if request is None:
            break
        at = end
        reading.requests.append(request)
        if request.ends_connection(upgrades):
            if request.method == b"CONNECT" or request.is_upgrade():
                reading.may.append("tunnel")
            reading.rest = data[at:]
            break
    return reading


class Reader:
    """Reads one request from `data[at:]`, noting tolerable defects in `may`."""

    def __init__(self, data, at, may):
        self.data, self.at, self.may = data, at, may

    def request(self):
        while self.data.startswith((b"\r\n", b"\n"), self.at):
            self.at += 2 if self.data[self.at] == 0x0D else 1
            self.may.append("leading-crlf")
        if self.at >= len(self.data):
            return None, self.at
        request = self.request_line()
        request.fields = self.fields("field")
        self.check_host(request)
        self.body(request)
        return request, self.at

    def line(self):
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise Short("line")
        line, self.at = self.data[self.at : end], end + 1
        if line.endswith(b"\r"):
            return line[:-1]
        self.may.append("bare-lf")
        return line

    # https://www.rfc-editor.org/rfc/rfc9112#section-3
    def request_line(self):
        line = self.line()
        match = REQUEST_LINE.fullmatch(line)
        if not match:
            match = LENIENT_REQUEST_LINE.fullmatch(line)
            if not match:
                raise Defect("request line")
            self.may.append("lenient-request-line-whitespace")
        method, target, version = match.groups()
        if not TOKEN.fullmatch(method):
            raise Defect("method not a token")
        self.check_target(method, target)
        if version not in (b"HTTP/1.0", b"HTTP/1.1"):
            if not version.startswith(b"HTTP/1."):
                raise Defect("version")
            self.may.append("minor-version")
        return Request(method, target, version)

    def check_target(self, method, target):
        if not target:
            raise Defect("empty target")
        if re.search(rb"[\x00-\x20\x7f]", target):
            raise Defect("control character in target")
        if re.search(rb'[\x80-\xff"<>\\^`{|}#]', target):
            self.may.append("target-characters")
        if method == b"CONNECT":
            self.may.append("connect")
        elif target == b"*":
            if method != b"OPTIONS":
                raise Defect("asterisk-form")
            self.may.append("asterisk")
        elif not target.startswith(b"/"):
            if not re.match(rb"[A-Za-z][A-Za-z0-9+.\-]*://", target):
                raise Defect("target form")
            self.may.append("absolute-form")

    # https://www.rfc-editor.org/rfc/rfc9112#section-5
    def fields(self, where):
        lines = []
        while line := self.line():
            if line[:1] not in b" \t":
                lines.append(line)
            elif lines:
                self.may.append("obs-fold")
                lines[-1] += b" " + line.strip(b" \t")
            else:
                self.may.append("ws-before-first-field")
        return [self.field(line, where) for line in lines]

    def field(self, line, where):
        name, colon, value = line.partition(b":")
        if not colon:
            raise Defect(f"{where} line without colon")
        if name and name[-1:] in b" \t":
            raise Defect("whitespace before colon")
        if not TOKEN.fullmatch(name):
            raise Defect(f"{where} name not a token")
        if b"\0" in value:
            self.may.append("nul-in-value")
        if b"\r" in value:
            self.may.append("bare-cr")
        if re.search(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]", value):
            self.may.append("ctl-in-value")
        return name, value.strip(b" \t")

    # https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    def check_host(self, request):
        hosts = request.values(b"host")
        if len(hosts) > 1:
            raise Defect("several Host")
        if not hosts:
            if request.version != b"HTTP/1.0":
                raise Defect("no Host")
            self.may.append("no-host-1.0")
        elif re.search(rb'[\x00-\x20\x7f-\xff"<>\\^`{|}/@?#,]', hosts[0]):
            raise Defect("Host value")
        elif hosts[0] == b"":
            self.may.append("empty-host")

    # https://www.rfc-editor.org/rfc/rfc9112#section-6
    def body(self, request):
        codings, lengths = request.values(b"transfer-encoding"), request.values(b"content-length")
        length = self.content_length(lengths) if lengths else None
        if codings:
            self.check_codings(codings)
            if lengths:
                self.may.append("te-and-cl")
            if request.version == b"HTTP/1.0":
                self.may.append("te-in-1.0")
            request.body = self.chunks()
            self.trailers()
        elif length is not None:
            if len(self.data) < self.at + length:
                raise Short("body")
            request.body = self.data[self.at : self.at + length]
            self.at += length

    def content_length(self, lengths):
        values = [value.strip(b" \t") for line in lengths for value in line.split(b",")]
        if not all(re.fullmatch(rb"[0-9]+", value) for value in values):
            raise Defect("Content-Length value")
        numbers = {int(value) for value in values}
        if len(numbers) > 1:
            raise Defect("differing Content-Length")
        if len(values) > 1:
            self.may.append("repeated-cl")
        if max(numbers) >= NUMBER_MAX:
            raise Defect("Content-Length overflow")
        if len(values[0]) > 1 and values[0].startswith(b"0"):
            self.may.append("cl-leading-zero")
        return max(numbers)

    def check_codings(self, lines):
        codings = [coding.strip(b" \t").lower() for line in lines for coding in line.split(b",")]
        if b"" in codings and len(codings) > 1:
            self.may.append("te-empty-element")
        codings = [coding for coding in codings if coding]
        if not codings or codings[-1].split(b";")[0].strip() != b"chunked":
            raise Defect("final transfer coding is not chunked")
        if b";" in codings[-1]:
            self.may.append("te-parameter")
        if codings.count(b"chunked") > 1:
            raise Defect("chunked twice")
        if len(codings) > 1:
            self.may.append("other-transfer-coding")

    # https://www.rfc-editor.org/rfc/rfc9112#section-7.1
    def chunks(self):
        body = b""
        while size := self.chunk_size():
            data = self.data[self.at : self.at + size]
            if len(data) < size:
                raise Short("chunk data")
            self.at += size
            end = self.data[self.at : self.at + 2]
            if end in (b"", b"\r"):
                raise Short("chunk end")
            if end != b"\r\n":
                raise Defect("chunk data not followed by CRLF")
            self.at += 2
            body += data
        return body

    def chunk_size(self):
        end = self.data.find(b"\n", self.at)
        if end < 0:
            if re.match(rb"[^0-9A-Fa-f]", self.data[self.at :]):
                raise Defect("chunk size")
            raise Short("chunk line")
        line, self.at = self.data[self.at : end], end + 1
        if not line.endswith(b"\r"):
            raise Defect("bare LF ends a chunk line")
        match = CHUNK_LINE.fullmatch(line[:-1])
        if not match:
            raise Defect("chunk size")
        digits, extensions, space = match.groups()
        if extensions:
            if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", extensions):
                raise Defect("control character in chunk extension")
            if not CHUNK_EXTENSIONS.fullmatch(extensions):
                self.may.append("chunk-extension-grammar")
        elif space:
            self.may.append("space-after-chunk-size")
        size = int(digits, 16)
        if size >= NUMBER_MAX or len(digits) > 40:
            raise Defect("chunk size overflow")
        return size

    def trailers(self):
        while line := self.line():
            if line[:1] in b" \t":
                self.may.append("obs-fold")
            else:
                self.field(line, "trailer")
