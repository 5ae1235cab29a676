#!/bin/sh
# Fetches from npm what the player page of the tests loads. Does nothing, and needs no network, when it is there as locked.
set -eu
cd "$(dirname "$0")/../tests/browser"

cmp -s package-lock.json node_modules/.fetched && exit
npm ci --loglevel=error
cp package-lock.json node_modules/.fetched
