"""The lines between clusters of one machine: each cluster goes out through a proxy, whose lines can be cut silently."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future

from policloud.testing.controlplane.ports import LOOPBACK, free_port

_CHUNK = 65_536
_HEADER_SECONDS = 10.0
Resolve = Callable[[], str | None]  # HOST:PORT of what answers now


class Lines:
    """All of them, in one event loop of a thread of its own. Names are those of clusters."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._destinations: dict[str, tuple[str, Resolve]] = {}
        self._open: dict[frozenset[str], asyncio.Event] = {}
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="lines", daemon=True)
        self._thread.start()

    def reach(self, address: str, cluster: str, resolve: Resolve) -> None:
        """From now on `address` (HOST:PORT as in a URL) leads to whatever `resolve` finds on `cluster`."""
        self._destinations[address] = (cluster, resolve)

    def proxy(self, cluster: str) -> str:
        """URL of a new HTTP proxy (CONNECT) for what `cluster` sends out."""
        port = free_port()

        async def begin() -> None:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
                    await self._tunnel(cluster, reader, writer)
                writer.close()

            self._servers.append(await asyncio.start_server(serve, LOOPBACK, port))

        self._wait(asyncio.run_coroutine_threadsafe(begin(), self._loop))
        return f"http://{LOOPBACK}:{port}"

    def cut(self, one: str, other: str) -> None:
        """No byte passes any more; no connection is closed, none is refused."""
        self._loop.call_soon_threadsafe(self._gate(one, other).clear)

    def heal(self, one: str, other: str) -> None:
        """What was on its way goes on its way."""
        self._loop.call_soon_threadsafe(self._gate(one, other).set)

    def close(self) -> None:
        async def end() -> None:
            for server in self._servers:
                server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._wait(asyncio.run_coroutine_threadsafe(end(), self._loop))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _gate(self, one: str, other: str) -> asyncio.Event:
        pair = frozenset((one, other))
        if pair not in self._open:
            self._open[pair] = asyncio.Event()
            self._open[pair].set()
        return self._open[pair]

    async def _tunnel(self, cluster: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEADER_SECONDS)
        method, target, *_ = header.decode("latin-1").split(" ", 2)
        there, resolve = self._destinations.get(target, ("", lambda: None))
        gate = self._gate(cluster, there)
        await gate.wait()
        address = await asyncio.to_thread(resolve)
        if method != "CONNECT" or address is None:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        host, _, port = address.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_copy(reader, far_writer, gate), _copy(far_reader, writer, gate))
        finally:
            far_writer.close()

    @staticmethod
    def _wait(future: Future[None]) -> None:
        future.result(30)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            await gate.wait()
            writer.write(data)
            await writer.drain()
        await gate.wait()
        if writer.can_write_eof():
            writer.write_eof()
