#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test. Arguments go to ctest: ./test.sh -R '^vm'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

data/packages/install.sh build run test
launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
# One build for all tests, with the program as users run it: what the lab tests start.
cmake --preset test "${launcher[@]}" >/dev/null
ninja --quiet -C build/test

# What is labelled slow has its own line in CONTRIBUTING.md.
ctest --preset test --parallel "$(nproc)" --label-exclude slow "$@"
