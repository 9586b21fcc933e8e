#!/usr/bin/env python3
"""A table of deliveries, built from the log's PurchaseCompleted alone, as operations streams them.

    deliveries.py 127.0.0.1:11000 deliveries.jsonl

Where the shop has access control, JANGBU_CREDENTIAL holds the access key of an auditor.

The file is the table. A row and its place in the log are one line, written at once, so that the two agree however this
program ends. The next start goes on behind the last whole line.
"""
import contextlib
import http.client
import json
import os
import sys
import time


def events(operations, place):
    """The events behind that place, as they come, until the stream ends."""
    with contextlib.closing(http.client.HTTPConnection(operations, timeout=60)) as connection:  # heartbeats: 15 s
        fields = {"Last-Event-ID": place}
        if credential := os.environ.get("JANGBU_CREDENTIAL"):
            fields["Authorization"] = "Bearer " + credential
        connection.request("GET", "/events/stream?type=PurchaseCompleted", headers=fields)
        answer = connection.getresponse()
        if 400 <= answer.status < 500:
            sys.exit(f"{operations} refuses to go on behind {place}: {answer.read().decode()}")
        for line in answer if answer.status == 200 else ():
            if line.startswith(b"data: ") and line.endswith(b"\n"):  # else it was cut off
                yield json.loads(line[6:])


def order(place):
    return [int(number) for number in place.split(".")]


operations, file = sys.argv[1:]
with open(file, "ab+", buffering=0) as table:
    table.seek(0)
    written = table.read()
    rows = written[: written.rfind(b"\n") + 1]
    table.truncate(len(rows))  # a line that a kill has cut short
    place = json.loads(rows.splitlines()[-1])["place"] if rows else "0.0"
    while True:
        try:
            for event in events(operations, place):
                if order(event["id"]) <= order(place):
                    continue  # sent again: it is in the table
                place, bought = event["id"], event["data"]
                names = ("productId", "product", "quantity")
                items = [{name: line[name] for name in names} for line in bought["lines"]]
                row = {"id": bought["id"], "buyerId": bought["buyer"]["id"], "items": items,
                       "openedAt": bought["purchasedAt"], "place": place}
                table.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        except (OSError, http.client.HTTPException) as error:
            print(f"{operations}: {error}", file=sys.stderr)
        time.sleep(2)
