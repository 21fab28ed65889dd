#!/usr/bin/env bash
# A minimal Debian with this machine's package servers in a folder, for images to be built on (run as root).
#
#   bash .ci/base.sh FOLDER
set -euo pipefail
folder=$1
[ ! -e "$folder/etc/debian_version" ] || exit 0
command -v debootstrap > /dev/null || { apt-get -q update && apt-get -q install -y debootstrap; } > /dev/null
. /etc/os-release
mirror=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2> /dev/null |
    awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { print $2; exit }')
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$VERSION_CODENAME" "$folder.part" "$mirror" > "$folder.log" ||
    { tail "$folder.log" >&2; exit 1; }
rm -rf "$folder.part"/dev/* "$folder.part"/var/cache/apt/archives/*.deb
mv "$folder.part" "$folder"
