# What infra/install, infra/up and infra/test share. They source it after `set -euo pipefail`.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root

# From 2.14 on a failed fsync freezes the stream instead of going unseen; 2.14.5 is the first
# release that keeps an event store's promises (infra/README.md).
readonly nats_minimum=2.14.5

# Descriptor 9 is a script's lock on a folder, if it has one. It is closed for every child, so that
# the lock ends with the script, however that ends.

# The background command of the step under way, so that an interrupted script can end it.
step_pid=

# Names what reads the log of a step from stdin and prints how far it has come, as "STEPS ALL WORDS";
# nothing while that is not known. Set by who runs the step.
progress=

# When tick last wrote a line, in seconds of its step.
told_at=0

terminal=
if [[ -t 1 && ${TERM:-dumb} != dumb ]]; then terminal=yes; fi
readonly terminal

say() {
  if [[ $terminal ]]; then printf '\r\033[K'; fi
  printf '==> %s\n' "$*"
}

# complain LINE...: to stderr; the first line carries the script's name.
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

# A mistake in the command line, as opposed to something that failed.
die_usage() {
  complain "$1" "infra/${0##*/} --help tells what there is."
  exit 2
}

# die_with_log LOG LINE...: a failure whose reason stands in a log file.
die_with_log() {
  local log=$1
  shift
  complain "$@" "The end of $log:"
  if [[ -s $log ]]; then tail -n 20 "$log" | printable | sed 's/^/    | /' >&2; fi
  exit 1
}

# What stdin says, without what a terminal would obey: others had a hand in logs and names.
printable() {
  LC_ALL=C sed -e 's/[\x00-\x08\x0b-\x1f\x7f]//g' -e 's/\xc2[\x80-\x9f]//g'
}

# tick LABEL BEGAN COMMAND...: tells that a step which takes a while is alive, with what the command
# prints. BEGAN is its $SECONDS. On a terminal one line is written over and over, once a second;
# elsewhere a line appears every 15 s.
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

# How far a step has come: what `progress` makes of its log, with an estimate of what is left, else the
# log's last line.
progress_of() { # LOG BEGAN
  local steps all what elapsed=$((SECONDS - $2)) left=
  if [[ $progress ]] && read -r steps all what < <("$progress" <"$1"); then
    # The first few say little about the rest.
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

# True while the process runs. One that has ended but was not waited for yet does not count.
alive() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ $stat != *') Z '* ]]
}

# run_step LABEL LOG COMMAND...: runs the command with its output in LOG and tells how it goes;
# its exit status. It runs in the background because only then can a signal end this script at
# once.
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

# The name of this machine's release of Debian, such as bookworm.
release() { (source /etc/os-release && echo "${VERSION_CODENAME:-sid}"); }

# The mirror of Debian that this machine's apt is set up with, empty if there is none.
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
  # The second sudo asks for the password, now, rather than from behind a progress line.
  type -P sudo >/dev/null && { sudo -n true 2>/dev/null || sudo -v; }
}

# nats_is_good PATH: it runs and is new enough. Its version is left in nats_version.
nats_is_good() {
  nats_version=$("$1" --version 2>/dev/null) || nats_version=
  nats_version=${nats_version##*v}
  [[ $nats_version ]] && dpkg --compare-versions "$nats_version" ge "$nats_minimum"
}

# Leaves the nats-server to use in nats_server, empty if there is none: JANGBU_NATS_SERVER, else
# a good one in PATH, else the one that infra/install fetched.
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
  # Debian puts it into /usr/sbin, which is not in every user's PATH.
  for candidate in "$(PATH=$PATH:/usr/sbin type -P nats-server)" "$root/.tools/usr/sbin/nats-server"; do
    nats_server=$candidate
    if nats_is_good "$nats_server"; then return; fi
  done
  nats_server=
}

# has_tests PRESET: they are configured in its build.
has_tests() { [[ -e $root/build/$1/tests/CTestTestfile.cmake ]]; }

# configure PRESET ON|OFF: in build/PRESET, with or without the tests, unless that is done. Tests that are
# configured stay so, that infra/up and infra/test can share a build.
configure() {
  local preset=$1 tests=$2 folder=$root/build/$1 log=$root/build/$1.log configured=OFF
  if has_tests "$preset"; then configured=ON tests=ON; fi
  # Ninja sees to changed CMake files; it does not look at the presets.
  if [[ $tests == "$configured" && $folder/build.ninja -nt $root/CMakePresets.json ]]; then return; fi
  # Without its sloppiness ccache keeps nothing that is compiled with a precompiled header, as tests are.
  if type -P ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER="env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache"
  fi
  run_step "Configuring" "$log" cmake -S "$root" --preset "$preset" -D BUILD_TESTING="$tests" ||
    die_with_log "$log" "The build could not be configured."
}

# What Ninja has built so far, for run_step.
ninja_progress() { sed -n 's,^\[\([0-9]*\)/\([0-9]*\)\] .*,\1 \2 \1 of \2,p' | tail -n 1; }

# build PRESET [TARGET...]: builds in build/PRESET; everything when no target is named.
build() {
  local folder=$root/build/$1 log=$root/build/$1.log progress=ninja_progress
  # Ninja's own default is two jobs more than cores, which costs memory and saves no time here.
  run_step "Building" "$log" ninja -C "$folder" -j "$(nproc)" "${@:2}" ||
    die_with_log "$log" "The build failed."
  say "Built: $1"
}
