#!/usr/bin/env bash
# A minimal Debian with this machine's package servers in a folder, for images to be built on (run as root).
#
#   bash .ci/base.sh FOLDER
set -euo pipefail
folder=$1
[ ! -e "$folder/etc/debian_version" ] || exit 0
command -v debootstrap > /dev/null || { apt-get -q update && apt-get -q install -y debootstrap; } > /dev/null
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
    awk -v suite="$VERSION_CODENAME" '$2 == suite { found = $1 } END { print found }')
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$VERSION_CODENAME" "$folder.part" "$mirror" > "$folder.log" ||
    { tail "$folder.log" >&2; exit 1; }
rm -rf "$folder.part"/dev/* "$folder.part"/var/cache/apt/archives/*.deb
mv "$folder.part" "$folder"
