"""The recorders that are compared, each with its usual options for leaving it on: what they are
called with, when they are ready, what they say they lost, and how many records they wrote."""

import glob
import json
import os
import re
import shutil
import struct
import subprocess
from typing import NamedTuple

from recording import ToolFailed

TRACEPOINTS = ("sched:sched_process_exec", "sock:inet_sock_set_state", "signal:signal_deliver")
KINDS = ("process_exec", "socket_state", "signal_deliver")  # the same, as dse calls them
# The kinds of dse's default profile.
ALL_TRACEPOINTS = TRACEPOINTS + ("signal:signal_generate", "sched:sched_process_fork",
                                 "sched:sched_process_exit")
TRACEFS = "/sys/kernel/tracing"
SIGUSR1 = 10
LIBBPF_TOOLS = {"signal": "sigsnoop", "connection": "tcpstates", "exec": "execsnoop"}
POINTS = {"signal": "SignalDelivered", "connection": "SocketStateChange", "exec": "ProcessExecuted"}


class Counts(NamedTuple):
    """What a capture holds: all records; those of execs, state changes and deliveries, which every
    storm is counted in; and what the tool says it lost."""

    records: int
    seen: int
    lost: int


def output_of(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise ToolFailed(f"{' '.join(command[:3])}: failed with {done.returncode}: {last}")
    return done.stdout.decode(errors="replace")


def version_in(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    found = re.search(r"\d+\.\d[\w.+~-]*", done.stdout.decode(errors="replace"))
    return found.group() if found else "?"


class Tool:
    """By default: ready at once, lines of text with one header, losses told as 'lost N events'."""

    file_name = "capture"
    good_codes = (0,)

    def __init__(self, name):
        self.name = name

    def suits(self, storm):
        """Whether it records all of what the storm does."""
        return storm is not None

    def is_ready(self, recording):
        return True

    def before_stop(self, recording):
        pass

    def clean_up(self):
        """Called however the recording ended."""

    def counts(self, recording):
        with open(recording.out, "rb") as file:
            lines = max(0, sum(1 for _ in file) - 1)
        lost = sum(map(int, re.findall(r"[Ll]ost (\d+) events", recording.text())))
        return Counts(lines, lines, lost)

    def signals_of(self, recording, pid):
        """How many SIGUSR1 to the process it recorded."""
        raise NotImplementedError


class Dse(Tool):
    file_name = "capture.dse"

    def __init__(self, name, program, options=(), only_storm=None):
        super().__init__(name)
        self.program, self.options, self.only_storm = program, list(options), only_storm

    def suits(self, storm):
        return self.only_storm in (None, storm)

    def command(self, out):
        return [self.program, "record", "-w", out, *self.options]

    def is_ready(self, recording):
        # The programs are attached before the file begins; it has its last name only at the end.
        return any(map(os.path.getsize, glob.glob(glob.escape(recording.out) + "*")))

    def counts(self, recording):
        info = json.loads(output_of(self.program, "info", recording.out, "-o", "json"))
        seen = sum(info["kinds"].get(kind, 0) for kind in KINDS)
        return Counts(info["records"], seen, info["lost"])

    def signals_of(self, recording, pid):
        return json.loads(output_of(
            self.program, "replay", recording.out, "-q", "--summary", "-o", "json", "--point",
            "SignalDelivered", "-s", f"proc.pid = {pid} and sig.num = {SIGUSR1}"))["events"]


class DseRun(Dse):
    """Prints; what it prints is thrown away where only its cost counts."""

    def command(self, out):
        return [self.program, "run", "-o", "json", "-q", *self.options]

    def is_ready(self, recording):
        return True


class Perf(Tool):
    good_codes = (0, -2)  # it ends by the SIGINT that it is told to end by

    def __init__(self, name, tracepoints=TRACEPOINTS):
        super().__init__(name)
        self.tracepoints = tracepoints

    def command(self, out):
        directory = os.path.dirname(out)
        for fifo in ("control", "answer"):
            os.mkfifo(os.path.join(directory, fifo))
        # Held open here, as perf opens them for both directions.
        self._control = os.open(os.path.join(directory, "control"), os.O_RDWR)
        self._answer = os.open(os.path.join(directory, "answer"), os.O_RDWR | os.O_NONBLOCK)
        os.write(self._control, b"ping\n")
        return ["perf", "record", "-q", "-a", "-z", "-m", "16M", "-e", ",".join(self.tracepoints),
                "--control", f"fifo:{directory}/control,{directory}/answer", "-o", out]

    def is_ready(self, recording):
        try:
            return b"ack" in os.read(self._answer, 64)
        except BlockingIOError:
            return False

    def before_stop(self, recording):
        os.close(self._control)
        os.close(self._answer)

    def counts(self, recording):
        stats = output_of("perf", "report", "--stats", "-i", recording.out)
        samples = {name: int(number) for name, number in
                   re.findall(r"^(\S+:\S+) stats:\n(?: +[^S].*\n)* +SAMPLE events: +(\d+)", stats,
                              re.MULTILINE)}
        lost = 0
        if re.search(r"\bLOST(_SAMPLES)? events: +[1-9]", stats):
            text = output_of("perf", "script", "--show-lost-events", "-i", recording.out)
            lost = sum(map(int, re.findall(r"PERF_RECORD_LOST\S*\s+lost (\d+)", text)))
        return Counts(sum(samples.values()), sum(samples.get(name, 0) for name in TRACEPOINTS), lost)

    def signals_of(self, recording, pid):
        text = output_of("perf", "script", "-F", "tid,event,trace", "-i", recording.out)
        return len(re.findall(rf"^\s*{pid}\s.*signal_deliver: sig={SIGUSR1} ", text, re.MULTILINE))


# Files of the function tracer, which trace-cmd writes to although no function is traced. Where the
# kernel refuses that, it dies; an ordinary file in their place, seen by it alone, is all it needs.
FUNCTION_TRACER_FILES = ["/proc/sys/kernel/ftrace_enabled", *(
    f"{TRACEFS}/{name}" for name in ("set_ftrace_pid", "set_ftrace_filter", "set_ftrace_notrace",
                                     "set_ftrace_notrace_pid"))]
COVER_AND_EXEC = ('echo 1 > stand-in; for f in %s; do '
                  '[ ! -e "$f" ] || mount --bind stand-in "$f" || exit; done; exec "$@"')


def refused(path):
    try:
        with open(path, "r+", encoding="utf-8") as file:
            file.write("1" if path.endswith("ftrace_enabled") else "")
        return False
    except PermissionError:
        return True
    except OSError:
        return False


def write_tracefs(name, value):
    with open(f"{TRACEFS}/{name}", "w", encoding="utf-8") as file:
        file.write(value)


class TraceCmd(Tool):
    def command(self, out):
        command = ["trace-cmd", "record", "-b", str(16 << 10), "-o", out]
        for tracepoint in TRACEPOINTS:
            command += ["-e", tracepoint]
        if any(map(refused, FUNCTION_TRACER_FILES)):
            script = COVER_AND_EXEC % " ".join(FUNCTION_TRACER_FILES)
            command = ["unshare", "-m", "sh", "-c", script, "sh", *command]
        return command

    def is_ready(self, recording):
        # It says so only through a buffer, which a file does not see before the end.
        with open(f"{TRACEFS}/events/signal/signal_deliver/enable", encoding="utf-8") as enable:
            return enable.read().startswith("1")

    def _buffer_stats(self):
        text = ""
        for path in glob.glob(f"{TRACEFS}/per_cpu/cpu*/stats"):
            with open(path, encoding="utf-8") as stats:
                text += stats.read()
        return lambda name: sum(map(int, re.findall(rf"^{name}: (\d+)", text, re.MULTILINE)))

    def clean_up(self):
        # What a trace-cmd that was killed leaves on would slow down all storms to come, and one that
        # ended leaves ftrace off.
        for name in [f"events/{name.replace(':', '/')}/enable" for name in TRACEPOINTS]:
            write_tracefs(name, "0")
        write_tracefs("tracing_on", "1")

    def before_stop(self, recording):
        stats = self._buffer_stats()
        records = stats("entries") + stats("read events")
        self._counts = Counts(records, records, stats("overrun") + stats("dropped events"))

    def counts(self, recording):
        return self._counts

    def signals_of(self, recording, pid):
        text = output_of("trace-cmd", "report", "-i", recording.out)
        return len(re.findall(rf"-{pid}\s.*signal_deliver: +sig={SIGUSR1} ", text))


BPFTRACE_SCRIPT = r"""
tracepoint:sched:sched_process_exec {
  printf("exec %llu %d %s %s\n", nsecs, pid, comm, str(args->filename));
}
tracepoint:sock:inet_sock_set_state {
  printf("state %llu %d %s %d %d %d %s %d %s %d\n", nsecs, pid, comm, args->protocol,
         args->oldstate, args->newstate, ntop(args->saddr), args->sport, ntop(args->daddr),
         args->dport);
}
tracepoint:signal:signal_deliver {
  printf("signal %llu %d %s %d %d\n", nsecs, pid, comm, args->sig, args->code);
}
"""


class Bpftrace(Tool):
    def command(self, out):
        return ["bpftrace", "-o", out, "-e", BPFTRACE_SCRIPT]

    def is_ready(self, recording):
        return os.path.exists(recording.out) and os.path.getsize(recording.out) > 0

    def counts(self, recording):
        with open(recording.out, encoding="utf-8", errors="replace") as file:
            text = file.read()
        events = len(re.findall(r"^(?:exec|state|signal) ", text, re.MULTILINE))
        lost = re.findall(r"Lost (\d+) events", text + recording.text())
        return Counts(events, events, sum(map(int, lost)))

    def signals_of(self, recording, pid):
        with open(recording.out, encoding="utf-8", errors="replace") as file:
            return len(re.findall(rf"^signal \d+ {pid} \S+ {SIGUSR1} ", file.read(), re.MULTILINE))


class BpftraceToStdout(Bpftrace):
    def command(self, out):
        return ["bpftrace", "-e", BPFTRACE_SCRIPT]

    def is_ready(self, recording):
        return True


class LibbpfTool(Tool):
    """One program for each kind of event."""

    file_name = "stdout"

    def __init__(self, program, storm):
        super().__init__(program)
        self.storm = storm
        self.path = shutil.which(program) or f"/usr/sbin/{program}"

    def suits(self, storm):
        return storm == self.storm

    def command(self, out):
        return [self.path]


class Floor(Tool):
    """Its records, as in floor_record.h."""

    HEADER = struct.Struct("<QIIIHH16s")
    SIZES = (112, 104, 72)  # of exec, socket, signal
    SIGNAL = 2

    def __init__(self, program, mode):
        super().__init__(f"floor {mode}")
        self.program, self.mode = program, mode

    def command(self, out):
        return [self.program, self.mode, "-o", out]

    def is_ready(self, recording):
        return os.path.exists(recording.out)

    def counts(self, recording):
        report = json.loads(recording.text().strip().splitlines()[-1])
        return Counts(report["records"], report["records"], report["dropped"])

    def signals_of(self, recording, pid):
        data = subprocess.run(["zstd", "-dc", recording.out], stdout=subprocess.PIPE,
                              check=True).stdout
        count = at = 0
        while at < len(data):
            header = self.HEADER.unpack_from(data, at)
            process, kind = header[2], header[5]
            if kind == self.SIGNAL and process == pid:
                count += struct.unpack_from("<i", data, at + self.HEADER.size)[0] == SIGUSR1
            at += self.SIZES[kind]
        return count


def recorders(dse, floor, wanted=None):
    """Name → tool, of all that are installed, or those of them that are wanted."""
    tools = [Dse("dse", dse)]
    for storm, point in POINTS.items():
        tools.append(Dse(f"dse {point}", dse, ["--point", point], only_storm=storm))
    if shutil.which("perf"):
        tools += [Perf("perf -z"), Perf("perf -z, kinds of dse", ALL_TRACEPOINTS)]
    if shutil.which("trace-cmd"):
        tools.append(TraceCmd("trace-cmd"))
    if shutil.which("bpftrace"):
        tools.append(Bpftrace("bpftrace"))
    for storm, program in LIBBPF_TOOLS.items():
        tool = LibbpfTool(program, storm)
        if os.path.exists(tool.path):
            tools.append(tool)
    tools += [Floor(floor, mode) for mode in ("count", "write", "zstd1")]
    return {tool.name: tool for tool in tools if not wanted or tool.name in wanted}


def versions(dse):
    commands = {"dse": [dse, "--version"], "perf": ["perf", "--version"],
                "trace-cmd": ["trace-cmd", "--version"], "bpftrace": ["bpftrace", "--version"],
                "libbpf-tools": ["dpkg-query", "-W", "-f", "${Version}", "libbpf-tools"],
                "jq": ["jq", "--version"], "zstd": ["zstd", "--version"],
                "python": ["python3", "--version"]}
    return {name: version_in(*command) for name, command in commands.items()
            if shutil.which(command[0])}
