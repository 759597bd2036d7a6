"""What a person orders about mail that is not out: done by the running daemon, or without one by the command itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from gateway import log
from gateway.store.desk_hold import DeskHold
from gateway.store.store import Store

Order = Callable[[dict[str, Any]], dict[str, Any]]


def outbox_orders(store: Store, now: Callable[[], datetime], wake: Callable[[], None]) -> dict[str, Order]:
    """By the name of the control command. `wake`: called when mail may go out. An answer may be `{"error": ...}`."""
    desk = DeskHold(store)

    def release(arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("ids") is None:
            answer: dict[str, Any] = desk.end(now(), escalate=bool(arguments.get("escalate", True)))
            log.hold_ended(answer["released"], answer["overdue"])
        else:
            ids = _ids(arguments["ids"])
            let_go = store.release(now(), ids).result()
            if not let_go:
                return {"error": _none(ids, "is held")}
            answer = {"released": len(let_go), "ids": let_go}
        wake()
        return answer

    def hold(arguments: dict[str, Any]) -> dict[str, Any]:
        why = str(arguments.get("reason", ""))[:1000]
        held = desk.begin(now(), why)
        log.on_hold(why)
        return {"held": held}

    def drop(arguments: dict[str, Any]) -> dict[str, Any]:
        ids = _ids(arguments["ids"])
        reason = " ".join(str(arguments.get("reason", "")).split())[:1000]
        if not reason:
            return {"error": "a mail is dropped for a reason"}
        dropped = desk.drop(ids, reason, now())
        return {"dropped": dropped} if dropped else {"error": _none(ids, "waits or is held")}

    return {"outbox-release": release, "outbox-hold": hold, "outbox-drop": drop}


def _ids(given: Sequence[Any]) -> list[int]:
    return [int(number) for number in given]


def _none(ids: Sequence[int], state: str) -> str:
    return f"none of {', '.join(map(str, ids))} {state}; `gateway outbox` lists them"
