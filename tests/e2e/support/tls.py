"""Certificates for origins, made by the openssl tool, signed by an authority of the tests' own."""
import ssl
import subprocess
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=30)


class Authority:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.file, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", *KEY, "-days", 2, "-subj", "/CN=authority of the tests", "-keyout", self.key, "-out",
                self.file)

    def certificate(self, *names, days=2):
        """Files of a certificate for these names ("DNS:o1.test", "IP:127.0.0.1") and of its key."""
        stem = "-".join(name.replace(":", "-") for name in names)
        cert, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        openssl("req", "-x509", "-CA", self.file, "-CAkey", self.key, *KEY, "-days", days, "-subj", f"/CN={stem[:60]}",
                "-addext", f"subjectAltName={','.join(names)}", "-keyout", key, "-out", cert)
        return cert, key

    def server(self, *names):
        """The context of a server that holds a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate(*names))
        context.set_alpn_protocols(["http/1.1"])
        return context
