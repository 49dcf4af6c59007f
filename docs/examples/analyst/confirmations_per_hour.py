#!/usr/bin/env python3
"""Confirmations per hour, from the curated stream of a grant.

    python3 -m venv venv && venv/bin/pip install -r docs/examples/analyst/requirements.txt
    venv/bin/python docs/examples/analyst/confirmations_per_hour.py risk.json

Reads what is new since it was run last: the server remembers what was acknowledged. An event is acknowledged after it is
counted, so that none is lost; one that comes twice has the same lane and number.
"""

import asyncio
import collections
import datetime
import json
import sys

import nats

BATCH = 500


async def main(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        grant = json.load(file)
    connection = await nats.connect(
        grant["url"],
        nkeys_seed_str=grant["seed"],
        # Nothing else may be subscribed to.
        inbox_prefix=grant["inbox_prefix"].encode(),
    )
    consumer = await connection.jetstream().pull_subscribe_bind(
        consumer=grant["consumers"][0], stream=grant["stream"]
    )
    counts = collections.Counter()
    seen = {}  # the last number of every lane
    while True:
        try:
            messages = await consumer.fetch(BATCH, timeout=5)
        except asyncio.TimeoutError:  # the client's own is one of these, too
            break
        for message in messages:
            event = json.loads(message.data)
            lane, number = event["lane"], event["number"]
            previous = int(message.headers["Countersign-Previous"].split("-")[1])
            if lane in seen and seen[lane] < previous:
                print(f"missing: lane {lane}, {seen[lane]} to {previous}", file=sys.stderr)
            if number > seen.get(lane, 0):
                seen[lane] = number
                if event["word"] == "confirm_transaction" and event["result"] == 0:
                    moment = datetime.datetime.fromtimestamp(
                        event["recorded_at"] / 1000, datetime.timezone.utc
                    )
                    counts[moment.strftime("%Y-%m-%dT%H:00Z")] += 1
            await message.ack()
        await connection.flush()
    for hour, count in sorted(counts.items()):
        print(f"{hour}\t{count}")
    await connection.close()


asyncio.run(main(sys.argv[1]))
