"""Writes the .npy goldens beside this file: what NumPy itself writes."""

from pathlib import Path

import numpy

HERE = Path(__file__).parent
GRID = numpy.arange(15, dtype=numpy.float64).reshape(3, 5) / 7 - 1

numpy.save(HERE / "f32.npy", GRID.astype(numpy.float32))
numpy.save(HERE / "f64.npy", GRID)
numpy.save(HERE / "f64_fortran.npy", numpy.asfortranarray(GRID))
numpy.save(HERE / "f32_empty.npy", numpy.zeros((0, 4), numpy.float32))
numpy.save(HERE / "f32_big_endian.npy", GRID.astype(">f4"))
numpy.save(HERE / "i64.npy", numpy.arange(6).reshape(2, 3))
numpy.save(HERE / "f32_vector.npy", GRID[0].astype(numpy.float32))
