#!/usr/bin/env bash
# Give this machine a working Apptainer (run as root).
#
#   bash .ci/apptainer.sh [USER ...]
#
# USER: ordinary users who should be able to build images (subordinate ids).
# Idempotent: a second run finds everything in place and changes nothing.
#
#  1. If `apptainer` already runs, nothing is installed.
#  2. If the machine's own Debian/Ubuntu suite has a package `apptainer`,
#     that one is installed.
#  3. Otherwise (Debian 12 has none) the package from Debian unstable is
#     repacked: it needs a newer glibc than Debian 12 has, so its own libc,
#     libseccomp and sqlite are put in a private folder inside the package and
#     its two programs are told (patchelf) to use them.  The rest of the
#     machine stays on its own suite, and dpkg/apt stay consistent: the result
#     is an ordinary package that `apt-get remove apptainer` takes away.
#  4. Configuration: helpers to mount images without root, /dev/fuse for
#     everyone, subordinate ids, and a root caller on a machine that lacks some
#     capability (containers and small VMs often do).
set -euo pipefail

LIBDIR=/opt/apptainer-libs            # private home of the newer libraries
log()  { printf 'apptainer.sh: %s\n' "$*"; }
die()  { printf 'apptainer.sh: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || die "run me as root"
command -v apt-get >/dev/null || die "this is not a Debian-like machine; install Apptainer by hand"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
umask 022

works() { command -v apptainer >/dev/null 2>&1 && apptainer --version >/dev/null 2>&1; }

apt_updated=
apt_update() { [ -n "$apt_updated" ] || { apt-get -q update >/dev/null; apt_updated=1; }; }

need() {                              # need PACKAGE...: install what is missing
    local p miss=()
    for p in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || miss+=("$p")
    done
    [ ${#miss[@]} -eq 0 ] && return 0
    apt_update
    log "installing ${miss[*]}"
    apt-get -q install -y --no-install-recommends "${miss[@]}" >/dev/null
}

# The machine's own Debian mirror: the first archive address in its apt sources
# that is not a security archive.
mirror() {
    local f
    for f in /etc/apt/sources.list.d/*.sources; do
        [ -e "$f" ] && awk '/^URIs:/ { for (i = 2; i <= NF; i++) print $i }' "$f"
    done
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -e "$f" ] && sed -n 's/^deb[[:space:]]\+\(\[[^]]*\][[:space:]]*\)\?\([^[:space:]]\+\)[[:space:]].*/\2/p' "$f"
    done
    return 0
}

install_from_unstable() {
    local arch work uri opts deb pkg lib ld tri f bin
    arch=$(dpkg --print-architecture)
    [ "$arch" = amd64 ] || [ "$arch" = arm64 ] || die "no recipe for architecture $arch"
    uri=$(mirror | grep -v -i security | head -n 1)
    [ -n "$uri" ] || die "no Debian mirror found in /etc/apt"
    need ca-certificates patchelf debian-archive-keyring
    work=$(mktemp -d /var/tmp/apptainer-setup.XXXXXX)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    chmod 755 "$work"                 # apt's own user must get in
    mkdir -p "$work"/{state/lists/partial,cache/archives/partial,deb,libs,pkg}
    chown _apt "$work"/{state/lists/partial,cache/archives/partial,deb} 2>/dev/null || true
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri sid main" > "$work/s.list"
    # A private apt: its own source list, state and cache; the machine's own are not touched.
    # Signatures are checked; the index's date is not (a mirror may serve a snapshot).
    opts=(-q -o Dir::Etc::SourceList="$work/s.list" -o Dir::Etc::SourceParts=/dev/null
          -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
          -o Dir::State="$work/state" -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache"
          -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o APT::Architecture="$arch" -o APT::Architectures="$arch")
    log "reading the index of Debian unstable"
    apt-get "${opts[@]}" update >/dev/null
    log "downloading apptainer and the libraries it was built against"
    (cd "$work/deb" && apt-get "${opts[@]}" download apptainer libc6 libseccomp2 libsqlite3-0 >/dev/null)
    deb=$(echo "$work"/deb/apptainer_*.deb)
    for pkg in libc6 libseccomp2 libsqlite3-0; do
        dpkg-deb -x "$work"/deb/${pkg}_*.deb "$work/libs"
    done

    dpkg-deb -R "$deb" "$work/pkg"
    tri=$(cd "$work/libs/usr/lib" && ls -d ./*-linux-gnu | head -n 1); tri=${tri#./}
    mkdir -p "$work/pkg$LIBDIR"
    # only what the two programs load: the loader, libc's parts, seccomp, sqlite,
    # and the name-service modules (user and host look-ups)
    for lib in 'ld-linux*' 'libc.so.*' 'libm.so.*' 'libpthread.so.*' 'libdl.so.*' 'librt.so.*' \
               'libresolv.so.*' 'libnss_*.so.*' 'libseccomp.so.*' 'libsqlite3.so.*'; do
        find "$work/libs/usr/lib/$tri" -maxdepth 1 -name "$lib" -exec cp -a -t "$work/pkg$LIBDIR" {} +
    done
    # arm64 keeps its loader link elsewhere
    ld=$(cd "$work/pkg$LIBDIR" && ls ld-linux* | head -n 1)
    [ -n "$ld" ] || die "no dynamic loader in the downloaded libc6"
    for bin in "$work/pkg/usr/bin/apptainer" "$work"/pkg/usr/lib/*/apptainer/bin/starter*; do
        [ -e "$bin" ] || continue
        patchelf --set-interpreter "$LIBDIR/$ld" --force-rpath --set-rpath "$LIBDIR" "$bin"
        "$work/pkg$LIBDIR/$ld" --library-path "$work/pkg$LIBDIR" --list "$bin" > "$work/ldd" ||
            die "the repacked $(basename "$bin") does not load"
        if grep -q 'not found' "$work/ldd"; then cat "$work/ldd" >&2; die "a library is missing"; fi
    done
    # Own version, no dependency on the libraries that now come along, and no list of
    # the sources it was built from (very long).
    sed -i -E -e 's/^(Version: .*)$/\1+local1/' \
              -e '/^(Static-)?Built-Using:/d' \
              -e '/^Depends:/{s/, *(libc6|libseccomp2|libsqlite3-0) *\([^)]*\)//g}' \
        "$work/pkg/DEBIAN/control"
    (cd "$work/pkg" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | xargs -0 md5sum > DEBIAN/md5sums)
    dpkg-deb --root-owner-group -Znone -b "$work/pkg" "$work/deb/apptainer_local.deb" >/dev/null
    chmod 644 "$work/deb/apptainer_local.deb"
    apt_update
    log "installing the repacked package"
    apt-get -q install -y --no-install-recommends "$work/deb/apptainer_local.deb" >/dev/null
    apt-mark hold apptainer >/dev/null
    rm -rf "$work"; trap - EXIT
}

# --- the program --------------------------------------------------------------------
if works; then
    log "found $(apptainer --version)"
else
    apt_update
    cand=$(apt-cache policy apptainer | awk '/Candidate:/ { print $2 }')
    if [ -n "$cand" ] && [ "$cand" != "(none)" ] && [ "$(dpkg-query -W -f='${db:Status-Status}' apptainer 2>/dev/null || true)" != installed ]; then
        log "installing apptainer $cand from this machine's own suite"
        apt-get -q install -y --no-install-recommends apptainer >/dev/null
    else
        install_from_unstable
    fi
    hash -r
    works || die "apptainer does not start"
    log "installed $(apptainer --version)"
fi

# --- helpers: mount images as an ordinary user, build images -------------------------
need squashfs-tools squashfuse fuse2fs fuse-overlayfs e2fsprogs uidmap fakeroot
# apptainer.conf binds /etc/localtime and fails where a bare machine has none
if [ ! -e /etc/localtime ]; then
    need tzdata
    [ -e /etc/localtime ] || ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime
fi
# Ordinary users must be able to open the FUSE device (udev does this where it runs).
if [ -c /dev/fuse ] && [ "$(stat -c %a /dev/fuse)" != 666 ]; then
    chmod 666 /dev/fuse && log "opened /dev/fuse to all users (until the next boot)"
fi
# Kernels that close user namespaces to ordinary users
for k in kernel.unprivileged_userns_clone=1; do
    f=/proc/sys/${k%%=*}; f=${f//.//}
    if [ -e "$f" ] && [ "$(cat "$f")" != "${k#*=}" ]; then echo "${k#*=}" > "$f" && log "set $k"; fi
done

# --- subordinate ids: root (for `build --fakeroot`) and the named users ---------------
subid() {                             # subid FILE NAME: a free range of 65536 ids
    local file=$1 name=$2 start
    [ -e "$file" ] || : > "$file"
    grep -q "^$name:" "$file" && return 0
    start=$(awk -F: 'BEGIN { m = 100000 } NF == 3 && $2 + $3 > m { m = $2 + $3 } END { print m }' "$file")
    echo "$name:$start:65536" >> "$file"
    log "$file: $name:$start:65536"
}
for u in root "$@"; do
    id "$u" >/dev/null 2>&1 || die "no such user: $u"
    subid /etc/subuid "$u"; subid /etc/subgid "$u"
done

# --- root on a machine without the full set of capabilities --------------------------
# Apptainer gives a container that root starts every capability, and fails where root
# itself lacks one ("Requesting capability set ... while permitted ...").  There, let
# root's containers have what root has: a list in capability.json.
conf=$(apptainer buildcfg 2>/dev/null | sed -n 's/^APPTAINER_CONF_FILE=//p')
conf=${conf:-/etc/apptainer/apptainer.conf}
capfile=$(dirname "$conf")/capability.json
last=$(cat /proc/sys/kernel/cap_last_cap)
full=$(( (1 << (last + 1)) - 1 ))
have=$(( 16#$(awk '/^CapPrm:/ { print $2 }' /proc/self/status) ))
if [ "$have" -ne "$full" ]; then
    names=(CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
        LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER
        SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
        SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
        MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
        CHECKPOINT_RESTORE)
    list=
    for i in "${!names[@]}"; do
        [ $(( have >> i & 1 )) -eq 1 ] && list="$list${list:+, }\"CAP_${names[$i]}\""
    done
    want="{ \"users\": { \"root\": [ $list ] } }"
    if [ ! -s "$capfile" ] || grep -q '"root"' "$capfile"; then
        if [ "$(cat "$capfile" 2>/dev/null)" != "$want" ]; then
            (umask 022; printf '%s\n' "$want" > "$capfile"); log "wrote $capfile"
        fi
    else
        log "left $capfile alone: it has entries of its own"
    fi
    if ! grep -q '^root default capabilities = file$' "$conf"; then
        sed -i 's/^root default capabilities = .*/root default capabilities = file/' "$conf"
        log "root default capabilities = file (root lacks some capability here)"
    fi
fi

log "ready: $(apptainer --version); root builds images with 'apptainer build --fakeroot'"
