"""parallel-ssh doing what `scrape run` does for each host: the batch to `exec sh`, read to its end.

    pssh_client.py CONCURRENCY PORT USER KEY SCRIPT MARK < ADDRESSES

It prints how many hosts answered in full. parallel-ssh checks no host keys.
"""

from gevent import monkey

monkey.patch_all()

import sys

from gevent.pool import Pool
from pssh.clients import SSHClient

concurrency, port, user, key, script, mark = sys.argv[1:]
with open(script, encoding="ascii") as file:
    text = file.read()

end = f"\n{mark}\n".encode()
problems = []


def ask(address):
    try:
        client = SSHClient(
            address, user=user, port=int(port), pkey=key, num_retries=0, timeout=20,
            allow_agent=False, identity_auth=False)
        output = client.run_command("exec sh")
        output.stdin.write(text)
        output.stdin.flush()
        # Its own splitter into lines loses what follows a NUL, and costs more than this.
        got = b""
        for piece in output.buffers.stdout.rw_buffer:
            got += piece
            if end in got[-len(piece) - len(end):]:
                return True
    except Exception as problem:
        problems.append(f"{address}: {problem!r}")
    return False


addresses = sys.stdin.read().split()
done = sum(Pool(int(concurrency)).imap_unordered(ask, addresses))
print("answered", done)
if problems:
    print(f"{len(problems)} failed, for example {problems[0]}", file=sys.stderr)
sys.exit(0 if done == len(addresses) else 1)
