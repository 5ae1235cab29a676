"""multipart/byteranges read as strictly as RFC 9110 14.6 and RFC 2046 5.1.1 write it, independent of the daemon's code."""
import re


def parts_of(response):
    """(type, first, last, total, bytes) of each part, in order."""
    kind = re.fullmatch(r"multipart/byteranges; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})", response["Content-Type"])
    assert kind, response.fields
    assert not response.all("Content-Range"), "RFC 9110 15.3.7.2"
    assert int(response["Content-Length"]) == len(response.body)
    delimiter = b"--" + kind[1].encode()
    begin, end = delimiter + b"\r\n", b"\r\n" + delimiter + b"--\r\n"
    assert response.body.startswith(begin) and response.body.endswith(end)
    return [part_of(raw) for raw in response.body[len(begin):-len(end)].split(b"\r\n" + begin)]


def part_of(raw):
    head, content = raw.split(b"\r\n\r\n", 1)
    match = re.fullmatch(r"Content-Type: (\S+)\r\nContent-Range: bytes (\d+)-(\d+)/(\d+)", head.decode())
    assert match, head
    first, last, total = map(int, match.groups()[1:])
    assert len(content) == last - first + 1
    return match[1], first, last, total, content
