internal import Engine

/// The script of the shell that carries datagrams on a jump host, and its lines.
///
/// It tries bash with `/dev/udp`, socat, nc with `-u`, python3 and perl, and answers `+ TOOL`; `?` for a
/// name that is not known there, `!` for an address without a route, `none` without a tool. From then on
/// each line to it is a datagram, each byte of it `\0` and three octal digits as printf(1) reads them:
/// a shell variable cannot hold a zero byte. Each line from it is `=` with a datagram in hexadecimal
/// digits, or `!` for ICMP port unreachable. `p` is answered by `p`.
///
/// The shell's own `read` and `printf` would cut datagrams into pieces: dd(1) reads one with one read(2)
/// and sends one with one write(2). bash and socat keep the limits of datagrams that way. nc has a pipe on
/// both sides; there two datagrams that come at the same moment may become one, which a question with one
/// answer does not meet, and which the protocols take for a broken one.
///
/// The script ends with its input, that is, with the channel; without any input after 10 minutes.
enum BridgeScript {
  /// The script for an address and a port; nil for an address that holds other characters than names and
  /// numbers of addresses have: it stands in a command line.
  static func text(_ address: String, _ port: UInt16) -> String? {
    let bytes = Array(address.utf8)
    guard (1...253).contains(bytes.count), bytes.first != UInt8(ascii: "-"), port > 0,
      bytes.allSatisfy({ byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "-"),
          UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "%"):
          true
        default: false
        }
      })
    else { return nil }
    let isNumber = Dial.number(address) != nil
    // In braces, so that the shell reads all of it before it runs any of it.
    return """
      {
      h='\(address)' g='\(address.contains(":") ? "[\(address)]" : address)' p=\(port) n=\(isNumber ? 1 : 0)
      \(shell)
      exit
      }

      """
  }

  /// A datagram as a line of the script.
  static func line(of datagram: [UInt8]) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(datagram.count * 5 + 1)
    for byte in datagram {
      line += [0x5c, 0x30, 0x30 + byte >> 6, 0x30 + byte >> 3 & 7, 0x30 + byte & 7]
    }
    line.append(10)
    return line
  }

  /// The bytes of hexadecimal digits, spaces between them; nil for other characters.
  static func bytes(_ digits: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var half: UInt8?
    for digit in digits {
      let value: UInt8
      switch digit {
      case 0x30...0x39: value = digit - 0x30
      case 0x61...0x66: value = digit - 0x61 + 10
      case 0x20 where half == nil: continue
      default: return nil
      }
      if let high = half {
        bytes.append(high << 4 | value)
        half = nil
      } else {
        half = value
      }
    }
    return half == nil ? bytes : nil
  }

  private static let shell = #"""
    exec 4<&0 5>&1 2>/dev/null
    export h p
    has() { for t; do command -v "$t" >/dev/null || return 1; done; }
    known() {
      [ $n = 1 ] || ! has getent && return
      getent ahosts "$h" >/dev/null
      if [ $? = 2 ]; then echo '?'; exit; fi
    }
    if has bash dd od; then bash -c '
      LC_ALL=C
      if ! { exec 3<>/dev/udp/$h/$p; }; then
        case $( { exec 3<>/dev/udp/$h/$p; } 2>&1 ) in
        *not\ known*|*esol*|*o\ address*) echo "?"; exit 0;;
        *unreachable*|*Invalid*) echo "!"; exit 0;;
        esac
        exit 9
      fi
      set -m
      answers() {
        n=0
        while [ $n -lt 64 ]; do
          if x=$(dd bs=4096 count=1 <&3 | od -An -v -tx1; exit ${PIPESTATUS[0]}); then n=0; echo = $x
          else n=$((n+1)); echo "!"; fi
        done
      }
      echo + bash
      answers & a=$!
      trap "kill -9 -- -$a" EXIT
      while read -r -t 600 l; do
        case $l in
        p) echo p;;
        *) printf %b "$l" | dd obs=4096 >&3 || printf %b "$l" | dd obs=4096 >&3;;
        esac
      done
      exit 0' && exit
    fi
    if has socat dd od; then
      known
      if socat -u OPEN:/dev/null "UDP:$g:$p"; then
        S='
        exec 3<&0
        echo + socat >&5
        {
          while x=$(dd bs=4096 count=1 <&3 | od -An -v -tx1) && [ -n "$x" ]; do echo = $x >&5; done
          echo "!" >&5
          kill 0
        } &
        while read -r l <&4; do
          case $l in
          p) echo p >&5;;
          *) printf %b "$l" | dd obs=4096;;
          esac
        done
        kill 0'
        export S
        exec socat -T 600 "UDP:$g:$p" 'SYSTEM:eval \"$S\",socktype=5,setsid'
      fi
    fi
    if has nc dd od && case $(nc -h 2>&1 </dev/null) in *-u[!a-z]*) ;; *) false;; esac; then
      known
      {
        k=
        while read -r l <&4; do
          case $l in
          p) echo p >&5;;
          k*) k=${l#k};;
          *) printf %b "$l" | dd obs=4096;;
          esac
        done
        kill $k
      } | sh -c 'echo "+ nc $$" >&5; exec nc -u -w 600 "$h" "$p"' | {
        while x=$(dd bs=4096 count=1 | od -An -v -tx1) && [ -n "$x" ]; do echo = $x >&5; done
        echo '!' >&5
      }
      exit
    fi
    if has python3; then python3 -c '
    import os, select, socket, sys
    def say(text): os.write(1, (text + "\n").encode())
    try: f = socket.getaddrinfo(os.environ["h"], int(os.environ["p"]), 0, socket.SOCK_DGRAM)[0]
    except OSError:
        say("?"); sys.exit()
    try:
        s = socket.socket(f[0], f[1], f[2]); s.connect(f[4])
    except OSError:
        say("!"); sys.exit()
    say("+ python3")
    rest = b""
    while True:
        ready = select.select([0, s], [], [], 600)[0]
        if not ready: break
        if s in ready:
            try: say("=" + s.recv(4096).hex())
            except OSError: say("!")
        if 0 in ready:
            more = os.read(0, 65536)
            if not more: break
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                if line == b"p":
                    say("p"); continue
                data = bytes(int(x, 8) for x in line.split(b"\\0")[1:])
                for again in 0, 1:
                    try:
                        s.send(data); break
                    except ConnectionRefusedError: say("!")
                    except OSError: pass
    ' && exit
    fi
    if has perl; then perl -e '
    use Socket qw(:DEFAULT getaddrinfo);
    sub say_ { syswrite(STDOUT, "$_[0]\n") }
    my ($error, @found) = getaddrinfo($ENV{h}, $ENV{p}, {socktype => SOCK_DGRAM});
    if ($error || !@found) { say_("?"); exit }
    my $f = $found[0];
    unless (socket(S, $f->{family}, SOCK_DGRAM, $f->{protocol}) && connect(S, $f->{addr})) { say_("!"); exit }
    say_("+ perl");
    my $rest = "";
    while (1) {
      my $ready = ""; vec($ready, fileno(STDIN), 1) = 1; vec($ready, fileno(S), 1) = 1;
      last unless select($ready, undef, undef, 600) > 0;
      if (vec($ready, fileno(S), 1)) {
        my $got; say_(defined(recv(S, $got, 4096, 0)) ? "=" . unpack("H*", $got) : "!");
      }
      if (vec($ready, fileno(STDIN), 1)) {
        last unless sysread(STDIN, $rest, 65536, length $rest);
        while ($rest =~ s/^([^\n]*)\n//) {
          my $line = $1;
          if ($line eq "p") { say_("p"); next }
          $line =~ s/\\0([0-7]{3})/chr(oct $1)/ge;
          defined(send(S, $line, 0)) or do { say_("!"); send(S, $line, 0) };
        }
      }
    }
    exit 0' && exit
    fi
    echo none
    """#
}
