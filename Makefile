# make run: from a fresh clone to results/demo/report.html; make test: all tests that this machine can run.
PYTHON ?= python3
CORES ?= 2
# MiB that jobs may ask for at a time; they take less.
MEMORY ?= 9000
VENV := .venv
READY := $(VENV)/.ready

.PHONY: run test venv check docs clean

run: $(READY)
	$(VENV)/bin/snakemake --cores $(CORES) --resources mem_mb=$(MEMORY)

test: $(READY) check
	$(VENV)/bin/python -m pytest --numprocesses $(CORES) --dist loadfile

venv: $(READY)  ## the pinned software alone

check: $(READY)  ## style and lint, of Python and of the workflow; who imports whom
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	PYTHONPATH=scripts $(VENV)/bin/lint-imports --no-logo --no-cache
	$(VENV)/bin/snakefmt --check Snakefile rules
	$(VENV)/bin/snakemake --lint

docs: $(READY)  ## pages made from the schema, the claims and the architectures; the README's results, from results/demo
	$(VENV)/bin/python scripts/config_reference.py > docs/config.md
	$(VENV)/bin/python scripts/claims.py page > docs/claims.md
	PYTHONPATH=scripts:tests $(VENV)/bin/python tests/architectures_page.py > docs/architectures.md
	$(VENV)/bin/python scripts/readme.py collect
	$(VENV)/bin/python scripts/readme.py render

clean:
	rm -rf $(VENV)

$(READY): envs/requirements.txt envs/programs.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than 3.11; give a newer one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "make: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --progress-bar off --quiet --requirement envs/requirements.txt
	touch $@
