#!/usr/bin/env bash
# A single-node Slurm cluster on this machine, for tests (run as root).
#
#   .ci/slurm.sh up [--accounting]   install, configure and start (default; idempotent)
#   .ci/slurm.sh stop                stop the daemons that this script started
#   .ci/slurm.sh status              what runs; exit status 0 if jobs can run
#
# Needs no systemd: daemons are started directly and found again by their pid
# files.  They listen on 127.0.0.1 only, where this machine's name stands for that
# address (it does when this script had to add the name to /etc/hosts).
#
# The node claims more than the machine has (SLURM_TEST_CPUS, SLURM_TEST_MEM_MB)
# and SLURM_TEST_GPUS (0 to 5) pretended GPUs: a job may ask for --gres=gpu:1 or
# --gpus=1, waits when all are in use, and sees CUDA_VISIBLE_DEVICES set.
# A job that uses more memory than it asked for is killed (polled each second).
#
# --accounting adds MariaDB and slurmdbd, so that `sacct` works.  Without it,
# job states come from `squeue` (finished jobs stay visible for MinJobAge).
set -euo pipefail

CPUS=${SLURM_TEST_CPUS:-8}
MEM=${SLURM_TEST_MEM_MB:-$(awk '/^MemTotal:/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)}
GPUS=${SLURM_TEST_GPUS:-1}
CLUSTER=localtest
CONF=/etc/slurm
LOGS=/var/log/slurm
NODE=$(hostname -s 2>/dev/null || cat /proc/sys/kernel/hostname)

log() { printf 'slurm.sh: %s\n' "$*"; }
die() { printf 'slurm.sh: %s\n' "$*" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || die "run me as root"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
umask 022
PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH

need() {
    local p miss=() guard=
    for p in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || miss+=("$p")
    done
    [ ${#miss[@]} -eq 0 ] && return 0
    log "installing ${miss[*]}"
    # keep the packages' own start scripts quiet: this script starts the daemons
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        guard=/usr/sbin/policy-rc.d; printf '#!/bin/sh\nexit 101\n' > $guard; chmod 755 $guard
    fi
    local rc=0
    apt-get -q update >/dev/null || rc=$?
    [ $rc -eq 0 ] && { apt-get -q install -y --no-install-recommends "${miss[@]}" >/dev/null || rc=$?; }
    [ -z "$guard" ] || rm -f "$guard"
    [ $rc -eq 0 ] || die "apt-get failed"
}

put() {                                   # put FILE MODE OWNER < text; true if it changed
    local t; t=$(mktemp); cat > "$t"
    if [ -e "$1" ] && cmp -s "$t" "$1"; then rm -f "$t"; return 1; fi
    install -D -m "$2" -o "${3%:*}" -g "${3#*:}" "$t" "$1"; rm -f "$t"; log "wrote $1"
}

alive() {                                 # alive PIDFILE NAME
    local p; [ -s "$1" ] || return 1; p=$(cat "$1")
    [ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$2" ]
}

wait_for() {                              # wait_for SECONDS CMD...
    local n=$1 i; shift
    for ((i = 0; i < n * 5; i++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
    return 1
}

stop_one() {                              # stop_one PIDFILE NAME
    local p
    if alive "$1" "$2"; then
        p=$(cat "$1"); kill "$p"; wait_for 15 gone "$p" || { kill -9 "$p" || true; }
        log "stopped $2"
    fi
}
gone() { [ ! -e "/proc/$1" ] || [ "$(awk '{print $3}' "/proc/$1/stat" 2>/dev/null)" = Z ]; }

dirs() {                                  # /run is empty after a boot
    install -d -m 755 -o munge -g munge /run/munge
    install -d -m 755 /run/slurm "$LOGS" "$CONF"
    chown slurm:slurm /run/slurm "$LOGS"
    install -d -m 755 -o slurm -g slurm /var/lib/slurm /var/lib/slurm/slurmctld
    install -d -m 755 /var/lib/slurm/slurmd
}

munge_up() {
    if ! munge -n </dev/null >/dev/null 2>&1; then
        [ -s /etc/munge/munge.key ] || { head -c 1024 /dev/urandom > /etc/munge/munge.key; }
        chown -R munge:munge /etc/munge /var/lib/munge /var/log/munge
        chmod 700 /etc/munge /var/lib/munge /var/log/munge; chmod 400 /etc/munge/munge.key
        rm -f /run/munge/munge.socket.2 /run/munge/munge.socket.2.lock
        setpriv --reuid=munge --regid=munge --clear-groups /usr/sbin/munged --pid-file=/run/munge/munged.pid
        wait_for 10 munge -n -i /dev/null || die "munged does not answer (see /var/log/munge)"
        log "started munged"
    fi
}

mariadb_up() {
    install -d -m 755 -o mysql -g mysql /run/mysqld
    if ! mariadb-admin ping >/dev/null 2>&1; then
        [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db >/dev/null
        setsid mariadbd --user=mysql --bind-address=127.0.0.1 --pid-file=/run/mysqld/mysqld.pid \
            --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
            </dev/null >>"$LOGS/mariadbd.log" 2>&1 &
        disown
        wait_for 120 mariadb-admin ping || die "MariaDB does not answer (see $LOGS/mariadbd.log)"
        log "started mariadbd"
    fi
    # socket authentication: the operating system's user slurm, no password
    mariadb -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db;
        CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED VIA unix_socket;
        GRANT ALL ON slurm_acct_db.* TO 'slurm'@'localhost';"
}

slurmdbd_up() {
    put $CONF/slurmdbd.conf 600 slurm:slurm <<CONFIG || true
AuthType=auth/munge
DbdHost=localhost
DbdAddr=127.0.0.1
SlurmUser=slurm
LogFile=$LOGS/slurmdbd.log
PidFile=/run/slurm/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StorageLoc=slurm_acct_db
CONFIG
    if ! alive /run/slurm/slurmdbd.pid slurmdbd; then
        slurmdbd || die "slurmdbd does not start (see $LOGS/slurmdbd.log)"
        wait_for 120 timeout 10 sacctmgr -n -i show cluster || die "slurmdbd does not answer (see $LOGS/slurmdbd.log)"
        log "started slurmdbd"
    fi
}

up() {
    local accounting=0 changed=0 storage addr cg comm started=0
    case "${1:-}" in --accounting) accounting=1 ;; '') ;; *) die "unknown option $1" ;; esac
    need munge slurmctld slurmd slurm-client
    [ $accounting -eq 0 ] || need mariadb-server slurmdbd
    dirs
    # Slurm finds itself by its host name: it must resolve (CI machines often lack the line)
    getent ahostsv4 "$NODE" >/dev/null || { echo "127.0.0.1 $NODE" >> /etc/hosts; log "added $NODE to /etc/hosts"; }
    addr=$(getent ahostsv4 "$NODE" | awk 'NR == 1 { print $1 }')
    # Listen on loopback only.  (With a name at 127.0.1.1, Debian's habit, srun's answers
    # would go to 127.0.0.1, where it does not listen then: no such limit there.)
    comm=; [ "$addr" != 127.0.0.1 ] || comm=CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
    munge_up
    storage='AccountingStorageType=accounting_storage/none'
    if [ $accounting -eq 1 ]; then
        storage=$'AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\nAccountingStorageTRES=gres/gpu'
    fi

    put $CONF/slurm.conf 644 root:root <<CONFIG && changed=1
# written by slurm.sh: a one-node test cluster
ClusterName=$CLUSTER
SlurmctldHost=$NODE($addr)
$comm
AuthType=auth/munge
SlurmUser=slurm
StateSaveLocation=/var/lib/slurm/slurmctld
SlurmdSpoolDir=/var/lib/slurm/slurmd
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=$LOGS/slurmctld.log
SlurmdLogFile=$LOGS/slurmd.log
# no cgroups: works in containers and small VMs
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# states of finished jobs stay in squeue long enough for a polling client
MinJobAge=600
KillWait=5
InactiveLimit=0
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
SlurmdParameters=config_overrides
GresTypes=gpu
$storage
NodeName=$NODE NodeAddr=$addr CPUs=$CPUS RealMemory=$MEM Gres=gpu:$GPUS State=UNKNOWN
PartitionName=cpu Nodes=$NODE Default=YES MaxTime=02:00:00 State=UP
PartitionName=gpu Nodes=$NODE MaxTime=02:00:00 State=UP
CONFIG
    # pretended GPUs: Slurm wants a device file for each, and any will do (no cgroups here)
    put $CONF/gres.conf 644 root:root <<CONFIG && changed=1
AutoDetect=off
$(for f in null zero full urandom random; do echo "NodeName=$NODE Name=gpu File=/dev/$f"; done | head -n "$GPUS")
CONFIG
    # no cgroups: newer versions have a word for it; before, the v1 plugin does nothing unasked
    case "$(slurmd -V)" in
        *' 2'[0-2].* | *' 23.02'*) cg=cgroup/v1 ;;
        *) cg=disabled ;;
    esac
    put $CONF/cgroup.conf 644 root:root <<CONFIG && changed=1
CgroupPlugin=$cg
CONFIG

    if ! alive /run/slurm/slurmctld.pid slurmctld; then
        # what an earlier cluster left: its name may keep the controller from starting, its jobs would run again,
        # and the accounting database would show them beside new jobs of the same numbers
        rm -rf /var/lib/slurm/slurmctld; dirs
        [ $accounting -eq 0 ] || {
            stop_one /run/slurm/slurmdbd.pid slurmdbd; mariadb_up; mariadb -e "DROP DATABASE slurm_acct_db"
        }
    fi
    if [ $accounting -eq 1 ]; then        # (sacctmgr needs slurm.conf)
        mariadb_up; slurmdbd_up
        sacctmgr -n -P show cluster format=cluster | grep -qx $CLUSTER || sacctmgr -i -Q add cluster $CLUSTER >/dev/null
        sacctmgr -n -P show account format=account | grep -qx test || sacctmgr -i -Q add account test cluster=$CLUSTER >/dev/null
        sacctmgr -n -P show assoc user=root format=account | grep -qx test || sacctmgr -i -Q add user root account=test >/dev/null
    fi
    if [ $changed -eq 1 ]; then
        stop_one /run/slurm/slurmd.pid slurmd; stop_one /run/slurm/slurmctld.pid slurmctld
        log "restarting with the new configuration"
    fi
    if ! alive /run/slurm/slurmctld.pid slurmctld; then
        slurmctld || die "slurmctld does not start (see $LOGS/slurmctld.log)"
        log "started slurmctld"
    fi
    wait_for 120 controller_answers || { tail -n 20 $LOGS/slurmctld.log >&2; die "slurmctld does not answer"; }
    if ! alive /run/slurm/slurmd.pid slurmd; then
        slurmd || die "slurmd does not start (see $LOGS/slurmd.log)"
        log "started slurmd"; started=1
    fi
    wait_for 60 ready || {
        scontrol update nodename="$NODE" state=resume 2>/dev/null || true
        wait_for 60 ready || { sinfo -R >&2; die "the node does not come up (see $LOGS)"; }
    }
    # the controller may take the node's last known state for the present one: run a job
    [ $started -eq 0 ] || timeout 180 srun -Q -n1 --mem=10 -t 1 true || die "a test job does not run (see $LOGS)"
    log "ready: $(sinfo --version), partitions $(sinfo -h -o %R | paste -sd,), $CPUS CPUs, $MEM MB, $GPUS gpu"
}

controller_answers() {                    # started again if it has given up
    alive /run/slurm/slurmctld.pid slurmctld || slurmctld
    timeout 10 scontrol ping
}

ready() {
    alive /run/slurm/slurmd.pid slurmd &&
        timeout 10 sinfo -h -N -o '%T' | grep -qx -e idle -e mixed -e allocated
}

stop() {
    stop_one /run/slurm/slurmd.pid slurmd
    stop_one /run/slurm/slurmctld.pid slurmctld
    stop_one /run/slurm/slurmdbd.pid slurmdbd
    stop_one /run/mysqld/mysqld.pid mariadbd
    stop_one /run/munge/munged.pid munged
}

case "${1:-up}" in
    up) shift || true; up "$@" ;;
    --accounting) up "$@" ;;
    stop) stop ;;
    status) sinfo -N -l && ready ;;
    *) die "usage: $0 up [--accounting] | stop | status" ;;
esac
