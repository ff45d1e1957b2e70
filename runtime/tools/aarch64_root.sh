#!/bin/sh
# Makes a folder that holds an aarch64 Linux: Debian's Python and a LiteRT interpreter, to be run on
# another machine by qemu-aarch64. The host's package database is neither read nor changed.
#
#   tools/aarch64_root.sh DIRECTORY
#
# `aarch64_requirements.txt` names the versions and what each wheel must hash to. Needs apt-get,
# dpkg-deb and pip. Done before: does nothing.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
requirements=$(dirname "$0")/aarch64_requirements.txt
litert=$(sed -n 's/^ai-edge-litert==\([^ ]*\).*/\1/p' "$requirements")
python=${PYTHON:-python3}
stamp="$root/.done-$litert"
[ -e "$stamp" ] && exit 0

# 1. Debian packages for arm64, by an apt that keeps its state in the folder.
if [ ! -x "$root/usr/bin/python3" ]; then
    apt="$root/.apt"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    : > "$apt/status"
    private_apt() {
        apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
            -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" \
            -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" \
            -o Debug::NoLocking=true -o APT::Sandbox::User=root "$@"
    }
    private_apt update
    private_apt install --yes --download-only --no-install-recommends python3 libstdc++6 libc6
    for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
    rm -r "$apt"
fi

# 2. The interpreter and NumPy, as wheels for that Python.
version=$(basename "$(readlink "$root/usr/bin/python3")" | sed 's/python//')
wheels="$root/.wheels-$litert"
"$python" -m pip download --quiet --disable-pip-version-check --dest "$wheels" --only-binary=:all: \
    --no-deps --require-hashes --requirement "$requirements" \
    --python-version "$version" --implementation cp \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64
site="$root/site-$litert"
mkdir -p "$site"
for wheel in "$wheels"/*.whl; do "$python" -m zipfile -e "$wheel" "$site"; done
rm -r "$wheels"

# 3. A processor for the interpreter to find. qemu-aarch64 -L redirects reads of this path; without it
# LiteRT 2.2 and 2.3 read the host's x86 file and crash in their processor detection.
mkdir -p "$root/proc"
for core in 0 1 2 3; do
    printf 'processor\t: %s\nBogoMIPS\t: 108.00\n' "$core"
    printf 'Features\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n'
    printf 'CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
done > "$root/proc/cpuinfo"
touch "$stamp"
