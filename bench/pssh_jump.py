"""parallel-ssh running one command on each host, through a jump host if one is named.

    pssh_jump.py CONCURRENCY PORT USER KEY COMMAND [JUMP_HOST] < ADDRESSES

It exits with 1 if a host did not answer. parallel-ssh checks no host keys.
"""

import sys

from pssh.clients import ParallelSSHClient

concurrency, port, user, key, command, *jump = sys.argv[1:]
addresses = sys.stdin.read().split()
proxy = {"proxy_host": jump[0], "proxy_port": int(port), "proxy_user": user, "proxy_pkey": key} if jump else {}
client = ParallelSSHClient(
    addresses, user=user, port=int(port), pkey=key, num_retries=0, timeout=60, pool_size=int(concurrency),
    allow_agent=False, identity_auth=False, **proxy)
output = client.run_command(command, stop_on_errors=False)
client.join(output)
sys.exit(0 if all(host.exception is None and host.exit_code == 0 for host in output) else 1)
