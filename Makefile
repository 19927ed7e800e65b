# make demo | make test | make check | make install: each makes what it needs in .venv, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: install install-dev demo test check format clean

install: .venv/.installed
install-dev: .venv/.installed-dev

# torch comes first and sam2 is built against it: sam2 is a source distribution, and building it in
# isolation would download a second torch. Its optional CUDA operator is not used here.
.venv/.installed: pyproject.toml constraints.txt
	@echo "installing into .venv (torch is large; a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) pip setuptools wheel
	@$(PIP) torch torchvision
	@SAM2_BUILD_CUDA=0 $(PIP) --no-build-isolation sam2
	@$(PIP) --editable '.[wandb,video]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo "installing the test tools into .venv"
	@$(PIP) --editable '.[wandb,video,language,dev,reference]'
	@touch $@

demo: install
	@$(BIN)/pvuw demo --out demo

# One process per core; a file's tests stay together, since they share what is slow to make.
test: install-dev
	@$(BIN)/python -m pytest -n auto --dist loadfile

check: install-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -m "not slow"

format: install-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	@rm -rf .venv demo dist .pytest_cache .mypy_cache .ruff_cache
