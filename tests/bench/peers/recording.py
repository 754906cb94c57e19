"""A recorder at work: started in a cgroup of its own, so that its CPU time counts to the nanosecond's
thousand and with all of its children, and stopped by SIGINT as a user would."""

import os
import signal
import subprocess
import time

PATIENCE = 60  # seconds; what takes longer hangs
QUIET_SECONDS, QUIET_CPU_NS = 0.4, 4_000_000


class ToolFailed(Exception):
    """One line: which tool, what happened, and where possible the remedy."""


def cgroup_root():
    """Where cgroup v2 is mounted; cpu.stat is there without any controller."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            before, _, after = line.partition(" - ")
            if after.split()[0] == "cgroup2":
                return before.split()[4]
    raise ToolFailed("cgroup2: not mounted, so CPU time cannot be counted: "
                     "mount -t cgroup2 none /sys/fs/cgroup/unified")


class Cgroup:
    made = 0

    def __init__(self):
        Cgroup.made += 1
        self.path = os.path.join(cgroup_root(), f"dse-peers-{os.getpid()}-{Cgroup.made}")
        os.mkdir(self.path)

    def join(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="utf-8") as procs:
            procs.write("0")

    def pids(self):
        with open(os.path.join(self.path, "cgroup.procs"), encoding="utf-8") as procs:
            return [int(line) for line in procs]

    def cpu_ns(self):
        with open(os.path.join(self.path, "cpu.stat"), encoding="utf-8") as stat:
            return int(dict(line.split() for line in stat)["usage_usec"]) * 1000

    def remove(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while True:
            try:
                return os.rmdir(self.path)
            except OSError:  # busy until the last of it is reaped
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def status_fields(pid):
    """Of /proc/PID/status; empty when the process has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
            return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    except OSError:
        return {}


def context_switches(pids):
    """Of all threads: how often they went to sleep or were preempted."""
    total = 0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for tid in threads:
            fields = status_fields(f"{pid}/task/{tid}")
            total += int(fields.get("voluntary_ctxt_switches", 0))
            total += int(fields.get("nonvoluntary_ctxt_switches", 0))
    return total


class Recording:
    """Use as a context; the tool is told to stop by stop(), and killed when that did not happen."""

    def __init__(self, tool, directory, stdout=None):
        self.tool, self.directory = tool, directory
        self.out = os.path.join(directory, tool.file_name)
        self.cgroup = Cgroup()
        self.peak_kib = 0
        self._stdout = stdout

    def __enter__(self):
        log = lambda name: open(os.path.join(self.directory, name), "w+b")
        self._err = log("stderr")
        self._out_file = None if self._stdout else log("stdout")
        read_end, write_end = os.pipe()

        def in_child():
            # A shell without job control has background processes ignore SIGINT.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self.cgroup.join()
            os.write(write_end, str(time.monotonic_ns()).encode())

        try:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.tool.command(self.out), stdin=subprocess.DEVNULL, stderr=self._err,
                stdout=self._stdout or self._out_file, preexec_fn=in_child, cwd=self.directory)
        except OSError as error:
            self.cgroup.remove()
            raise ToolFailed(f"{self.tool.name}: cannot be started: {error}") from error
        self.started_ns = int(os.read(read_end, 32))
        os.close(read_end)
        os.close(write_end)
        return self

    def __exit__(self, *_):
        self.cgroup.remove()
        self.process.wait()
        self.tool.clean_up()

    def text(self):
        """What the tool said, on stdout and stderr."""
        said = b""
        for name in ("stdout", "stderr"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    said += file.read()
        return said.decode(errors="replace")

    def _check_alive(self):
        if self.process.poll() is not None:
            last = (self.text().strip().splitlines() or ["no message"])[-1]
            raise ToolFailed(f"{self.tool.name}: ended early with {self.process.returncode}: {last}")

    def wait_until_ready(self):
        """Until the tool says or shows that it is attached, and no longer works at starting."""
        deadline = time.monotonic() + PATIENCE
        while not self.tool.is_ready(self):
            self._check_alive()
            if time.monotonic() > deadline:
                raise ToolFailed(f"{self.tool.name}: not ready after {PATIENCE} s")
            time.sleep(0.02)
        before = self.cgroup.cpu_ns()
        while time.monotonic() < deadline:
            time.sleep(QUIET_SECONDS)
            self._check_alive()
            now = self.cgroup.cpu_ns()
            if now - before < QUIET_CPU_NS:
                return
            before = now
        raise ToolFailed(f"{self.tool.name}: still busy starting after {PATIENCE} s")

    def _note_peak(self):
        for pid in self.cgroup.pids():
            peak = status_fields(pid).get("VmHWM", "0 kB")
            self.peak_kib = max(self.peak_kib, int(peak.split()[0]))

    def stop(self):
        self._check_alive()
        self.tool.before_stop(self)
        self._note_peak()
        self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 2 * PATIENCE
        # Polled, as some tools need the most memory at their end; ru_maxrss would begin with that of
        # this very process, which the tool was forked from.
        while self.process.poll() is None:
            self._note_peak()
            if time.monotonic() > deadline:
                raise ToolFailed(f"{self.tool.name}: did not stop within {2 * PATIENCE} s of SIGINT")
            time.sleep(0.005)
        code = self.process.returncode
        if code not in self.tool.good_codes:
            last = (self.text().strip().splitlines() or ["no message"])[-1]
            raise ToolFailed(f"{self.tool.name}: failed with {code}: {last}")

    def capture_bytes(self):
        return os.path.getsize(self.out)
