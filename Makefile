# Two of these are all a new machine needs: `make demo` runs the product, `make test` tests it.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
# For the checks, which read the settings but no database.
NO_DATABASE := DATABASE_URL=postgresql:/// SECRET_KEY=checks

.PHONY: demo run test drill drill-journeys check format pins screenshots bench bench-small bench-large bench-ingest bench-send bench-journeys

demo: .venv-base  ## the product with sample data
	@exec $(BIN)/python manage.py up --demo --port $(PORT)

run: .venv-base  ## the product with your own data
	@exec $(BIN)/python manage.py up --port $(PORT)

test: .venv-dev  ## all tests, with a database of their own
	@$(BIN)/python -m pytest -n 2 --dist worksteal -q $(ARGS)

drill: .venv-dev  ## campaigns to 50,000 people, faulty providers, 20 times kill -9: twice or lost is nobody
	@$(BIN)/python -m tests.drills.faults $(ARGS)

drill-journeys: .venv-dev  ## 100,000 people through an automation, 20 times kill -9
	@$(BIN)/python -m tests.drills.journeys $(ARGS)

check: .venv-dev  ## style, types, imports, templates, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(NO_DATABASE) $(BIN)/mypy retargeting campaigns automations benchmarks
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/python manage.py makemigrations --check --dry-run

format: .venv-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: .venv-dev  ## the pictures of the README, from the demo
	$(BIN)/python docs/screenshots.py

bench: .venv-bench  ## a million people and 100 million events: times of the product and of three others
	$(BIN)/python -m benchmarks.run --size medium $(ARGS)

bench-small: .venv-bench  ## the same with a tenth of it, in a few minutes
	$(BIN)/python -m benchmarks.run --size small $(ARGS)

bench-large: .venv-bench  ## … with ten times as much: an hour or two, 45 GB of disk, 16 GB of memory
	$(BIN)/python -m benchmarks.run --size large $(ARGS)

bench-ingest: .venv-bench  ## events through the API while they are folded and asked about
	$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-send: .venv-dev  ## campaigns through the sandbox, to a million people, through FCM and through SMTP
	$(BIN)/python -m benchmarks.sending $(ARGS)

bench-journeys: .venv-dev  ## half a million journeys through an automation, and five million that wait
	$(BIN)/python -m benchmarks.journeys $(ARGS)

pins: .venv-dev  ## compile requirements/*.txt anew from the .in files
	$(BIN)/python -m pip install --quiet uv
	cd requirements && for name in base dev bench; do \
		../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header --no-annotate --upgrade $$name.in -o $$name.txt; \
	done

.PHONY: .venv-base .venv-dev .venv-bench
.venv-base:
	@$(PYTHON) requirements/install.py base
.venv-dev: .venv-base
	@$(PYTHON) requirements/install.py dev
.venv-bench: .venv-base
	@$(PYTHON) requirements/install.py bench
