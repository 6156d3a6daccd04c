# where: what the marks and the interface say. Reads only.
where() {
  say "id=$ID"
  say "now=$(utc)"
  [ -d "$DIR" ] && say "run=present" || say "run=absent"
  say "backup=$(marked backup.ok && say yes || say no)"
  say "armed=$(marked armed && say yes || say no)"
  say "seconds=$(told armed seconds)"
  say "same_boot=$(marked armed && same_boot && say yes || say no)"
  say "watchdog=$(watchdog_alive && say alive || say none)"
  say "remaining=$(remaining)"
  for name in applying applied restored persisted persist_by_hand; do
    say "$name=$(marked $name && say yes || say no)"
  done
  say "changing=$(changing && say yes || say no)"
  for name in apply_failed restore_failed persist_failed; do
    marked $name && say "$name=$(sed 1d "$DIR/$name" | tr '\n' ' ')"
  done
  say "decision=$(decision)"
  say "has_old=$([ -n "$OLD" ] && has_address 4 "$OLD" && say yes || say no)"
  say "has_new=$([ -n "$NEW" ] && has_address 4 "$NEW" && say yes || say no)"
  say "has_new6=$([ -n "$NEW6" ] && has_address 6 "$NEW6" && say yes || say no)"
  say "as_before=$(marked backup.ok && [ "$(network_now | sort)" = "$(sort "$DIR/backup/network")" ] && say yes || say no)"
  say "addresses=$(addresses 4 | awk '{ printf "%s ", $4 }')$(addresses 6 | awk '{ printf "%s ", $4 }')"
  say "routes=$(routes 4 | tr '\n' ';')$(routes 6 | tr '\n' ';')"
  say "marks=$(cd "$DIR" 2>/dev/null && ls | tr '\n' ' ')"
}

apply() {
  marked applied && [ -z "$(decision)" ] && { say "NOTE applied already"; say "applying=yes"; return 0; }
  [ -z "$(decision)" ] || { say "FAIL decided before: $(decision)"; return 1; }
  watchdog_alive || { say "FAIL no timer runs: not applied"; return 1; }
  [ "$(remaining)" -gt "$1" ] || { say "FAIL only $(remaining) s are left, $1 s are needed: not applied"; return 1; }
  marked applying || detached apply_now
  say "applying=yes"
}

case ${1-} in
  check | backup | arm | apply | apply_now | watch | verify | edges | confirm | persist | rollback | restore | where) "$@" ;;
  *) say "FAIL no such verb: ${1-}"; exit 2 ;;
esac
