# The cut-over of one host, as the host itself sees it: POSIX sh, no Python. These files are sent as
# one script, after a line PLAN='key=value …' and STATE=folder of all cut-overs, ID=name of this one.
#
# What happened is told by files in $STATE/$ID, each written once:
#   backup.ok   files and addresses are copied     armed      the timer runs: deadline, boot
#   applying    changing has begun                 applied    changing is done
#   apply_failed  why it could not be done         restored / restore_failed  after rolling back
#   persisted / persist_failed / persist_by_hand   after confirming
# and by one symbolic link, `decision`, that points to `confirmed` or to `rollback`. Making it is the
# one atomic step that the timer and the controller race for: whoever comes second is told so.
umask 077
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export LC_ALL PATH
DIR=$STATE/$ID

plan() { printf '%s\n' "$PLAN" | sed -n "s/^$1=//p"; }
say() { printf '%s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }
# Seconds since the host started: a clock that nobody sets.
uptime_s() { read -r up _ </proc/uptime; say "${up%.*}"; }
boot_id() { cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
mark() { # mark NAME TEXT: never half written
  name=$1
  shift
  { printf 'at=%s\n' "$(utc)" && printf '%s\n' "$*"; } >"$DIR/.$name" && mv -f "$DIR/.$name" "$DIR/$name"
}
marked() { [ -e "$DIR/$1" ]; }
told() { sed -n "s/^$2=//p" "$DIR/$1" 2>/dev/null | head -n 1; }
log() { printf '%s %s\n' "$(utc)" "$*" >>"$DIR/log" 2>/dev/null; }
# Made durable where the tool can sync single files, else everything.
settle() { sync -d "$@" 2>/dev/null || sync; }

decision() { readlink "$DIR/decision" 2>/dev/null; }
# decide WHAT: true for the one who decides, and for who asks again for what was decided
decide() {
  ln -s "$1" "$DIR/decision" 2>/dev/null
  [ "$(decision)" = "$1" ]
}

same_boot() { [ "$(told armed boot)" = "$(boot_id)" ]; }
watchdog_alive() {
  marked armed && same_boot || return 1
  read -r pid 2>/dev/null <"$DIR/watch.pid" || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -Fq "$DIR/run.sh watch"
}
remaining() {
  end=$(told armed deadline)
  [ -n "$end" ] && same_boot || { say 0; return; }
  say $((end - $(uptime_s)))
}
# Started so that neither the session's end nor its signals reach it: Ansible gives a terminal, and
# between the fork and the new session its hang-up would end the child.
detached() {
  trap '' HUP
  if have setsid; then
    setsid sh "$DIR/run.sh" "$@" </dev/null >>"$DIR/log" 2>&1 &
  else
    nohup sh "$DIR/run.sh" "$@" </dev/null >>"$DIR/log" 2>&1 &
  fi
}

arm() { # arm SECONDS
  case $1 in '' | *[!0-9]*) say "FAIL arm needs whole seconds"; return 1 ;; esac
  [ -z "$(decision)" ] || { say "FAIL this cut-over was decided before: $(decision)"; return 1; }
  marked backup.ok || { say "FAIL no backup: not armed"; return 1; }
  if watchdog_alive; then
    say "NOTE armed already"
  else
    marked applying && { say "FAIL changed without a timer"; return 1; }
    mark armed "deadline=$(($(uptime_s) + $1))
boot=$(boot_id)
seconds=$1" || { say "FAIL the timer's mark cannot be written"; return 1; }
    rm -f "$DIR/watch.pid"
    if [ -d /run/systemd/system ] && have systemd-run; then
      systemd-run --quiet --unit="yunxun-cutover-$ID" -p Restart=on-failure sh "$DIR/run.sh" watch ||
        detached watch
    else
      detached watch
    fi
    tries=0
    until watchdog_alive || [ $tries -ge 20 ]; do
      tries=$((tries + 1))
      sleep 0.2 2>/dev/null || sleep 1
    done
    watchdog_alive || { rm -f "$DIR/armed"; say "FAIL the timer does not run"; return 1; }
  fi
  settle "$DIR/armed"
  say "armed=yes"
  say "remaining=$(remaining)"
}

# The timer. It ends when the cut-over is confirmed or the host is as it was.
watch() {
  echo $$ >"$DIR/watch.pid"
  trap '' HUP INT TERM
  while :; do
    case $(decision) in
      confirmed) return 0 ;;
      rollback) marked restored || marked restore_failed && return 0 ;;
    esac
    if [ "$(remaining)" -le 0 ]; then
      log "deadline"
      # Asked for a moment ago, it is being done by another process.
      [ "$(decision)" != rollback ] || sleep 5
      marked restored && return 0
      # Also where the disk is so full that no link can be made: nobody confirmed, that counts.
      if [ "$(decision)" != confirmed ]; then
        decide rollback || [ "$(decision)" != confirmed ] && restore
      fi
      return 0
    fi
    sleep 1
  done
}

confirm() {
  [ "$(decision)" = confirmed ] && { say "decision=confirmed"; say "NOTE confirmed already"; return 0; }
  marked applied || { say "FAIL nothing is applied: not confirmed"; return 1; }
  same_boot || { say "FAIL the host was restarted meanwhile"; return 1; }
  [ "$(remaining)" -gt 0 ] || { say "FAIL too late: the timer has run out"; return 1; }
  decide confirmed || { say "FAIL too late: $(decision)"; return 1; }
  settle "$DIR"
  log "confirmed"
  say "decision=confirmed"
}

rollback() {
  case $(decision) in
    confirmed) say "FAIL confirmed: going back is a cut-over of its own"; return 1 ;;
    rollback) say "NOTE rolling back already" ;;
    *) marked armed || { say "NOTE nothing was changed"; return 0; } ;;
  esac
  decide rollback || { say "FAIL too late: $(decision)"; return 1; }
  if marked applying; then
    detached restore
  else
    mark restored "nothing was changed"
  fi
  say "decision=rollback"
}
