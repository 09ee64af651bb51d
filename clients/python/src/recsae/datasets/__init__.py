"""Data sets as people have them in Python, made into folders that the suite reads (docs/data-sets.md).

    python -m recsae.datasets convert events.parquet my-shop        # the command

    recsae.datasets.convert("events.parquet", "my-shop")            # the same; needs pyarrow
    recsae.datasets.write("my-shop", interactions, items)           # pandas, polars or Arrow tables
"""

from recsae.datasets.folder import Written, convert, write

__all__ = ["Written", "convert", "write"]
