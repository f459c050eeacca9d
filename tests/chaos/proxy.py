"""
A TCP proxy that can cut every connection through it: the network between our processes.

In: pairs ``listen:target`` of loopback ports. Out: bytes, passed on.
SIGUSR1 cuts all connections through the first pair, SIGUSR2 those through the second.
Never: a byte changed, or a connection cut by itself.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import sys

LOOPBACK = "127.0.0.1"
NOW = struct.pack("ii", 1, 0)  # linger 0: a reset instead of a polite end
SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)


class Wire:
    """All connections from one port to another."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.open: set[asyncio.StreamWriter] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends it."""
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, back}
        self.open |= pair
        try:
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            self.open -= pair
            for end in pair:
                end.transport.abort()

    def cut(self) -> None:
        """Reset every connection that is open now."""
        for writer in list(self.open):
            door: socket.socket | None = writer.get_extra_info("socket")
            if door is not None and door.fileno() >= 0:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
            writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def serve(pairs: list[tuple[int, int]]) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    for (listen, target), number in zip(pairs, SIGNALS, strict=False):
        wire = Wire(target)
        loop.add_signal_handler(number, wire.cut)
        await asyncio.start_server(wire.accept, LOOPBACK, listen)
    await asyncio.Event().wait()


if __name__ == "__main__":
    ports = [tuple(map(int, pair.split(":"))) for pair in sys.argv[1:]]
    asyncio.run(serve([(a, b) for a, b in ports]))
