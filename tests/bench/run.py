"""Measures the product beside the ceilings of its parts: ./dev bench [--json FILE] [NAME...]

Every figure is taken in one run on one machine; ratios mean more than values."""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import api  # noqa: E402
import drift  # noqa: E402
import ingest  # noqa: E402
import lists  # noqa: E402
import proxy  # noqa: E402
import queries  # noqa: E402
import scheduling  # noqa: E402
import streams  # noqa: E402
from world import Results  # noqa: E402

MEASUREMENTS = {
    "reaction": scheduling.reaction,
    "deployment": scheduling.deployment,
    "ingest": ingest.ingest,
    "ingest-streams": ingest.ingest_streams,
    "ingest-unfiltered": ingest.ingest_unfiltered,
    "api": api.api,
    "lists": lists.lists,
    "growth": lists.growth,
    "queries": queries.queries,
    "streams": streams.streams,
    "drift": drift.drift,
    "proxy": proxy.proxy,
    "large-drift": drift.large_drift,
}
SLOW = {  # only when asked for by name
    "growth",
    "large-drift",
}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="also write the figures as a list of objects")
    names = f"of {', '.join(MEASUREMENTS)}; default: all but {', '.join(SLOW)}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    options = parser.parse_args()
    unknown = set(options.names) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    results = Results()
    print(f"{'':<58} {'value':>12} {'':<9} {'ceiling':>12} {'ratio':>7}  target")
    for name in options.names or [name for name in MEASUREMENTS if name not in SLOW]:
        MEASUREMENTS[name](results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results.rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
