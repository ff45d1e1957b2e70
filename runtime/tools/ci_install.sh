#!/bin/sh
# Installs what the runtime's tests need beyond Python packages, on Debian as root: compilers, qemu with plugins, npm.
set -eu
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
    g++ make binutils qemu-user ca-certificates libasan8 libubsan1 libtsan2 \
    cmake nlohmann-json3-dev libjpeg-dev libpng-dev
command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends npm
