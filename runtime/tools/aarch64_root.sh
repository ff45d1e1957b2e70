#!/bin/sh
# Makes a folder that holds an aarch64 Linux: Debian's Python and what the runtime needs, to be run on
# another machine by qemu-aarch64, or copied to an Android device. The host's package database is
# neither read nor changed.
#
#   tools/aarch64_root.sh DIRECTORY [PACKAGE...]      # and more of Debian's packages
#
# `DIRECTORY/python` is the command that runs this Python on an Android device.
# `aarch64_requirements.txt` names the versions and what each wheel must hash to. Needs apt-get,
# dpkg-deb and pip. Done before: does nothing.
set -eu

[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [PACKAGE...]" >&2; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
shift
packages="python3 libstdc++6 libc6 $*"
requirements=$(dirname "$0")/aarch64_requirements.txt
python=${PYTHON:-python3}
name_of() { cksum | cut -d " " -f 1; }
stamp=$root/.done-$( (echo "$packages"; cat "$requirements" "$0") | name_of)
[ -e "$stamp" ] && exit 0

# 1. Debian packages for arm64, by an apt that keeps its state in the folder.
unpacked="$root/.unpacked-$(echo "$packages" | name_of)"
if [ ! -e "$unpacked" ]; then
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
    # shellcheck disable=SC2086  # words of a list
    private_apt install --yes --download-only --no-install-recommends $packages
    for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
    rm -r "$apt"
    touch "$unpacked"
fi

# 2. The interpreter, NumPy and Pillow, as wheels for that Python.
version=$(basename "$(readlink "$root/usr/bin/python3")" | sed 's/python//')
site=site-$(name_of < "$requirements")
if [ ! -e "$root/$site/.done" ]; then
    wheels="$root/.wheels"
    "$python" -m pip download --quiet --disable-pip-version-check --dest "$wheels" --only-binary=:all: \
        --no-deps --require-hashes --requirement "$requirements" \
        --python-version "$version" --implementation cp \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
        --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64
    mkdir -p "$root/$site"
    for wheel in "$wheels"/*.whl; do "$python" -m zipfile -e "$wheel" "$root/$site"; done
    rm -r "$wheels"
    touch "$root/$site/.done"
fi
ln -sfn "$site" "$root/site"

# 3. A processor for the interpreter to find. qemu-aarch64 -L redirects reads of this path; without it
# LiteRT 2.2 and 2.3 read the host's x86 file and crash in their processor detection.
mkdir -p "$root/proc"
for core in 0 1 2 3; do
    printf 'processor\t: %s\nBogoMIPS\t: 108.00\n' "$core"
    printf 'Features\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n'
    printf 'CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
done > "$root/proc/cpuinfo"

# 4. The Python by its own loader and libraries: for Android, wherever the folder lies there.
cat > "$root/python" <<'END'
#!/system/bin/sh
root=$(cd "$(dirname "$0")" && pwd)
libraries=$root/lib/aarch64-linux-gnu:$root/usr/lib/aarch64-linux-gnu
export PYTHONHOME="$root/usr" PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$root/site"
exec "$root/lib/ld-linux-aarch64.so.1" --library-path "$libraries" "$root/usr/bin/python3" "$@"
END
chmod 755 "$root/python"
touch "$stamp"
