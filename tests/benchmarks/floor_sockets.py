"""The same frames without a hub: what is posted goes to every socket, in one loop over them."""

import sys
from typing import Any

import orjson
import uvicorn

sending: set[Any] = set()
GREETING = '{"type":"connected"}'


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await hold(receive, send)
    elif scope["type"] == "http":
        frame = orjson.dumps(orjson.loads((await receive())["body"])).decode()
        message = {"type": "websocket.send", "text": frame}
        for one in list(sending):
            await one(message)
        await send({"type": "http.response.start", "status": 200, "headers": [LENGTH]})
        await send({"type": "http.response.body", "body": b""})


LENGTH = (b"content-length", b"0")


async def hold(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    sending.add(send)
    await send({"type": "websocket.send", "text": GREETING})
    while (await receive())["type"] != "websocket.disconnect":
        pass
    sending.discard(send)


def main() -> None:
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
