#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test. Arguments go to ctest: ./test.sh -R '^vm'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

data/packages/install.sh build run test
launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset dev "${launcher[@]}" >/dev/null
ninja --quiet -C build/dev
# What users run is what the lab tests and the budgets are about.
cmake --preset release "${launcher[@]}" >/dev/null
ninja --quiet -C build/release

# What is labelled slow has its own line in CONTRIBUTING.md.
ctest --preset dev --parallel "$(nproc)" --label-exclude slow "$@"
