#!/bin/sh
# Put the software of a list of pins into an environment of its own; what the base image brings of it, such as a torch
# for CUDA, is kept.
#
#   sh install.sh LIST [PIP OPTION ...]
set -eu
list=$1
shift
if ! python3 -c 'import ensurepip' 2> /dev/null; then
    apt-get update -q
    apt-get install -q -y --no-install-recommends python3 python3-venv
fi
python3 -m venv --system-site-packages /opt/environment
/opt/environment/bin/python -m pip install --no-cache-dir --progress-bar off "$@" --requirement "$list"
