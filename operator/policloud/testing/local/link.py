"""The line between one site and the hub: an HTTP CONNECT proxy on loopback that knows two destinations.

Run as a program (`link.py PORT HOST:PORT…`), standard library only, so that a site's line can be cut by ending one
small process: everything the site says to its hub goes through here, and nothing else does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_CHUNK = 65_536
_HEADER_SECONDS = 10.0


async def _serve(port: int, allowed: frozenset[str]) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            await _tunnel(reader, writer, allowed)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allowed: frozenset[str]) -> None:
    header = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEADER_SECONDS)
    method, target, *_ = header.decode("latin-1").split(" ", 2)
    if method != "CONNECT" or target not in allowed:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return
    host, _, port = target.rpartition(":")
    try:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    finally:
        far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1]), frozenset(sys.argv[2:])))
