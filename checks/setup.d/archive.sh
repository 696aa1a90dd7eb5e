# shellcheck shell=bash
# Debian's archive as this machine knows it. No address is written down anywhere: it is read from the machine's own apt
# sources, so mirrors, proxies and offline copies all keep working.

is_debian() {
  # shellcheck source=/dev/null
  [ -r /etc/os-release ] && [ "$(. /etc/os-release && echo "${ID:-}")" = debian ] && command -v apt-get >/dev/null
}

require_debian() {
  is_debian || fail "$1" "this is not a Debian machine, and Debian's packages are what it is made from" "$2"
}

own_suite() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
}

# The archive that the machine's own release comes from. Sources may call it by codename ("trixie") or by suite
# ("stable"), and security and update archives stand beside it under other names.
archive_uri() {
  # shellcheck disable=SC2016  # apt's own placeholders
  apt-get indextargets --format '$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' -v suite="$(own_suite)" '
      $3 != "main" { next }
      $1 == suite || $2 == suite { found = $4; exit }
      $1 ~ /^(stable|testing|unstable)$/ && found == "" { found = $4 }
      END { print found }'
}

# source_line SUITE: one apt source for another suite of the same archive.
source_line() {
  local uri key options=
  uri=$(archive_uri)
  if [ -z "$uri" ]; then
    echo "no apt source for the main component of $(own_suite) is configured on this machine" >&2
    return 1
  fi
  for key in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    if [ -e "$key" ]; then
      options="[signed-by=$key] "
      break
    fi
  done
  echo "deb ${options}${uri} $1 main"
}

# archive_open DIR SUITE: an apt of its own in DIR that looks at SUITE and at nothing of the machine's package state. The
# empty status file makes apt count every dependency, libc included; preferences and further sources are left out.
archive_open() {
  local dir=$1
  mkdir -p "$dir"/state/lists/partial "$dir"/cache/archives/partial
  : >"$dir/status"
  source_line "$2" >"$dir/sources.list"
}

# archive_apt DIR ARGUMENTS...: apt-get in that apt. DEP-11 and translations are large and never read here.
archive_apt() {
  local dir=$1
  shift
  apt-get -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::PreferencesParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
    -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
    -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false -o Acquire::Languages=none \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::PDiffs=false -o Acquire::Retries=3 \
    -o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::= -qq "$@"
}
