"""The token format of the specification in a few lines of Python, independent of the daemon's code."""
import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qs, quote, urlsplit

SECRET = b"correct horse battery staple"
OLD_SECRET = b"the secret of last summer"


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def mac(message, secret=SECRET, encoding="hex"):
    raw = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return raw.hex() if encoding == "hex" else base64url(raw)


def query(**params):
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())


def sign(path, uid="u1", ttl=3600, expires=None, secret=SECRET, encoding="hex", slash=True):
    """A signed URL for one decoded path."""
    expires = int(time.time()) + ttl if expires is None else expires
    signed = path if slash else path.lstrip("/")
    token = mac(f"{uid}:{signed}:{expires}", secret, encoding)
    return f"{quote(path)}?{query(uid=uid, expires=expires, token=token)}"


def sign_scope(scope, uid="u1", ttl=3600, expires=None, secret=SECRET, encoding="hex"):
    """The query that opens everything below a folder."""
    expires = int(time.time()) + ttl if expires is None else expires
    token = mac(f"{uid}:{scope}*:{expires}", secret, encoding)
    return query(uid=uid, expires=expires, scope=scope, token=token)


def params_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def with_params(url, **changes):
    """The URL with these parameters replaced; None takes one out."""
    params = params_of(url) | changes
    path = urlsplit(url).path
    return f"{path}?{query(**{k: v for k, v in params.items() if v is not None})}"
