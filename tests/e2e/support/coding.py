"""What a browser does with Content-Encoding, by decoders that the daemon has no part in."""
import gzip

import brotli

DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress}


def decoded(response):
    """The bytes behind Content-Encoding."""
    coding = response.get("Content-Encoding")
    return DECODERS[coding](response.body) if coding else response.body


def coding_of(response):
    return response.get("Content-Encoding", "identity")
