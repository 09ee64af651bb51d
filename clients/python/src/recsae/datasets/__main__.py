"""The command: python -m recsae.datasets convert SOURCE FOLDER."""

import argparse
import pathlib
import sys
from typing import List, Optional

from recsae.datasets.folder import convert


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recsae.datasets", description="Data sets for the RecSAE suite.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "convert", help="Parquet files as a folder that the suite reads",
        description="Writes the tables of SOURCE, a Parquet file or a folder of them (part files too), as CSV into "
                    "FOLDER, which the suite then reads as a data set. Tables that are text already are copied.")
    command.add_argument("source", metavar="SOURCE", type=pathlib.Path)
    command.add_argument("folder", metavar="FOLDER", type=pathlib.Path)
    command.add_argument("--explode", metavar="COLUMN", action="append", default=[],
                         help="one line for each element of this column's lists (again for lists beside it)")
    command.add_argument("--overwrite", action="store_true", help="replace tables that are in FOLDER already")
    given = parser.parse_args(arguments)
    try:
        tables = convert(given.source, given.folder, explode=given.explode, overwrite=given.overwrite)
    except (OSError, ValueError, ImportError) as error:
        print(f"recsae.datasets: {error}", file=sys.stderr)
        return 1
    for table in tables:
        print(table)
    name = given.folder.resolve().name
    print(f"read it with: recsae datasets get {name}  (the server finds it with --data {given.folder.resolve().parent})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
