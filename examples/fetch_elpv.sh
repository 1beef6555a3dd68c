#!/bin/sh
# Fetches the ELPV dataset (electroluminescence images of solar cells) and lays out the input of
# examples/solar_cells.yaml:
#
#   data/elpv/real   16 monocrystalline cells that are surely defective (probability 1.0)
#   data/elpv/base   64 monocrystalline cells that are surely functional (probability 0.0)
#
# Of the cells of each kind, in the order of the dataset's own list, those at (k + 1/2) * n / m are
# taken for k = 0 .. m - 1: spread over the whole list, the same for everybody.
#
# The images come from the Python package elpv-dataset, whose wheel is an ordinary zip archive; it is
# fetched with pip and unpacked with unzip, or with Python where there is no unzip. Nothing of it is
# committed: data/ is ignored by git.
set -eu

cd "$(dirname "$0")/.."
target=${1:-data/elpv}
package=elpv-dataset
version=1.0.0.post1
sha256=85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c

fail() {
    echo "error: $1" >&2
    [ $# -lt 2 ] || echo "hint: $2" >&2
    exit "${3:-2}"
}

if command -v python3 >/dev/null; then python=python3; else python=python; fi
command -v "$python" >/dev/null || fail "Python with pip is needed to fetch the package" "install python3-pip"

cat >&2 <<'NOTICE'
The ELPV dataset is licensed CC-BY-NC-SA-4.0: not for commercial use, changes under the same licence,
with attribution. Please cite
  Buerhop-Lutz et al., "A Benchmark for Visual Identification of Defective Solar Cells in
  Electroluminescence Imagery", EU PVSEC 2018;
  Deitsch et al., "Automatic Classification of Defective Photovoltaic Module Cells in
  Electroluminescence Images", Solar Energy 185 (2019).
NOTICE

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m pip download --quiet --no-deps --only-binary :all: --dest "$work" "$package==$version" ||
    fail "the package $package $version could not be fetched" "see the messages of pip above" 3
wheel=$(ls "$work"/*.whl)
if command -v sha256sum >/dev/null; then
    echo "$sha256  $wheel" | sha256sum --check --quiet >&2 || fail "the package is not the expected one" "" 3
fi

mkdir "$work/wheel"
if command -v unzip >/dev/null; then
    unzip -q "$wheel" 'elpv_dataset/data/*' -d "$work/wheel"
else
    "$python" -m zipfile -e "$wheel" "$work/wheel"
fi
data=$work/wheel/elpv_dataset/data

# choose PROBABILITY COUNT: paths of the chosen monocrystalline cells.
choose() {
    awk -v probability="$1" -v count="$2" '
        $2 == probability && $3 == "mono" { path[n++] = $1 }
        END { for (k = 0; k < count; k++) print path[int((k + 0.5) * n / count)] }
    ' "$data/labels.csv"
}

# A folder is put in place only when it is whole.
lay_out() {
    mkdir "$work/$1"
    choose "$2" "$3" | while read -r path; do cp "$data/$path" "$work/$1/"; done
    count=$(ls "$work/$1" | wc -l)
    [ "$count" -eq "$3" ] || fail "$count cells instead of $3 in the dataset's list" "" 3
    rm -rf "${target:?}/$1"
    mv "$work/$1" "$target/$1"
    echo "$target/$1: $3 cells" >&2
}

mkdir -p "$target"
lay_out real 1.0 16
lay_out base 0.0 64
echo "next: synth run examples/solar_cells.yaml" >&2
