"""Small servers that tests break and mend."""

from __future__ import annotations

import socket
import ssl
import threading
from types import TracebackType
from typing import Self

import trustme


class TlsServer:
    """Completes TLS handshakes with the certificate it is told to show."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self.certificate = certificate
        self._context = self._context_of(certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def show(self, certificate: trustme.LeafCert) -> None:
        """Show another certificate from the next handshake on."""
        self._context = self._context_of(certificate)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            link.settimeout(5)
            try:
                with self._context.wrap_socket(link, server_side=True) as wrapped:
                    wrapped.recv(1)
            except OSError:
                link.close()

    @staticmethod
    def _context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context
