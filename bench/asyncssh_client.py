"""asyncssh doing what `scrape run` does for each host: the batch to `exec sh`, read to its end.

    asyncssh_client.py CONCURRENCY PORT USER KEY KNOWN_HOSTS SCRIPT MARK < ADDRESSES

It prints how many hosts answered in full.
"""

import asyncio
import sys

import asyncssh

concurrency, port, user, key, known_hosts, script, mark = sys.argv[1:]
with open(script, "rb") as file:
    text = file.read()

end = f"\n{mark}\n".encode()
problems = []


async def ask(address, turns, identity):
    async with turns:
        try:
            async with asyncssh.connect(address, port=int(port), username=user, client_keys=[identity],
                                        known_hosts=known_hosts, agent_path=None, config=None) as connection:
                done = await connection.run("exec sh", input=text, encoding=None)
                return end in done.stdout
        except (OSError, asyncssh.Error) as problem:
            problems.append(f"{address}: {problem!r}")
            return False


async def main():
    turns = asyncio.Semaphore(int(concurrency))
    identity = asyncssh.read_private_key(key)
    addresses = sys.stdin.read().split()
    done = sum(await asyncio.gather(*(ask(address, turns, identity) for address in addresses)))
    print("answered", done)
    return done == len(addresses)


good = asyncio.run(main())
if problems:
    print(f"{len(problems)} failed, for example {problems[0]}", file=sys.stderr)
sys.exit(0 if good else 1)
