# shellcheck shell=bash
# Rules about shell scripts: files whose first line names a shell.

# scripts SHELL-REGEX [PATHSPEC...]. A text with @places@ to be filled in is not a script yet; what it becomes is tested
# by running it.
scripts() {
  local shell=$1 file
  shift
  files "$@" | while read -r file; do
    if head -n 1 -- "$file" | LC_ALL=C grep -qaE "^#! ?(/usr/bin/env |(/usr)?/bin/)$shell( |\$)" &&
      ! grep -qE '@[a-z]+@' -- "$file"; then
      echo "$file"
    fi
  done
}

rule_script_strict() {
  local file
  scripts bash | while read -r file; do
    grep -qE '^set -euo pipefail' "$file" || echo "$file:1: no \"set -euo pipefail\""
  done
  scripts sh | while read -r file; do
    grep -qE '^ *set -(eu|e -u)' "$file" || echo "$file:1: no \"set -eu\""
  done
}

# Run, not read: a help that fails or does something else is none. The caller's lab must not be needed for it.
rule_script_help() {
  local file text
  scripts '(bash|sh)' checks .ci | while read -r file; do
    if [ ! -x "$file" ]; then
      [[ $file == *.sh ]] || echo "$file: not executable; chmod +x"
      continue
    fi
    if ! text=$(INFRA_LAB=/nonexistent/lab timeout 10 "./$file" --help 2>&1 </dev/null); then
      echo "$file: --help fails: $(head -n 1 <<<"$text")"
    elif ! grep -qF "${file##*/}" <<<"$text"; then
      echo "$file: --help does not show how it is called"
    fi
  done
}

rule_shellcheck() {
  local list found status=0
  mapfile -t list < <(scripts '(bash|sh)')
  found=$(shellcheck --external-sources --check-sourced --format=gcc "${list[@]}") || status=$?
  # A file of the system that a script reads (/etc/os-release) is not ours to mend.
  grep -v '^/' <<<"$found" || [ "$status" -le 1 ]
}
