# What is looked at before, copied before, and written for good after the confirmation.
files_of_backend() {
  for file in /etc/resolv.conf \
    /etc/network/interfaces /etc/network/interfaces.d/* \
    "/etc/sysconfig/network-scripts/ifcfg-$IF" "/etc/sysconfig/network-scripts/route-$IF" \
    "/etc/sysconfig/network-scripts/route6-$IF" /etc/sysconfig/network \
    /etc/netplan/*.yaml /etc/systemd/network/* /etc/NetworkManager/system-connections/*; do
    [ ! -f "$file" ] || say "$file" || return 1
  done
}

check() {
  problems=0
  bad() { say "FAIL $*"; problems=1; }
  say "backend=$(backend)"
  say "boot=$(boot_id)"
  [ "$(id -u)" = 0 ] || bad "not root: use become"
  have ip || bad "no ip command (package iproute2 or iproute)"
  ip link show dev "$IF" >/dev/null 2>&1 || { bad "no interface $IF"; return 1; }
  [ "$(cat "/sys/class/net/$IF/carrier" 2>/dev/null)" = 1 ] || bad "$IF has no link"
  if [ -n "$NEW" ] && has_address 4 "$NEW" && { [ -z "$OLD" ] || [ "$OLD" = "$NEW" ] || ! has_address 4 "$OLD"; }; then
    [ "$(decision)" = confirmed ] && { say "already=yes"; return 0; }
    bad "$NEW is on $IF already, and not by this cut-over"
  elif [ -n "$OLD" ] && ! has_address 4 "$OLD"; then
    bad "$OLD is not on $IF, which has:$(addresses 4 | awk '{printf " %s", $4}')"
  fi
  if [ -n "$(decision)" ]; then bad "a cut-over of this name ended before ($(decision)): choose a new cutover_id"; fi
  for other in "$STATE"/*/armed; do
    [ -f "$other" ] && [ "$other" != "$DIR/armed" ] || continue
    (
      DIR=${other%/armed}
      [ -z "$(decision)" ] && watchdog_alive
    ) && bad "another cut-over is under way: ${other%/armed}"
  done
  if addresses 4 | grep -q dynamic; then say "NOTE $IF has an address from DHCP; its client must be stopped for good by hand"; fi
  if [ -n "$NEW" ] && ! has_address 4 "$NEW" && taken "${NEW%/*}"; then
    bad "${NEW%/*} answers already: another station has it"
  fi
  if [ -n "$OLD" ] && have ss; then
    bound=$(ss -Hltn 2>/dev/null | awk -v a="${OLD%/*}:" 'index($4, a) == 1 {printf " %s", $4}')
    [ -z "$bound" ] || say "NOTE programs listen on the old address itself:$bound"
  fi
  if grep -qsF "${OLD%/*}" /etc/ssh/sshd_config /etc/ssh/sshd_config.d/* && [ -n "$OLD" ]; then
    bad "sshd's settings name ${OLD%/*}: it would not answer on the new address"
  fi
  if [ -d /run/systemd/system ] && have systemd-run; then say "timer=systemd-run"
  elif have setsid; then say "timer=setsid"
  elif have nohup; then say "timer=nohup"
  else bad "nothing to start a timer with (systemd-run, setsid, nohup)"; fi
  return $problems
}

# Unsaved differences would be lost or made permanent by accident; told, not judged.
backup() {
  marked backup.ok && { say "NOTE backed up already"; return 0; }
  mkdir -p "$DIR/backup/files" || { say "FAIL $DIR cannot be made"; return 1; }
  addresses 4 >"$DIR/backup/addr4" && addresses 6 >"$DIR/backup/addr6" &&
    routes 4 >"$DIR/backup/route4" && routes 6 >"$DIR/backup/route6" &&
    network_now >"$DIR/backup/network" && say "$(disabled6)" >"$DIR/backup/disable6" ||
    { say "FAIL the state of $IF cannot be saved (disk full?)"; return 1; }
  [ -s "$DIR/backup/network" ] || { say "FAIL nothing saved of $IF"; return 1; }
  files_of_backend >"$DIR/backup/list" || { say "FAIL the list cannot be saved"; return 1; }
  while read -r file; do
    mkdir -p "$DIR/backup/files${file%/*}" && cp -p "$file" "$DIR/backup/files$file" 2>/dev/null &&
      cmp -s "$file" "$DIR/backup/files$file" ||
      { say "FAIL $file cannot be backed up (disk full?)"; return 1; }
  done <"$DIR/backup/list"
  mark backup.ok "$(cksum "$DIR"/backup/network)" || { say "FAIL the mark cannot be written"; return 1; }
  settle "$DIR/backup.ok" "$DIR"
  say "backup=$DIR/backup"
}

restore_files() {
  # Files in place, so that owner, mode and a mount below them stay.
  while read -r file; do
    cmp -s "$DIR/backup/files$file" "$file" || cat "$DIR/backup/files$file" >"$file" || return 1
  done <"$DIR/backup/list"
  while read -r file; do
    grep -Fxq "$file" "$DIR/backup/list" || rm -f "$file"
  done 2>/dev/null <"$DIR/written"
  return 0
}

write_down() { # write_down FILE: the new content comes on stdin
  say "$1" >>"$DIR/written"
  cat >"$DIR/new" && cat "$DIR/new" >"$1"
}

persist() {
  [ "$(decision)" = confirmed ] || { say "FAIL not confirmed: nothing is written for good"; return 1; }
  marked persisted && { say "NOTE persisted already"; say "persisted=yes"; return 0; }
  restored_of=$(plan restore_of)
  rm -f "$DIR/persist_failed"
  manager=$(told applying backend)
  if [ -n "$restored_of" ]; then
    (DIR=$STATE/$restored_of; restore_files)
  else
    "persist_$manager"
  fi
  case $? in
    0) mark persisted "$manager"; say "persisted=yes" ;;
    3) mark persist_by_hand "$manager"; say "persisted=by_hand" ;;
    *)
      restore_files
      mark persist_failed "$manager"
      say "FAIL the new address works but is not in the files of $manager: write it there by hand"
      return 1
      ;;
  esac
  settle "$DIR"
}

persist_iproute2() {
  say "NOTE no network manager knows $IF: the new address lives until the next start; write it down by hand"
  return 3
}

netmask() { # of a prefix length
  awk -v n="$1" 'BEGIN { for (i = 0; i < 4; i++) { b = n > 8 ? 8 : (n < 0 ? 0 : n); printf "%s%d", (i ? "." : ""), 256 - 2 ^ (8 - b); n -= 8 } print "" }'
}

persist_ifupdown() {
  file=$(grep -ls "^[[:space:]]*iface[[:space:]][[:space:]]*$IF[[:space:]]" /etc/network/interfaces /etc/network/interfaces.d/* | head -n 1)
  [ -n "$file" ] || return 1
  # Stanzas of this interface are replaced; every other line stays as it is.
  awk -v name="$IF" -v four="$NEW" -v six="$NEW6" '
    function stanza(word) { return word ~ /^(iface|auto|mapping|source|source-directory|no-auto-down|no-scripts|rename|template)$/ || word ~ /^allow-/ }
    stanza($1) { mine = ($1 == "iface" && $2 == name && (($3 == "inet" && four != "") || ($3 == "inet6" && six != ""))) }
    !mine { print }' "$file" >"$DIR/interfaces" || return 1
  {
    cat "$DIR/interfaces"
    if [ -n "$NEW" ]; then
      say "iface $IF inet static"
      say "    address $NEW"
      [ -z "$GW" ] || say "    gateway $GW"
      [ -z "$(plan dns)" ] || say "    dns-nameservers $(plan dns)"
      [ -z "$(plan search)" ] || say "    dns-search $(plan search)"
      plan route | grep -v : | while read -r to by; do say "    up ip route replace $to via $by dev $IF"; done
    fi
    if [ -n "$NEW6" ]; then
      say "iface $IF inet6 static"
      say "    address $NEW6"
      [ -z "$GW6" ] || say "    gateway $GW6"
      plan route | grep : | while read -r to by; do say "    up ip -6 route replace $to via $by dev $IF"; done
    fi
  } >"$DIR/interfaces.new" || return 1
  write_down "$file" <"$DIR/interfaces.new" || return 1
  if have ifquery; then ifquery "$IF" >/dev/null 2>&1 || return 1; fi
}

persist_ifcfg() {
  file=/etc/sysconfig/network-scripts/ifcfg-$IF
  {
    grep -Ev '^(BOOTPROTO|IPADDR[0-9]*|PREFIX[0-9]*|NETMASK[0-9]*|GATEWAY[0-9]*|DNS[0-9]+|DOMAIN|IPV6INIT|IPV6ADDR|IPV6_DEFAULTGW|IPV6_AUTOCONF)=' "$file"
    if [ -n "$NEW" ]; then
      say "BOOTPROTO=none"
      say "IPADDR=${NEW%/*}"
      say "PREFIX=${NEW#*/}"
      say "NETMASK=$(netmask "${NEW#*/}")"
      [ -z "$GW" ] || say "GATEWAY=$GW"
    fi
    number=0
    for server in $(plan dns); do number=$((number + 1)); say "DNS$number=$server"; done
    [ -z "$(plan search)" ] || say "DOMAIN=\"$(plan search)\""
    if [ -n "$NEW6" ]; then
      say "IPV6INIT=yes"
      say "IPV6_AUTOCONF=no"
      say "IPV6ADDR=$NEW6"
      [ -z "$GW6" ] || say "IPV6_DEFAULTGW=$GW6"
    fi
  } >"$DIR/ifcfg" || return 1
  write_down "$file" <"$DIR/ifcfg" || return 1
  for family in 4 6; do
    [ $family = 4 ] && { pattern='-v :'; file=/etc/sysconfig/network-scripts/route-$IF; } ||
      { pattern=:; file=/etc/sysconfig/network-scripts/route6-$IF; }
    [ -n "$(plan route | grep $pattern)" ] || continue
    plan route | grep $pattern | while read -r to by; do say "$to via $by dev $IF"; done | write_down "$file" || return 1
  done
}

persist_networkmanager() {
  uuid=$(nmcli -t -f GENERAL.CON-UUID device show "$IF" | sed 's/^[^:]*://')
  [ -n "$uuid" ] || return 1
  set --
  [ -z "$NEW" ] || set -- "$@" ipv4.method manual ipv4.addresses "$NEW"
  [ -z "$GW" ] || set -- "$@" ipv4.gateway "$GW"
  [ -z "$(plan dns)" ] || set -- "$@" ipv4.dns "$(plan dns | tr ' ' ,)"
  [ -z "$(plan search)" ] || set -- "$@" ipv4.dns-search "$(plan search | tr ' ' ,)"
  [ -z "$NEW6" ] || set -- "$@" ipv6.method manual ipv6.addresses "$NEW6"
  [ -z "$GW6" ] || set -- "$@" ipv6.gateway "$GW6"
  [ -z "$(plan route)" ] || set -- "$@" ipv4.routes "$(plan route | grep -v : | tr '\n' ,)"
  nmcli connection modify "$uuid" "$@"
}

persist_netplan() {
  file=$(grep -ls "^[[:space:]]*$IF:" /etc/netplan/*.yaml | head -n 1)
  kind=$(netplan get 2>/dev/null | awk -v name="$IF:" '/^  [a-z]+:$/ { kind = $1 } $1 == name { sub(":", "", kind); print kind; exit }')
  [ -n "$file" ] && [ -n "$kind" ] || return 1
  hint=$(basename "$file" .yaml)
  list="$NEW${NEW6:+, $NEW6}"
  hops="${GW:+{to: default, via: $GW\}}${GW6:+${GW:+, }{to: \"::/0\", via: \"$GW6\"\}}"
  # A list is added to by `set`; it is emptied first.
  for key in addresses gateway4 gateway6 routes dhcp4; do
    netplan set --origin-hint "$hint" "$kind.$IF.$key=null" 2>/dev/null
  done
  netplan set --origin-hint "$hint" "$kind.$IF.addresses=[$list]" &&
    { [ -z "$hops" ] || netplan set --origin-hint "$hint" "$kind.$IF.routes=[$hops]"; } &&
    { [ -z "$(plan dns)" ] || netplan set --origin-hint "$hint" "$kind.$IF.nameservers.addresses=[$(plan dns | tr ' ' ,)]"; } &&
    netplan generate
}
