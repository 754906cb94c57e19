"""emitter.py RATE: waits for a line on stdin, then sends itself SIGUSR1 RATE times a second until
stdin ends, or as often as the line says; then prints the monotonic times (ns) of all of them."""

import json
import select
import signal
import sys
import threading
import time


def main():
    interval = 1 / float(sys.argv[1])
    signal.signal(signal.SIGUSR1, lambda *_: None)
    print("ready", flush=True)
    count = int(sys.stdin.readline())  # 0: until stdin ends
    times, self_id, due = [], threading.get_ident(), time.monotonic()
    while not count or len(times) < count:
        times.append(time.monotonic_ns())
        signal.pthread_kill(self_id, signal.SIGUSR1)
        due += interval
        pause = max(0, due - time.monotonic())
        if count:
            time.sleep(pause)
        elif select.select([sys.stdin], [], [], pause)[0]:
            break
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
