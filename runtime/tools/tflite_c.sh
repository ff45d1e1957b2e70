#!/bin/sh
# Puts TensorFlow Lite's C API into a folder, from the packages that have it:
#
#   DIRECTORY/2.9.0    include/, linux_amd64/libtensorflowlite_c.so, linux_arm64/libtensorflowlite_c.so
#   DIRECTORY/2.17.1   the same headers, linux_amd64/libtensorflowlite_c.so
#
#   tools/tflite_c.sh DIRECTORY
#
# Needs npm and pip. Done before: does nothing. The libraries are run by the tests, so what is fetched must have the
# checksums below.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
python=${PYTHON:-python3}
[ -e "$root/.done" ] && exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
npm pack --silent --pack-destination "$scratch" tfjs-tflite-node@0.0.2 >/dev/null
sha256sum --quiet --check - <<EOF
3be1632328a76a2475e5b6833253763c802c859433becb4d879ee1860e3b5284  $scratch/tfjs-tflite-node-0.0.2.tgz
EOF
tar xzf "$scratch"/tfjs-tflite-node-0.0.2.tgz -C "$scratch" package/cc_deps
"$python" -m pip download --quiet --disable-pip-version-check --dest "$scratch" --no-deps --only-binary=:all: \
    --platform manylinux_2_35_x86_64 pymicro-wakeword==2.5.0
sha256sum --quiet --check - <<EOF
3869f536402b1254e3be3549d3a462ecd6ed21ce2c3e77ec8eb501c3c700417c  $scratch/pymicro_wakeword-2.5.0-py3-none-manylinux_2_35_x86_64.whl
EOF
"$python" -m zipfile -e "$scratch"/pymicro_wakeword-*.whl "$scratch/wheel"

mkdir -p "$root/2.9.0" "$root/2.17.1/linux_amd64"
cd "$scratch/package/cc_deps"
cp -r include linux_amd64 linux_arm64 "$root/2.9.0"
cp -r include "$root/2.17.1"
cp "$scratch/wheel/pymicro_wakeword/lib/libtensorflowlite_c.so" "$root/2.17.1/linux_amd64"
touch "$root/.done"
