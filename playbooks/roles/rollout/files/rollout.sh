# The roll-out of the agent on one host: POSIX sh, no Python. Sent as one script after lines
# BASE=where it is installed, FACTS='key=value …' (the manifest), WAIT=seconds for the heartbeat.
#   BASE/versions/VERSION   unpacked bundles        BASE/current   link to the one in use
#   BASE/environment        settings, if any        BASE/run/      what the last switch did
# State and spool of the agent lie elsewhere and are never touched.
umask 022
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export LC_ALL PATH
RUN=$BASE/run
INCOMING=$BASE/incoming
UNIT=yunxun-agent

fact() { printf '%s\n' "$FACTS" | sed -n "s/^$1=//p" | head -n 1; }
say() { printf '%s\n' "$*"; }
fail() { say "FAIL $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
uptime_s() { read -r up _ </proc/uptime; say "${up%.*}"; }
utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }
log() { printf '%s %s\n' "$(utc)" "$*" >>"$RUN/log" 2>/dev/null; }
mark() { name=$1; shift; printf '%s\n' "$*" >"$RUN/.$name" && mv -f "$RUN/.$name" "$RUN/$name"; }
marked() { cat "$RUN/$1" 2>/dev/null; }
boot_id() { cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
# A restart ends a switch: nothing waits for a heartbeat any more, and the next one may begin.
under_way() { [ "$(marked state)" = switching ] && [ "$(marked boot)" = "$(boot_id)" ]; }
VERSION=$(fact version)
[ ! -r "$BASE/environment" ] || . "$BASE/environment"
STATE=${YUNXUN_AGENT_STATE:-/var/lib/yunxun-agent}

current() { basename "$(readlink "$BASE/current" 2>/dev/null)" 2>/dev/null; }
systemd() { [ -d /run/systemd/system ] && have systemctl; }
agent_pid() {
  read -r pid 2>/dev/null <"$STATE/agent.lock" || return 1
  [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'lean.py\|yunxun-agent' && say "$pid"
}
told() { sed -n "s/.*\"$1\": \"\{0,1\}\([^\",}]*\).*/\1/p" "$STATE/status.json" 2>/dev/null | head -n 1; }

check() {
  problems=0
  bad() { say "FAIL $*"; problems=1; }
  say "current=$(current)"
  say "pid=$(agent_pid)"
  [ "$(id -u)" = 0 ] || bad "not root: use become"
  [ "$(uname -m)" = "$(fact arch)" ] || bad "this host is $(uname -m), the bundle is for $(fact arch)"
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
  say "glibc=$libc"
  if [ -z "$libc" ]; then
    bad "no glibc here (musl?): the bundle needs glibc $(fact glibc)"
  elif ! awk -v a="$libc" -v b="$(fact glibc)" 'BEGIN { split(a, x, "."); split(b, y, "."); exit !(x[1] * 1000 + x[2] >= y[1] * 1000 + y[2]) }'; then
    bad "glibc $libc is older than $(fact glibc), which the bundle needs: build it on this system's release"
  fi
  for tool in tar gzip sha256sum readlink; do have $tool || bad "no $tool here"; done
  place=$BASE
  while [ ! -d "$place" ]; do place=$(dirname "$place"); done
  free=$(df -Pk "$place" | awk 'NR == 2 { print $4 }')
  # The archive, its files, and as much again left to others.
  need=$(($(fact size) / 1024 + $(fact unpacked_kb) + 8192))
  [ "$free" -ge "$need" ] || bad "$place has $free KB left, $need KB are needed"
  ! under_way || bad "a switch is under way"
  return $problems
}

# The archive has arrived: nothing of it is run or put in place before it is known to be whole.
receive() {
  mkdir -p "$BASE/versions" "$RUN" || fail "$BASE cannot be made"
  archive=$INCOMING/$(fact file)
  [ -d "$BASE/versions/$VERSION" ] && { rm -rf "$INCOMING"; say "NOTE $VERSION is here already"; say "received=yes"; return; }
  sum=$(sha256sum <"$archive" | cut -d ' ' -f 1)
  [ "$sum" = "$(fact sha256)" ] || { rm -rf "$INCOMING"; fail "the archive arrived altered: $sum is not $(fact sha256)"; }
  # OpenSSL knows Ed25519 since 1.1.1; elsewhere the sum above, told over ssh, stands alone.
  if openssl pkeyutl -help 2>&1 | grep -q rawin && openssl pkey -pubin -in "$INCOMING/pub" -noout 2>/dev/null; then
    openssl pkeyutl -verify -pubin -inkey "$INCOMING/pub" -rawin -in "$INCOMING/manifest" -sigfile "$INCOMING/sig" >/dev/null 2>&1 ||
      { rm -rf "$INCOMING"; fail "the signature of the manifest is not good"; }
    [ "$(sed -n 's/^sha256=//p' "$INCOMING/manifest")" = "$sum" ] || { rm -rf "$INCOMING"; fail "the signed manifest is of another archive"; }
    say "verified=openssl"
  else
    say "verified=sha256"
  fi
  new=$BASE/versions/.new
  rm -rf "$new" && mkdir -p "$new" && tar xzf "$archive" -C "$new" 2>/dev/null ||
    { rm -rf "$new" "$INCOMING"; fail "the archive cannot be unpacked (disk full?)"; }
  rm -rf "$INCOMING"
  (cd "$new" && sha256sum -c SHA256SUMS >/dev/null 2>&1) || { rm -rf "$new"; fail "unpacked files are not those of the archive (disk full?)"; }
  "$new/bin/yunxun-agent" --version >/dev/null 2>&1 || { rm -rf "$new"; fail "the new agent does not start on this host"; }
  sync
  mv "$new" "$BASE/versions/$VERSION" || fail "$BASE/versions/$VERSION cannot be made"
  say "received=yes"
}

put_in_use() { # put_in_use VERSION; "" takes the link away
  if [ -z "$1" ]; then
    rm -f "$BASE/current"
    return
  fi
  ln -s "versions/$1" "$BASE/.current" 2>/dev/null || { rm -f "$BASE/.current"; ln -s "versions/$1" "$BASE/.current"; } || return 1
  mv -fT "$BASE/.current" "$BASE/current" 2>/dev/null || { rm -f "$BASE/current"; mv -f "$BASE/.current" "$BASE/current"; }
  mkdir -p "$BASE/bin"
  [ -e "$BASE/bin/yunxun-agent" ] || ln -s ../current/bin/yunxun-agent "$BASE/bin/yunxun-agent"
}

stop_agent() {
  if systemd; then systemctl stop $UNIT 2>/dev/null; fi
  pid=$(agent_pid) || return 0
  kill "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -le 150 ] || { kill -9 "$pid" 2>/dev/null; break; }
    sleep 0.1 2>/dev/null || sleep 1
  done
}
start_agent() {
  [ -e "$BASE/current" ] || return 0
  if systemd; then
    cp "$BASE/current/app/agent/yunxun-agent.service" /etc/systemd/system/$UNIT.service &&
      systemctl daemon-reload && systemctl enable -q $UNIT && systemctl start $UNIT
  else
    mkdir -p "$STATE" && chmod 700 "$STATE"
    launch=setsid
    have setsid || launch=nohup
    $launch "$BASE/bin/yunxun-agent" run </dev/null >>"$RUN/agent.out" 2>&1 &
  fi
}

# beats SINCE: the agent runs, and what it measured since then was kept by its controller
beats() {
  pid=$(agent_pid) || return 1
  [ "$(told pid)" = "$pid" ] || return 1
  [ -f "$STATE/identity.json" ] || return 0 # not enrolled: running is all it can do
  [ "$(told state)" = connected ] || return 1
  last=$(told last_stored)
  awk -v a="$last" -v b="$1" 'BEGIN { exit !(a != "" && substr(a, 1, 19) >= substr(b, 1, 19)) }'
}
# wait_for_beat SECONDS SINCE
wait_for_beat() {
  end=$(($(uptime_s) + $1))
  while [ "$(uptime_s)" -lt "$end" ]; do
    beats "$2" && return 0
    sleep 1
  done
  return 1
}

# Runs detached: whatever becomes of the session, the host ends with an agent that works.
switch_now() { # switch_now VERSION
  trap '' HUP INT TERM
  before=$(current)
  mark previous "$before"
  log "switching from ${before:-none} to $1"
  since=$(utc)
  stop_agent
  if put_in_use "$1" && start_agent && wait_for_beat "$WAIT" "$since"; then
    log "in use: $1"
    mark state switched
    prune "$1" "$before"
    return
  fi
  log "no heartbeat of $1 in $WAIT s: back to ${before:-none}"
  stop_agent
  put_in_use "$before"
  start_agent
  mark state went_back
}
switch() {
  [ -d "$BASE/versions/$1" ] || fail "$1 is not here"
  mkdir -p "$RUN"
  if [ "$(current)" = "$1" ] && agent_pid >/dev/null; then
    mark state switched
    say "NOTE $1 is in use already"
    say "switching=yes"
    return
  fi
  ! under_way || fail "a switch is under way"
  mark boot "$(boot_id)" && mark state switching || fail "the mark cannot be written (disk full?)"
  cp "$0" "$RUN/switch.sh" || fail "the script cannot be kept (disk full?)"
  # Ansible gives a terminal: its end would reach what has not left this session yet.
  trap '' HUP
  if systemd && have systemd-run; then
    systemd-run --quiet --unit=yunxun-rollout sh "$RUN/switch.sh" switch_now "$1" || fail "systemd-run refuses"
  elif have setsid; then
    setsid sh "$RUN/switch.sh" switch_now "$1" </dev/null >>"$RUN/log" 2>&1 &
  else
    nohup sh "$RUN/switch.sh" switch_now "$1" </dev/null >>"$RUN/log" 2>&1 &
  fi
  say "switching=yes"
}
back() {
  before=$(marked previous)
  [ -n "$before" ] || fail "no earlier version is known"
  switch "$before"
}
# The one in use and the one before it are kept.
prune() {
  for each in "$BASE/versions"/*; do
    name=$(basename "$each")
    [ "$name" = "$1" ] || [ "$name" = "$2" ] || rm -rf "$each"
  done
}

enrol() { # the token comes on stdin
  [ ! -f "$STATE/identity.json" ] || { say "NOTE enrolled already"; say "enrolled=yes"; return; }
  mkdir -p "$STATE" && chmod 700 "$STATE"
  said=$("$BASE/versions/$VERSION/bin/yunxun-agent" enrol - 2>&1) || fail "enrolment: $said"
  say "enrolled=yes"
}

where() {
  say "current=$(current)"
  say "previous=$(marked previous)"
  state=$(marked state)
  [ "$state" != switching ] || under_way || state=cut_off
  say "state=$state"
  say "pid=$(agent_pid)"
  say "connection=$(told state)"
  say "last_stored=$(told last_stored)"
  say "identity=$([ -f "$STATE/identity.json" ] && say yes || say no)"
  say "now=$(utc)"
}

case ${1-} in
  check | receive | switch | switch_now | back | enrol | where) "$@" ;;
  *) say "FAIL no such verb: ${1-}"; exit 2 ;;
esac
