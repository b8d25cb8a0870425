# make run    serve the app (sets everything up first)
# make test   everything that continuous integration checks
# make setup  virtual environment, models and index, without serving
# make audit  look the pinned packages up for known vulnerabilities
# make bench  measure the figures of the README
# make fit    refit what is stale of the learned numbers
# make vectors  embed the guide and the problems once, for everybody who installs

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run setup test audit lint types unit integration evals e2e bench fit vectors clean

run: setup
	@$(BIN)/python app.py

setup: $(VENV)/.installed
	@echo "Models (1.3 GB, fetched once and checked by SHA-256: a few minutes)"
	@$(BIN)/tutor models pull
	@echo "Index of the guide (seconds, only what changed)"
	@$(BIN)/tutor index

$(VENV)/.installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tutor needs Python 3.11 or newer.")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (about two minutes the first time)"
	@$(BIN)/python scripts/install_torch.py torch==2.13.0
	@$(BIN)/pip install -q -c requirements.lock -e '.[dev]'
	@touch $@

audit: $(VENV)/.installed
	@$(BIN)/python scripts/audit.py

test: $(VENV)/.installed lint types unit integration evals e2e

lint: $(VENV)/.installed
	$(BIN)/ruff check .

types: $(VENV)/.installed
	$(BIN)/mypy

unit: $(VENV)/.installed
	$(BIN)/pytest tests/unit tests/guide

integration: $(VENV)/.installed
	$(BIN)/tutor models pull embedding small
	$(BIN)/pytest tests/integration

evals: $(VENV)/.installed
	$(BIN)/tutor models pull embedding
	$(BIN)/pytest evals

e2e: $(VENV)/.installed
	$(BIN)/tutor models pull embedding small
	$(BIN)/pytest tests/e2e

bench: setup
	$(BIN)/python -m evals.bench

fit: $(VENV)/.installed
	$(BIN)/tutor models pull embedding
	$(BIN)/python -m training

vectors: $(VENV)/.installed
	$(BIN)/python -m training.ship_vectors

clean:
	rm -rf $(VENV)
