# One target per intent. `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help fuzz deny test-models demo sandbox test test-rust test-browser test-clients test-faults test-api test-python test-faults-python test-asan wheel-python bench-python test-kotlin test-shrunk test-faults-kotlin test-faults-node test-asan-node jar test-swift publish-dry lint fmt generate bench bench-refresher bench-node bench-kotlin bench-swift test-node test-runtimes docs setup clean sbom

CARGO ?= cargo
# What `make demo` needs beyond Rust: a C compiler, for SQLite and the cryptography.
RUN := $(CARGO) run --quiet --locked --package orgconnect-cli --

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## Connect an organization and act as one of its members, step by step
	@tools/setup compiler
	@$(RUN) demo

sandbox: ## Run the sandbox in the foreground
	@tools/setup compiler
	@$(RUN) sandbox

test: ## Run every suite and print one line for all of them
	@tools/setup compiler browser services clients python typescript examples swift kotlin deny fuzz
	@tools/test all

test-rust: ## Run the Rust tests (the browser tests among them)
	@tools/setup compiler browser services python typescript
	@tools/test rust

test-browser: ## Click through the sandbox's pages in headless Chromium
	@tools/setup compiler browser
	@tools/test browser

test-clients: ## Run other people's client libraries against the sandbox
	@tools/setup compiler clients
	@tools/test clients

test-node: ## Run the tests of the npm package
	@tools/setup compiler browser services typescript examples
	@tools/test node

test-faults: ## Run the fault suite with the full numbers; ROWS="A4:redis A9" runs some rows or parts
	@tools/setup compiler services python typescript
	@ROWS="$(ROWS)" tools/test faults

test-models: ## Try 100,000 schedules of callers, processes and flights, and every interleaving of two
	@tools/setup compiler
	@tools/test models

fuzz: ## Fuzz every target for SECONDS=600 each, two at a time; TARGET=callback runs one
	@tools/setup fuzz
	@FUZZ_SECONDS="$(or $(SECONDS),600)" TARGET="$(TARGET)" tools/test fuzz

deny: ## Check licences, banned crates, sources and known vulnerabilities; DATABASE=PATH names a clone of RustSec's
	@tools/setup compiler deny
	@tools/deny $(DATABASE)

test-api: ## Validate the description, and the sandbox against it
	@tools/setup compiler clients
	@tools/test api

test-python: ## Check the Python package, and run its tests and the scenarios
	@tools/setup compiler services python
	@tools/test python

test-swift: ## Run the tests of the Swift package, the scenarios among them
	@tools/setup compiler swift
	@tools/test swift

test-kotlin: ## Check the Kotlin package, and run its tests and the scenarios
	@tools/setup compiler services kotlin
	@tools/test kotlin

test-shrunk: ## Shrink the Kotlin package for apps with R8, and run a program on what is left
	@tools/setup compiler services shrinker
	@tools/test shrunk

test-faults-kotlin: ## Run the tests of the Kotlin package with the full numbers of the fault rows
	@tools/setup compiler services kotlin
	@ORGCONNECT_FAULTS=full tools/test kotlin

test-faults-node: ## Run the tests of the npm package with the full numbers of the fault rows
	@tools/setup compiler browser services typescript examples
	@ORGCONNECT_FAULTS=full tools/test node

test-asan-node: ## Make CALLS=100000 calls from Node with the native part under the address sanitizer
	@tools/setup compiler typescript
	@CALLS="$(CALLS)" tools/node-asan

jar: ## Build the packages for the JVM as they are shipped, and run a program that has nothing but the JAR
	@tools/setup compiler kotlin
	@cd uniffi/kotlin && mvn -q -B -Dmaven.test.skip=true package
	@$(CARGO) build --quiet --locked --package orgconnect-sandbox
	@tools/test-jar --shipped

publish-dry: ## Publish the packages for the JVM to a folder, and look for what Maven Central demands
	@tools/setup compiler publishing
	@tools/publish-kotlin

test-faults-python: ## Run the tests of the Python package with the full numbers of the fault rows
	@tools/setup compiler services python
	@ORGCONNECT_FAULTS=full tools/test python

test-asan: ## Run the tests at the edge between Python and Rust under the address sanitizer, with full numbers
	@tools/setup compiler services python
	@tools/test asan

wheel-python: ## Build the Python wheel for Linux since glibc 2.17, and run the quickstart and the scenarios with it
	@tools/setup compiler python
	@tools/test wheel

bench-python: ## Measure the Python package beside other clients
	@tools/setup compiler python
	@tools/bench-python

lint: ## Check formatting, lints, documentation, generated code and dependencies
	@tools/setup compiler python typescript deny
	@tools/test lint

sbom: ## Write a bill of materials (CycloneDX) of the Rust crate to target/sbom.json
	@mkdir -p target
	@tools/sbom > target/sbom.json

fmt: ## Format the sources
	@tools/setup typescript
	@$(CARGO) fmt --all
	@npm run --silent --prefix bindings-node format

generate: ## Generate the operation table and the typed facades from api/
	@tools/setup compiler python typescript
	@$(CARGO) xtask generate

bench: ## Measure what a call costs beside bare hyper and reqwest
	@tools/setup compiler
	@$(CARGO) bench --locked --package orgconnect

bench-node: ## Measure the npm package beside other clients of Node
	@tools/setup compiler typescript
	@$(CARGO) build --release --locked --package orgconnect-node --package orgconnect-fixed
	@node bindings-node/scripts/build.mjs
	@npm ci --prefix bindings-node/bench --silent --no-audit --no-fund --ignore-scripts
	@node bindings-node/bench/run.mjs

bench-kotlin: ## Measure the Kotlin package beside OkHttp and Ktor
	@tools/setup compiler kotlin
	@uniffi/kotlin/bench/run

bench-swift: ## Measure the Swift package beside URLSession
	@tools/setup compiler swift
	@uniffi/swift/bench/run

test-runtimes: ## Run the npm package in Bun and Deno, and its tests in Node 26
	@tools/setup compiler typescript runtimes
	@tools/test runtimes

bench-refresher: ## Keep 100,000 connections in PostgreSQL fresh, and say how fast that is
	@tools/setup compiler services
	@$(CARGO) bench --locked --profile faults --package orgconnect --features full --bench refresher

docs: ## Build the documentation of the Rust crates, and a page of the API's description
	@$(CARGO) doc --locked --no-deps --workspace
	@npx --yes @redocly/cli@2 build-docs api/openapi.yaml --output target/doc/cronofy-api.html

setup: ## Install what all suites need
	@tools/setup compiler browser services clients python typescript examples swift kotlin deny fuzz

clean: ## Remove what was built
	@$(CARGO) clean
	@rm -rf .cache
