# Two commands, each complete on a machine that has Python 3.11 or newer, git and make. See README.md.
#   make demo   set up, seed a world, serve it on this machine
#   make test   set up, then every check there is
# `make test GROUPS="lint tests"` runs some of the checks; CONTRIBUTING.md names them.

PYTHON ?= python3
UV := .venv/bin/uv
# Compiles the solver's kernels, once (half a minute at most), so that nobody's first answer waits for it.
PREPARE := .venv/bin/python -c "import matching; matching.prepare()"

# uv works in our own .venv with our own Python, whatever the surroundings say.
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV
# Where Python may not keep its bytecode, every start compiles everything again: ten seconds each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test format

demo: $(UV)
	@$(UV) sync --quiet --locked --no-dev --inexact
	@$(PREPARE)
	@.venv/bin/nrm demo

test: $(UV)
	@$(UV) sync --quiet --locked
	@.venv/bin/python -m tests.all $(GROUPS)

format: $(UV)
	@$(UV) sync --quiet --locked
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

# Debian refuses a global pip install, so uv goes into the environment it manages. A Debian without python3-venv can
# still make one if it has pip.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip .venv
	@if .venv/bin/python -m pip --version >/dev/null 2>&1; then .venv/bin/python -m pip install --quiet 'uv>=0.9'; \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then $(PYTHON) -m pip --python .venv/bin/python install --quiet 'uv>=0.9'; \
	else echo 'Python cannot make an environment here; this installs what it misses: sudo apt-get install -y python3-venv' >&2; exit 1; fi
