# Reading, changing and restoring addresses and routes of one interface.
IF=$(plan interface)
NEW=$(plan address)
OLD=$(plan old_address)
NEW6=$(plan address6)
GW=$(plan gateway)
GW6=$(plan gateway6)

addresses() { ip -o "-$1" addr show dev "$IF" scope global 2>/dev/null | sed 's/\\.*//' | tr -s ' '; }
has_address() { addresses "$1" | grep -Fq " $2 "; }
# Routes of this interface that the kernel does not make by itself, in all tables but local.
routes() {
  ip "-$1" route show table all dev "$IF" 2>/dev/null |
    grep -Ev 'proto (kernel|ra)|table local|^(local|broadcast|anycast|multicast|ff00)' |
    sed 's/ linkdown//; s/ dead//; s/ pref medium//; s/ error [0-9-]*//' | tr -s ' ' | sed 's/ $//'
}
network_now() { addresses 4; addresses 6 | grep -v ' dynamic\| temporary\|mngtmpaddr'; routes 4; routes 6; }
disabled6() { cat "/proc/sys/net/ipv6/conf/$IF/disable_ipv6" 2>/dev/null; }

backend() {
  wanted=$(plan backend)
  if [ -n "$wanted" ]; then
    say "$wanted"
  elif have nmcli && nmcli -t -f DEVICE,STATE device 2>/dev/null | grep -q "^$IF:connected"; then
    say networkmanager
  elif have netplan && grep -qs "^[[:space:]]*$IF:" /etc/netplan/*.yaml; then
    say netplan
  elif [ -f "/etc/sysconfig/network-scripts/ifcfg-$IF" ]; then
    say ifcfg
  elif grep -Eqs "^[[:space:]]*iface[[:space:]]+$IF[[:space:]]" /etc/network/interfaces /etc/network/interfaces.d/*; then
    say ifupdown
  else
    say iproute2
  fi
}

# taken ADDRESS: another station answers for it (asked by ARP; sends nothing else)
taken() {
  if have arping && arping -V 2>&1 | grep -qi iputils; then
    ! arping -D -q -c 2 -w 2 -I "$IF" "$1" >/dev/null 2>&1
  elif have busybox && busybox arping --help 2>&1 | grep -q -- -D; then
    ! busybox arping -D -q -c 2 -w 2 -I "$IF" "$1" >/dev/null 2>&1
  else
    # Without arping the kernel asks: a neighbour that is being resolved.
    ip neigh replace "$1" dev "$IF" nud none 2>/dev/null
    ip neigh replace "$1" dev "$IF" use 2>/dev/null
    sleep 2
    ip neigh show "$1" dev "$IF" | grep -q lladdr
    answer=$?
    ip neigh del "$1" dev "$IF" 2>/dev/null
    return $answer
  fi
}
announce() {
  if have arping && arping -V 2>&1 | grep -qi iputils; then
    arping -U -q -c 2 -w 2 -I "$IF" "$1" >/dev/null 2>&1
  elif have busybox; then
    busybox arping -U -q -c 2 -w 2 -I "$IF" "$1" >/dev/null 2>&1
  fi
  return 0
}

resolver_is_ours() { [ -n "$(plan dns)" ] && [ ! -L /etc/resolv.conf ]; }
write_resolver() {
  if resolver_is_ours; then
    {
      [ -z "$(plan search)" ] || say "search $(plan search)"
      for server in $(plan dns); do say "nameserver $server"; done
      grep -s '^options' "$DIR/backup/files/etc/resolv.conf"
      :
    } >"$DIR/resolv.conf" && cat "$DIR/resolv.conf" >/etc/resolv.conf
  elif [ -n "$(plan dns)" ] && have resolvectl; then
    resolvectl dns "$IF" $(plan dns)
  fi
}

failed() {
  log "apply: $*"
  mark apply_failed "$*" 2>/dev/null
  decide rollback && restore
  exit 1
}

# Runs detached. Only the running system is changed; files follow after the confirmation.
apply_now() {
  sleep 1 # the answer to the caller leaves first
  watchdog_alive || exit 1
  # First the mark, then the look: who rolls back looks at them the other way round, so that one of
  # the two sees the other.
  echo $$ >"$DIR/apply.pid" && mark applying "backend=$(backend)" || exit 1
  [ -z "$(decision)" ] || exit 1
  restored_of=$(plan restore_of)
  if [ -n "$restored_of" ]; then
    # Going back from a confirmed cut-over: to what was saved before it.
    restore_network "$STATE/$restored_of/backup" || failed "the earlier state does not come back"
    [ -z "$OLD" ] || announce "${NEW%/*}"
    mark applied "restored $restored_of" || failed "the mark cannot be written"
    return
  fi
  if [ -n "$NEW" ] && ! has_address 4 "$NEW" && taken "${NEW%/*}"; then
    failed "${NEW%/*} answers already: another station has it"
  fi
  if [ "$(backend)" = networkmanager ]; then apply_networkmanager; else apply_iproute2; fi
  write_resolver || failed "the resolver's file cannot be written"
  wait_for_dad
  mark applied "" || failed "the mark cannot be written"
  log "applied"
  [ -z "$NEW" ] || announce "${NEW%/*}"
}

apply_iproute2() {
  metric=$(ip -4 route show default dev "$IF" | sed -n 's/.* metric \([0-9]*\).*/ metric \1/p' | head -n 1)
  oldgw=$(ip -4 route show default dev "$IF" | sed -n 's/^default via \([0-9.]*\).*/\1/p' | head -n 1)
  if [ -n "$NEW" ]; then
    has_address 4 "$NEW" || ip -4 addr add "$NEW" brd + dev "$IF" || failed "cannot add $NEW"
    if [ -n "$oldgw" ] && [ -z "$(plan keep_old)" ]; then
      routes 4 | grep -F " via $oldgw" | while read -r line; do ip -4 route del $line dev "$IF"; done
    fi
    if [ -n "$OLD" ] && [ -z "$(plan keep_old)" ] && [ "$OLD" != "$NEW" ]; then
      ip -4 addr del "$OLD" dev "$IF" || failed "cannot take $OLD away"
      # Taking a first address away may take its followers along.
      has_address 4 "$NEW" || ip -4 addr add "$NEW" brd + dev "$IF" || failed "cannot add $NEW"
    fi
  fi
  if [ -n "$GW" ]; then
    while ip -4 route del default dev "$IF" 2>/dev/null; do :; done
    ip -4 route add default via "$GW" dev "$IF"$metric || failed "no route by way of $GW"
  fi
  if [ -n "$NEW6" ]; then
    echo 0 >"/proc/sys/net/ipv6/conf/$IF/disable_ipv6" || failed "IPv6 cannot be switched on"
    has_address 6 "$NEW6" || ip -6 addr add "$NEW6" dev "$IF" || failed "cannot add $NEW6"
    if [ -n "$GW6" ]; then
      ip -6 route replace default via "$GW6" dev "$IF" || failed "no route by way of $GW6"
    fi
  fi
  plan route | while read -r to by; do
    case $to in *:*) family=6 ;; *) family=4 ;; esac
    ip "-$family" route replace "$to" via "$by" dev "$IF" || exit 1
  done || failed "a route of the plan cannot be set"
}

# Temporary changes: the profile is as it was until `persist`, and `reapply` brings it back.
apply_networkmanager() {
  set --
  [ -z "$NEW" ] || set -- "$@" ipv4.method manual ipv4.addresses "$NEW"
  [ -z "$GW" ] || set -- "$@" ipv4.gateway "$GW"
  [ -z "$(plan dns)" ] || set -- "$@" ipv4.dns "$(plan dns | tr ' ' ,)"
  [ -z "$NEW6" ] || set -- "$@" ipv6.method manual ipv6.addresses "$NEW6"
  [ -z "$GW6" ] || set -- "$@" ipv6.gateway "$GW6"
  [ -z "$(plan route)" ] || set -- "$@" ipv4.routes "$(plan route | grep -v : | tr '\n' ,)"
  nmcli device modify "$IF" "$@" || failed "NetworkManager refuses the plan"
}

wait_for_dad() {
  [ -n "$NEW6" ] || return 0
  tries=0
  while ip -6 addr show dev "$IF" | grep -F " $NEW6 " | grep -q tentative && [ $tries -lt 8 ]; do
    ip -6 addr show dev "$IF" | grep -F " $NEW6 " | grep -q dadfailed && break
    tries=$((tries + 1))
    sleep 0.5 2>/dev/null || sleep 1
  done
  ip -6 addr show dev "$IF" | grep -F " $NEW6 " | grep -q dadfailed && failed "$NEW6 is another station's"
  return 0
}

# restore_network FOLDER: exactly the addresses and routes noted there. May be repeated.
restore_network() {
  from=$1
  for family in 4 6; do
    ip "-$family" addr flush dev "$IF" scope global 2>/dev/null
    routes $family | while read -r line; do ip "-$family" route del $line dev "$IF" 2>/dev/null; done
  done
  was6=$(cat "$from/disable6" 2>/dev/null)
  [ "$was6" = 0 ] && echo 0 >"/proc/sys/net/ipv6/conf/$IF/disable_ipv6"
  while read -r _ _ _ address rest; do
    case $address in '') continue ;; esac
    broadcast=$(say "$rest" | sed -n 's/.*brd \([0-9.]*\).*/brd \1/p')
    label=$(say "$rest" | sed -n "s/.*scope global .*\($IF:[^ ]*\).*/label \1/p")
    ip -4 addr add "$address" $broadcast $label dev "$IF"
  done <"$from/addr4"
  grep -v ' dynamic\| temporary' "$from/addr6" | while read -r _ _ _ address _; do
    [ -z "$address" ] || ip -6 addr add "$address" nodad dev "$IF"
  done
  for pass in 1 2 3; do # a route may need another one first
    for family in 4 6; do
      while read -r line; do
        [ -z "$line" ] || ip "-$family" route replace $line dev "$IF" 2>/dev/null
      done <"$from/route$family"
    done
  done
  [ "$was6" = 1 ] && echo 1 >"/proc/sys/net/ipv6/conf/$IF/disable_ipv6"
  network_now >"$DIR/now" 2>/dev/null || return 0 # a full disk: done as well as can be told
  sort "$DIR/now" >"$DIR/now.sorted"
  sort "$from/network" | cmp -s - "$DIR/now.sorted"
}

# Another process that changes this host just now.
changing() {
  read -r pid 2>/dev/null <"$DIR/apply.pid" || return 1
  [ "$pid" != $$ ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -Fq "$DIR/run.sh apply_now"
}

restore() {
  tries=0
  while changing && [ $tries -lt 30 ]; do
    tries=$((tries + 1))
    sleep 1
  done
  log "restoring"
  rm -f "$DIR/restored"
  tries=0
  until restore_once; do
    tries=$((tries + 1))
    if [ $tries -ge 5 ]; then
      log "not restored"
      mark restore_failed "$(diff "$DIR/backup/network" "$DIR/now" 2>&1 | head -n 5)"
      return 1
    fi
    sleep 1
  done
  [ -z "$OLD" ] || announce "${OLD%/*}"
  log "restored"
  mark restored ""
}
# Addresses first: a disk that is too full for the files must not keep the host away.
restore_once() {
  if [ "$(told applying backend)" = networkmanager ]; then
    nmcli device reapply "$IF" || nmcli device connect "$IF" || return 1
    [ -z "$OLD" ] || has_address 4 "$OLD" || return 1
  else
    restore_network "$DIR/backup" || return 1
  fi
  restore_files
}
