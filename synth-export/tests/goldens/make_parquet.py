"""Writes pandas.parquet and the other .parquet goldens, and checks what synth wrote.

Needs pandas and pyarrow (made with pandas 3.1.1 and pyarrow 26.0.1):

    python make_parquet.py                writes the goldens beside this script
    python make_parquet.py check E.parquet [E.npy]
                                          reads a file of `synth embed` with pandas and pyarrow, and
                                          compares it with the matrix of the same images
"""
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
IDENTITY = {"name": "toy-1", "weights": "00ff", "preprocessing": "none"}


def grid(dtype):
    return (np.arange(15).reshape(3, 5) / 7 - 1).astype(dtype)


def frame(dtype):
    return pd.DataFrame({"note": [1, 2, 3], "id": ["a.png", "b.png", "é.png"], "group": ["x", "x", "y"],
                         "embedding": list(grid(dtype))})


def make():
    frame(np.float32).to_parquet(HERE / "pandas.parquet")
    # Large strings, a dictionary, float64, a fixed-size list, several row groups, and the
    # metadata of a file of which these rows were a part.
    lists = pa.FixedSizeListArray.from_arrays(pa.array(grid(np.float64).ravel()), 5)
    table = pa.table({"embedding": lists, "group": pa.array(["x", "x", "y"]).dictionary_encode(),
                      "id": pa.array(["a.png", "b.png", "é.png"], pa.large_string())})
    table = table.replace_schema_metadata({"synth.embedder": json.dumps(IDENTITY),
                                            "synth.content": "that of another file"})
    pq.write_table(table, HERE / "pyarrow.parquet", row_group_size=2, compression="none",
                   data_page_version="2.0")


def check(path, matrix):
    table = pq.read_table(path)
    assert table.schema.names[:3] == ["id", "group", "embedding"], table.schema
    kind = table.schema.field("embedding").type
    assert pa.types.is_fixed_size_list(kind) and kind.value_type == pa.float32(), kind
    identity = json.loads(table.schema.metadata[b"synth.embedder"])
    assert set(identity) <= {"name", "weights", "preprocessing"}, identity
    read = pd.read_parquet(path)
    rows = np.stack(read["embedding"].to_numpy())
    assert rows.dtype == np.float32 and rows.shape == (len(read), kind.list_size), rows.shape
    assert read["id"].is_unique and read["group"].map(type).eq(str).all()
    if matrix:
        np.testing.assert_array_equal(rows, np.load(matrix))
    print(f"pandas {pd.__version__}, pyarrow {pa.__version__}: {rows.shape} of {identity}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    else:
        make()
