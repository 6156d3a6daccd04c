# Two commands matter: `make demo` sets everything up and runs the main job, `make test` sets
# everything up and passes the tests. Both start from a fresh Debian 12 with Python 3.11.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
DEMO_PORT ?= 8090
DEMO_DATA ?= var/demo

AGENT_KEY ?= var/agent-signing.pem

.PHONY: agent-bundle demo test faults lint format bench setup assets docs clean

demo: setup
	$(VENV)/bin/yunxun demo --data $(DEMO_DATA) --port $(DEMO_PORT)

test: setup
	$(PY) -m pytest -q

faults: setup
	HEAVY_TESTS=1 $(PY) -m pytest -q tests/faults tests/real --timeout 3600

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: setup
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# The self-contained agent for this architecture; AGENT_KEY signs it (docs/rollout.md).
agent-bundle: setup
	$(PY) -m controller.rollout.bundle --key $(AGENT_KEY) -o dist

bench: setup
	$(PY) -m bench

docs: setup
	$(PY) -m collectors.docs > docs/metrics.md

setup: $(VENV)/.ready assets

$(VENV)/.ready: requirements/dev.lock requirements/debian.txt requirements/setup.sh
	bash requirements/setup.sh $(VENV)
	touch $@

assets: controller/web/static/vendor/.ready

controller/web/static/vendor/.ready: controller/web/assets/package.json controller/web/assets/package-lock.json \
		controller/web/assets/charts.entry.js controller/web/assets/build.mjs
	cd controller/web/assets && npm ci --no-audit --no-fund --silent && npm run --silent build
	touch $@

clean:
	rm -rf $(VENV) controller/web/static/vendor controller/web/assets/node_modules build *.egg-info
