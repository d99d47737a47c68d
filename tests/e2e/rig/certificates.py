# SPDX-License-Identifier: BSD-2-Clause
"""A certificate authority for a test, and certificates by it, made with openssl(1)."""

import subprocess


def _openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    def __init__(self, directory, name="ca"):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.key, self.pem = directory, directory / f"{name}.key", directory / f"{name}.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
                 self.pem, "-days", "2", "-subj", f"/CN={name}")

    def certificate(self, name, san):
        """Makes a certificate for subjectAltName `san`, such as "DNS:redis.test,IP:127.0.0.1". Returns (certificate, key)."""
        key, pem, request, extensions = (self.directory / f"{name}.{end}" for end in ("key", "pem", "csr", "ext"))
        extensions.write_text(f"subjectAltName={san}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj",
                 f"/CN={name}")
        _openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial", "-out", pem, "-days", "2",
                 "-extfile", extensions)
        return pem, key
