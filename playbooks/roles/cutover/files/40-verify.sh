# Does the new place work? One line a question: CHECK kind|subject|ok or fail or not_checked|words
tell() { printf 'CHECK %s|%s|%s|%s\n' "$1" "$2" "$3" "$4"; }
bounded() { if have timeout; then timeout "$@"; else shift; "$@"; fi; }

# tcp_open HOST PORT: 0 open, 1 not, 3 this host has no means to ask
tcp_open() {
  if have bash; then
    bounded 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null || return 1
  elif have nc; then
    bounded 4 nc -z -w 3 "$1" "$2" >/dev/null 2>&1 || return 1
  elif have busybox && busybox nc --help 2>&1 | grep -q -- -z; then
    bounded 4 busybox nc -z -w 3 "$1" "$2" >/dev/null 2>&1 || return 1
  elif have openssl; then
    bounded 4 openssl s_client -connect "$1:$2" </dev/null 2>/dev/null | grep -q CONNECTED || return 1
  else
    return 3
  fi
}
# udp_ask HOST PORT: sends stdin, gives the answer's bytes as hexadecimal; 3: no means
udp_ask() {
  if have bash; then
    bounded 3 bash -c 'exec 3<>"/dev/udp/$0/$1" && cat >&3 && dd bs=2048 count=1 <&3 2>/dev/null' "$1" "$2" 2>/dev/null
  elif have nc; then
    bounded 3 nc -u -w 2 "$1" "$2" 2>/dev/null
  else
    return 3
  fi | od -An -v -tx1 | tr -d ' \n'
}

ask_dns() { # ask_dns SERVER NAME
  name=$2
  question=$(
    printf '\131\130\001\000\000\001\000\000\000\000\000\000' | od -An -v -to1
    say "$name" | tr . '\n' | while read -r part; do
      [ -z "$part" ] || { printf ' %03o' "${#part}"; printf '%s' "$part" | od -An -v -to1; }
    done
    printf ' 000 000 001 000 001'
  )
  have bash || have nc || { tell dns "$1" not_checked "no bash and no nc on this host"; return; }
  answer=$(printf "$(say $question | sed 's/ *\([0-7][0-7][0-7]\)/\\\1/g')" | udp_ask "$1" 53)
  case $answer in
    5958[89a-f]???*)
      code=$(printf '%s' "$answer" | cut -c 8)
      case $code in
        0 | 3) tell dns "$1" ok "answers for $name" ;;
        *) tell dns "$1" fail "answers with error $code for $name" ;;
      esac
      ;;
    *) tell dns "$1" fail "no answer in 3 s" ;;
  esac
}

ask_ntp() {
  have bash || have nc || { tell ntp "$1" not_checked "no bash and no nc on this host"; return; }
  answer=$({ printf '\043'; dd if=/dev/zero bs=47 count=1 2>/dev/null; } | udp_ask "$1" 123)
  # The lowest three bits of the first byte are 4 in a server's answer; the second is its stratum.
  case $answer in
    ?[4c]00*) tell ntp "$1" fail "answers, but has no time itself" ;;
    ?[4c]??*) tell ntp "$1" ok "answers" ;;
    *) tell ntp "$1" fail "no answer in 3 s" ;;
  esac
}

ask_mtu() { # ask_mtu ADDRESS: do whole packets pass that may not be cut?
  case $1 in *:*) head=48 family=-6 ;; *) head=28 family=-4 ;; esac
  size=$(plan mtu)
  [ -n "$size" ] || size=$(cat "/sys/class/net/$IF/mtu")
  have ping || { tell mtu "$1" not_checked "no ping on this host"; return; }
  if ! ping "$family" -c 2 -i 0.3 -W 1 "$1" >/dev/null 2>&1; then
    tell mtu "$1" not_checked "answers no ping"
  elif ping "$family" -c 2 -i 0.3 -W 1 -M do -s $((size - head)) "$1" >/dev/null 2>&1; then
    tell mtu "$1" ok "$size bytes pass"
  else
    tell mtu "$1" fail "small packets pass, $size bytes do not"
  fi
}

ask_gateway() { # ask_gateway 4|6 ADDRESS
  case $2 in fe80:*) whom=$2%$IF ;; *) whom=$2 ;; esac
  if have ping && ping "-$1" -c 2 -i 0.3 -W 1 "$whom" >/dev/null 2>&1; then
    tell "gateway$1" "$2" ok "answers"
  elif ip "-$1" neigh show "$2" dev "$IF" | grep -Eq 'lladdr .*(REACHABLE|DELAY|PROBE|STALE|PERMANENT)'; then
    tell "gateway$1" "$2" ok "is there (answers no ping)"
  else
    tell "gateway$1" "$2" fail "nobody there has this address"
  fi
}

ask_edge() { # ask_edge PROTOCOL PEER PORT NEED
  if [ "$1" != tcp ]; then
    tell edge "$1 $2 $3 $4" not_checked "only TCP can be asked without knowing the protocol"
    return
  fi
  tcp_open "$2" "$3"
  case $? in
    0) tell edge "$1 $2 $3 $4" ok "opens" ;;
    3) tell edge "$1 $2 $3 $4" not_checked "no bash, nc or openssl on this host" ;;
    *) tell edge "$1 $2 $3 $4" fail "does not open in 3 s" ;;
  esac
}

# Our own agent has got through since the change.
ask_agent() {
  wanted=$(plan agent)
  [ "$wanted" = no ] && return
  state=${YUNXUN_AGENT_STATE:-/var/lib/yunxun-agent}
  if [ ! -f "$state/status.json" ]; then
    [ "$wanted" != yes ] || tell agent heartbeat fail "no agent has run here"
    return
  fi
  last=$(sed -n 's/.*"last_stored": "\([^"]*\)".*/\1/p' "$state/status.json")
  since=$(told applied at)
  if [ -n "$last" ] && [ -n "$since" ] && awk -v a="$last" -v b="$since" 'BEGIN { exit !(substr(a, 1, 19) >= substr(b, 1, 19)) }'; then
    tell agent heartbeat ok "last batch kept at $last"
  else
    tell agent heartbeat fail "nothing got through since ${since:-the change} (last: ${last:-never})"
  fi
}

# Asked side by side, and waited for by the shell that started them.
edges() {
  plan edge | {
    while read -r protocol peer port need; do ask_edge "$protocol" "$peer" "$port" "$need" & done
    wait
  }
}

verify() {
  [ -z "$NEW" ] || { has_address 4 "$NEW" && tell address "$NEW" ok "on $IF" || tell address "$NEW" fail "not on $IF"; }
  [ -z "$NEW6" ] || {
    if has_address 6 "$NEW6" && ! addresses 6 | grep -F " $NEW6 " | grep -q 'tentative\|dadfailed'; then
      tell address6 "$NEW6" ok "on $IF"
    else
      tell address6 "$NEW6" fail "not usable on $IF"
    fi
  }
  {
    [ -z "$GW" ] || ask_gateway 4 "$GW" &
    [ -z "$GW6" ] || ask_gateway 6 "$GW6" &
    probe=$(plan dns_probe)
    for server in $(plan dns); do ask_dns "$server" "${probe:-localhost}" & done
    for server in $(plan ntp); do ask_ntp "$server" & done
    for peer in $( { say "$GW"; plan edge | awk '{ print $2 }'; } | sort -u | head -n 8); do ask_mtu "$peer" & done
    edges &
    wait
  }
  ask_agent
}
