# Everything runs in .venv, made on first use with the extra that the target needs.
# Another interpreter: make PYTHON=python3.13 test
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo lessons student book quick test test-extra test-full test-torch test-browser test-cuda \
        test-lowest .test-lowest torture lint clean

help:
	@echo "make demo          train on the ORL faces, name and verify; results in runs/orl"
	@echo "make lessons       the lessons, in JupyterLab"
	@echo "make student       a copy of the lessons without the answers, in student/"
	@echo "make book          lessons, guide and reference as one site, in build/book"
	@echo "make quick         the quick tests, for every save: under a minute"
	@echo "make test          the test suite, in minutes"
	@echo "make test-extra    what needs more than make test installs: CUDA toolkit, real weights"
	@echo "make test-full     that, and what takes minutes or gigabytes: long sweeps, the full NN1"
	@echo "make test-torch    our layers beside PyTorch's, which is installed for it"
	@echo "make test-browser  the page of a run in headless Chromium, if there is one"
	@echo "make test-lowest   make test beside the oldest packages that we accept, in .venv-lowest"
	@echo "make test-cuda     the CUDA kernels on this machine's GPU; an error if there is none"
	@echo "make torture       what was tried against us, in hours; OF=kill tries one kind, OF=kill-train one attack"
	@echo "make lint          ruff, and mypy over the package"
	@echo "make clean         remove the environment and what the tools cached"

demo: $(VENV)/.with-data
	$(PY) data_scripts/get_orl.py data/orl
	$(PY) -m minifacenet run data/orl --out runs/orl --force \
	  --credit "Faces: ORL database, AT&T Laboratories Cambridge"

lessons: $(VENV)/.with-lessons $(VENV)/.with-data
	$(PY) data_scripts/get_orl.py data/orl
	$(PY) -m jupyter lab --ServerApp.root_dir=. \
	  --LabApp.default_url=/lab/tree/lessons/00_one_distance.ipynb

student: | $(PY)
	$(PY) lessons/build.py --student student

book: $(VENV)/.with-book
	$(PY) -m sphinx --quiet --fail-on-warning --keep-going -d build/doctrees \
	  -c lessons/book lessons build/book
	@echo "build/book/index.html"

# Two processes or more: most tests are Python, on one core.
PYTEST := $(PY) -m pytest --numprocesses auto --dist worksteal

quick: $(VENV)/.with-dev
	$(PYTEST) --quiet -m "not slow and not full and not browser" \
	  tests/nn tests/embedding tests/classification tests/preprocessing

test: $(VENV)/.with-dev $(VENV)/.with-data
	$(PY) data_scripts/get_orl.py data/orl
	$(PYTEST)

define GET_WEIGHTS
	$(PY) data_scripts/get_mtcnn.py data/mtcnn.safetensors
	$(PY) data_scripts/get_nn4_small2.py data/nn4_small2.safetensors
	$(PY) data_scripts/get_dlib_resnet.py data/dlib_resnet.safetensors
endef

test-extra test-full: $(VENV)/.with-dev $(VENV)/.with-data $(VENV)/.with-full $(VENV)/.with-cuda \
                      $(VENV)/.with-peers
	$(PY) data_scripts/get_orl.py data/orl
	$(GET_WEIGHTS)
	$(PYTEST) -m "extra"
	test $@ = test-extra || $(PYTEST) -m "full and not extra"

test-torch: $(VENV)/.with-dev
	$(PY) -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(PY) -m pytest tests/speed

test-browser: $(VENV)/.with-dev
	$(PY) -m pytest -m browser tests/browser

test-cuda: $(VENV)/.with-dev $(VENV)/.with-cuda
	MINIFACENET_TEST_GPU=1 $(PY) -m pytest tests/cuda_suite

# An environment of its own. The oldest packages use what is deprecated in the newest of those that
# they need; `make test` looks at our own uses, beside the newest of all.
test-lowest:
	@$(MAKE) --no-print-directory VENV=.venv-lowest .test-lowest

.test-lowest: $(VENV)/.with-lowest
	$(PY) data_scripts/get_orl.py data/orl
	$(PYTEST) -W ignore::DeprecationWarning

# All extras but the GPU's: attacks on all that there is.
torture: $(VENV)/.with-dev $(VENV)/.with-data $(VENV)/.with-full $(VENV)/.with-torture
	$(PY) data_scripts/get_orl.py data/orl
	$(GET_WEIGHTS)
	$(PY) -m tests.torture $(OF)

lint: $(VENV)/.with-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

clean:
	rm -rf $(VENV) .venv-lowest .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/.with-lowest: pyproject.toml tests/lowest.txt | $(PY)
	@echo "Installing minifacenet beside the lowest versions of tests/lowest.txt into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[data,dev,full]' \
	  --constraint tests/lowest.txt
	@touch $@

# One stamp an extra: `.with-dev` means that `pip install -e .[dev]` has run since pyproject.toml changed.
$(VENV)/.with-%: pyproject.toml | $(PY)
	@echo "Installing minifacenet with the extra '$*' into $(VENV) (about a minute, once)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

$(PY):
	@command -v $(PYTHON) >/dev/null || { \
	  echo "No '$(PYTHON)' here: install Python 3.11 or newer, then: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "minifacenet needs Python 3.11 or newer, '$(PYTHON)' is $$($(PYTHON) --version 2>&1): install one, then: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >$(VENV).log 2>&1 || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' does not work here (see $(VENV).log). On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@rm -f $(VENV).log
