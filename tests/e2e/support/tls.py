"""Certificates made by the openssl tool, signed by an authority of the tests' own, and contexts of both sides."""
import functools
import ssl
import subprocess
from pathlib import Path

KEYS = {
    "ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"),
    "rsa": ("-newkey", "rsa:2048", "-noenc"),
    "weak": ("-newkey", "rsa:1024", "-noenc"),
}


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=30)


class Authority:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.file, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", *KEYS["ec"], "-days", 2, "-subj", "/CN=authority of the tests", "-keyout", self.key,
                "-out", self.file)
        self.certificate = functools.cache(self._certificate)
        self.client = functools.cache(self._client)

    def _certificate(self, *names, days=2, kind="ec", stem=None):
        """Files of a certificate for these names ("DNS:o1.test", "IP:127.0.0.1") and of its key."""
        stem = stem or "-".join([kind, *(name.replace(":", "-").replace("*", "any") for name in names)])
        cert, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        openssl("req", "-x509", "-CA", self.file, "-CAkey", self.key, *KEYS[kind], "-days", days, "-subj",
                f"/CN={stem[:60]}", "-addext", f"subjectAltName={','.join(names)}", "-keyout", key, "-out", cert)
        return cert, key

    def expired(self, *names):
        """The same, of yesteryear; by the `ca` command, for `req` only knows of days to come."""
        cert, key = self.folder / "expired.pem", self.folder / "expired.key"
        request, config = self.folder / "expired.csr", self.folder / "ca.cnf"
        (self.folder / "index.txt").write_text("")
        config.write_text(f"[ca]\ndefault_ca = d\n[d]\ndatabase = {self.folder}/index.txt\nnew_certs_dir = {self.folder}\n"
                          "rand_serial = yes\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n"
                          f"[e]\nsubjectAltName = {','.join(names)}\n")
        openssl("req", "-new", *KEYS["ec"], "-subj", "/CN=expired", "-keyout", key, "-out", request)
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.file, "-keyfile", self.key, "-in", request, "-out",
                cert, "-extensions", "e", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
        return cert, key

    def server(self, *names):
        """The context of a server that holds a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate(*names))
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _client(self, *alpn):
        """The context of a client that believes in this authority. It is everybody's: not to be changed."""
        context = ssl.create_default_context(cafile=self.file)
        if alpn:
            context.set_alpn_protocols(alpn)
        return context
