# Shared by the scripts in infra/, which source it after `set -euo pipefail`.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root

# Since 2.14 a failed fsync freezes the stream instead of going unnoticed; 2.14.5 is the first
# release that meets the requirements of an event store (infra/README.md).
readonly nats_minimum=2.14.5

# Descriptor 9 holds a script's lock on a folder, if it has one. It is closed for every child, so
# that the lock is released when the script ends, however that happens.

# The background process of the current step, so that an interrupted script can kill it.
step_pid=

# A command that reads a step's log from stdin and prints its progress as "STEPS ALL WORDS", or
# nothing while that is unknown. Set by the caller of run_step.
progress=

# When tick last wrote a line, in seconds since the start of its step.
told_at=0

terminal=
if [[ -t 1 && ${TERM:-dumb} != dumb ]]; then terminal=yes; fi
readonly terminal

say() {
  if [[ $terminal ]]; then printf '\r\033[K'; fi
  printf '==> %s\n' "$*"
}

# complain LINE...: prints to stderr; the first line is prefixed with the script's name.
complain() {
  if [[ $terminal ]]; then printf '\r\033[K'; fi
  printf 'infra/%s: %s\n' "${0##*/}" "$1" >&2
  shift
  if (($#)); then printf '    %s\n' "$@" >&2; fi
}

die() {
  complain "$@"
  exit 1
}

# For a mistake on the command line, as opposed to a failure.
die_usage() {
  complain "$1" "infra/${0##*/} --help tells what there is."
  exit 2
}

# die_with_log LOG LINE...: reports a failure whose cause is in a log file.
die_with_log() {
  local log=$1
  shift
  complain "$@" "The end of $log:"
  if [[ -s $log ]]; then tail -n 20 "$log" | printable | sed 's/^/    | /' >&2; fi
  exit 1
}

# Removes from stdin what a terminal would interpret: logs and names may contain others' text.
printable() {
  LC_ALL=C sed -e 's/[\x00-\x08\x0b-\x1f\x7f]//g' -e 's/\xc2[\x80-\x9f]//g'
}

# tick LABEL BEGAN COMMAND...: shows that a long step is alive, with the command's output. BEGAN is
# $SECONDS at the step's start. On a terminal one line is rewritten every second; elsewhere a line
# is printed every 15 s.
tick() {
  local label=$1 elapsed=$((SECONDS - $2)) pause=15
  if [[ $terminal ]]; then pause=1; fi
  if ((elapsed < 1)); then told_at=0; fi
  if ((elapsed < told_at + pause)); then return; fi
  told_at=$elapsed
  if [[ $terminal ]]; then
    printf '\r\033[K    %s: %d s  %.60s' "$label" "$elapsed" "$("${@:3}")"
  else
    printf '    %s: %d s  %.100s\n' "$label" "$elapsed" "$("${@:3}")"
  fi
}

# The progress of a step: what `progress` reports from its log, with an estimate of the time left;
# otherwise the last line of the log.
progress_of() { # LOG BEGAN
  local steps all what elapsed=$((SECONDS - $2)) left=
  if [[ $progress ]] && read -r steps all what < <("$progress" <"$1"); then
    # The first few steps say little about the rest.
    if ((elapsed >= 5 && steps * 50 >= all)); then left=$((elapsed * (all - steps) / steps)); fi
    if [[ ! $left ]]; then
      echo "$what"
    elif ((left >= 90)); then
      echo "$what, about $(((left + 30) / 60)) min left"
    else
      echo "$what, about $((left / 10 * 10 + 10)) s left"
    fi
  else
    tail -n 1 "$1" 2>/dev/null | printable
  fi
}

# Whether the process is running. A process that has ended but has not been waited for does not
# count.
alive() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ $stat != *') Z '* ]]
}

# run_step LABEL LOG COMMAND...: runs the command with its output in LOG, shows its progress, and
# returns its exit status. It runs in the background because only then can a signal end this script
# at once.
run_step() {
  local label=$1 log=$2 began=$SECONDS status=0
  told_at=0
  shift 2
  mkdir -p "${log%/*}"
  "$@" >"$log" 2>&1 </dev/null 9<&- &
  step_pid=$!
  while alive "$step_pid"; do
    tick "$label" "$began" progress_of "$log" "$began"
    sleep 0.1
  done
  wait "$step_pid" || status=$?
  step_pid=
  return "$status"
}

# The name of this machine's Debian release, such as bookworm.
release() { (source /etc/os-release && echo "${VERSION_CODENAME:-sid}"); }

# The Debian mirror that this machine's apt is configured with; empty if there is none.
debian_mirror() {
  # shellcheck disable=SC2016 # apt expands the names in parentheses
  apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' "Created-By: Packages" 2>/dev/null |
    awk -v release="$(release)" '$1 == "main" && ($2 == release || $2 == "stable") && !n++ { print $3 }' ||
    true
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

can_be_root() {
  if ((EUID == 0)); then return; fi
  # The second sudo asks for the password now, rather than from behind a progress line.
  type -P sudo >/dev/null && { sudo -n true 2>/dev/null || sudo -v; }
}

# nats_is_good PATH: whether it runs and is new enough. Sets nats_version to its version.
nats_is_good() {
  nats_version=$("$1" --version 2>/dev/null) || nats_version=
  nats_version=${nats_version##*v}
  [[ $nats_version ]] && dpkg --compare-versions "$nats_version" ge "$nats_minimum"
}

# Sets nats_server to the nats-server to use, empty if there is none: JANGBU_NATS_SERVER, otherwise
# a suitable one in PATH, otherwise the one that infra/install fetched.
find_nats_server() {
  local candidate
  if [[ ${JANGBU_NATS_SERVER:-} ]]; then
    nats_server=$JANGBU_NATS_SERVER
    if nats_is_good "$nats_server"; then return; fi
    if [[ $nats_version ]]; then
      die "JANGBU_NATS_SERVER ($nats_server) is version $nats_version; at least $nats_minimum is needed." \
        "Older servers do not keep what they have acknowledged. Unset the variable to use Debian's."
    fi
    die "JANGBU_NATS_SERVER ($nats_server) is not a nats-server that runs here."
  fi
  # Debian installs it in /usr/sbin, which is not in every user's PATH.
  for candidate in "$(PATH=$PATH:/usr/sbin type -P nats-server)" "$root/.tools/usr/sbin/nats-server"; do
    nats_server=$candidate
    if nats_is_good "$nats_server"; then return; fi
  done
  nats_server=
}

# has_tests PRESET: whether the preset's build is configured with the tests.
has_tests() { [[ -e $root/build/$1/tests/CTestTestfile.cmake ]]; }

# configure PRESET ON|OFF: configures build/PRESET with or without the tests, unless that is done.
# Tests stay configured, so that infra/up and infra/test can share a build.
configure() {
  local preset=$1 tests=$2 folder=$root/build/$1 log=$root/build/$1.log configured=OFF
  if has_tests "$preset"; then configured=ON tests=ON; fi
  # Ninja notices changed CMake files, but not changed presets.
  if [[ $tests == "$configured" && $folder/build.ninja -nt $root/CMakePresets.json ]]; then return; fi
  # Without this sloppiness ccache caches nothing that is compiled with a precompiled header, as tests are.
  if type -P ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER="env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache"
  fi
  run_step "Configuring" "$log" cmake -S "$root" --preset "$preset" -D BUILD_TESTING="$tests" ||
    die_with_log "$log" "The build could not be configured."
}

# Ninja's progress, for run_step.
ninja_progress() { sed -n 's,^\[\([0-9]*\)/\([0-9]*\)\] .*,\1 \2 \1 of \2,p' | tail -n 1; }

# build PRESET [TARGET...]: builds the targets in build/PRESET; everything when none is named.
build() {
  local folder=$root/build/$1 log=$root/build/$1.log progress=ninja_progress
  # Ninja's default is two jobs more than cores, which costs memory and saves no time here.
  run_step "Building" "$log" ninja -C "$folder" -j "$(nproc)" "${@:2}" ||
    die_with_log "$log" "The build failed."
  say "Built: $1"
}
