#!/usr/bin/env python3
"""How programs come to run, run, and end: each fact against what the workload knows of itself."""

import ctypes
import errno
import json
import os
import pathlib
import pty
import resource
import shutil
import signal
import subprocess
import sys
import time

import live
from live import field, raw

NOOP = live.binary("noop")
NOBODY = 65534
SOMEONE = 12345  # a user that need not exist
PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 24, 36
NS_NAMES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
FLAGS = ("from_memfd", "deleted", "upper_layer", "setuid", "setgid")

libc = ctypes.CDLL(None, use_errno=True)


def prctl(*arguments):
    if libc.prctl(*map(ctypes.c_ulong, arguments)) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def fork(work):
    """A child that does its work, and ends with 77 if that returns or fails."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:  # pylint: disable=broad-except
            os.write(2, f"in a child: {error!r}\n".encode())
        finally:
            os._exit(77)
    return pid


def reap(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Recorded(live.Case):
    """Tests that each record by themselves."""

    options = ()

    def begin(self, *options):
        os.chmod(self.dir, 0o755)
        self.record = self.recorder("c", *live.ROOMY, *self.options, *options)

    def end(self):
        """The events of the recording that begin() began."""
        live.settle()
        self.assertEqual(self.record.stop(), live.OK, self.record.err())
        self.assertEqual(self.info(self.record.path)["lost"], 0)
        self.events = self.replay(self.record.path, "--point", "ProcessExecuted,ProcessExited"
                                  if "--point" in self.options else "ProcessExecuted")
        return self.events

    def on_request(self, *names):
        """Makes the events those with fields that are not shown by default."""
        self.events = self.replay(self.record.path, "--point", "ProcessExecuted,ProcessExited",
                                  "--fields", ",".join(("evt.type", "proc.pid", "proc.ppid", *names)))

    def execs(self, pid):
        return [e for e in live.of_type(self.events, "ProcessExecuted") if field(e, "proc.pid") == pid]

    def executed(self, pid, filename=None):
        found = [e for e in self.execs(pid)
                 if filename is None or field(e, "proc.filename") == filename]
        self.assertEqual(len(found), 1, (pid, filename, self.execs(pid)))
        return found[0]

    def copy(self, name, mode=0o755):
        """A copy of a program that ends at once."""
        path = self.place(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(NOOP, path)
        os.chmod(path, mode)
        return path

    def write(self, name, text, mode=0o755):
        path = pathlib.Path(self.place(name))
        path.write_text(text, encoding="ascii")
        path.chmod(mode)
        return str(path)

    def check_flags(self, event, *true, script=False):
        for name in FLAGS:
            self.assertIs(field(event, "proc.is_exe_" + name), name in true, name)
        self.assertIs(field(event, "proc.is_script"), script)


class FailedExecs(Recorded):
    def attempt(self, how, path, *arguments, **options):
        """Returns what was tried and how it went."""
        process = subprocess.Popen([live.binary("exec_attempt"), how, path, *arguments],
                                   stdout=subprocess.PIPE, **options)
        lines = process.communicate(timeout=live.PATIENCE)[0].splitlines()
        self.assertEqual(process.returncode, 0, (how, path))
        facts = {"how": how, "path": path, "arguments": list(arguments),
                 "cwd": options.get("cwd") or os.getcwd(), "errno": None}
        for line in lines:
            facts.update(json.loads(line))
        self.assertEqual(facts["pid"], process.pid)
        return facts

    def attempts(self):
        place = self.place
        plain = self.copy("plain", mode=0o644)
        directory = place("directory")
        os.mkdir(directory)
        garbage = self.write("garbage", "\1\2\3")
        os.symlink("loop", place("loop"))
        long_name = place("n" * 300)
        long_path = place("directory/" * 600)
        busy, fine = self.copy("busy"), self.copy("fine")
        no_interpreter = self.write("no-interpreter", "#!/nowhere/interpreter\n")
        tried = [
            (errno.ENOENT, "execve", place("nothing"), "an", "argument"),
            (errno.ENOENT, "execve", no_interpreter),
            (errno.ENOENT, "at", place("nothing"), "x"),
            (errno.ENOENT, "thread", place("nothing"), "of", "a thread"),
            (errno.EACCES, "execve", plain, ""),
            (errno.EACCES, "thread", plain, "thread"),
            (errno.EACCES, "at", plain, "at"),
            (errno.EACCES, "empty", plain, "empty"),
            (errno.EACCES, "execve", directory, "\xff\n"),
            (errno.EACCES, "empty", directory),
            (errno.ENOEXEC, "execve", garbage, "a"),
            (errno.ENOEXEC, "at", garbage, "b"),
            (errno.ENOEXEC, "empty", garbage, "c"),
            (errno.ENOTDIR, "execve", os.path.join(fine, "below")),
            (errno.ELOOP, "execve", place("loop")),
            (errno.ENAMETOOLONG, "execve", long_name),
            (errno.ENAMETOOLONG, "execve", long_path),
            (errno.EFAULT, "badpath", fine, "unseen path"),
            (errno.EFAULT, "badargv", fine),
            (errno.E2BIG, "toobig", fine, "small"),
            (errno.EPERM, "forbidden", fine, "forbidden"),
        ]
        done = []
        for expected, *what in tried:
            # In a directory of its own, whose path is a fact.
            done.append(self.attempt(*what, cwd=directory))
            self.assertEqual(done[-1]["errno"], expected, what)
        with open(busy, "r+b"):
            facts = self.attempt("execve", busy, "while it is written")
        if facts["errno"] is None:  # some kernels of 2024 allow it
            print("note: this kernel executes what is being written: no ETXTBSY")
        else:
            self.assertEqual(facts["errno"], errno.ETXTBSY)
            done.append(facts)
        return done, [self.attempt(how, fine, "fine") for how in ("execve", "thread", "at", "empty")]

    def check_failed(self, event, truth):
        self.assertEqual(field(event, "proc.ret"), errno.errorcode[truth["errno"]])
        self.assertEqual(field(event, "proc.pid"), truth["pid"])
        self.assertEqual(field(event, "proc.tid"), truth["tid"])
        self.assertEqual(field(event, "proc.name"), "exec_attempt")
        self.assertEqual(field(event, "proc.ppid"), os.getpid())
        self.assertEqual(field(event, "proc.cwd"), truth["cwd"])
        path = {"at": os.path.basename(truth["path"]), "empty": "", "badpath": ""}.get(
            truth["how"], truth["path"])
        self.assertEqual(field(event, "proc.filename"), path[:4095])
        if truth["how"] == "badargv":
            self.assertIs(field(event, "proc.args_cut"), True)
            self.assertFalse(field(event, "proc.args"))
            return
        arguments = [a.encode() for a in truth["arguments"]]
        # One is cut at a page.
        big = [b"x" * 4095] if truth["how"] == "toobig" else []
        first, cut = os.fsencode(truth["path"])[:4095], len(truth["path"]) > 4095
        self.assertEqual(raw(field(event, "proc.exe")), first)
        self.assertEqual([raw(a) for a in field(event, "proc.args")], arguments + big)
        self.assertEqual(raw(field(event, "proc.cmdline")), b" ".join([first, *arguments, *big]))
        self.assertEqual(field(event, "proc.argc"), 1 + len(arguments + big))
        self.assertIs(field(event, "proc.args_cut"), cut or bool(big))
        # There is no new program.
        for name in ("exepath", "exe_ino", "exe_uid", "is_exe_deleted", "is_script", "interp"):
            self.assertIsNone(field(event, "proc." + name), name)
        self.assertIsNone(field(event, "thread.cap_effective"))

    def test_each_errno(self):
        self.begin("--failed-execs")
        failures, successes = self.attempts()
        self.end()
        for truth in failures:
            with self.subTest(errno.errorcode[truth["errno"]], how=truth["how"]):
                # The start of the workload succeeds.
                began, failed = self.execs(truth["pid"])
                self.assertIsNone(field(began, "proc.ret"))
                self.assertEqual(field(began, "proc.filename"), live.binary("exec_attempt"))
                self.check_failed(failed, truth)
        for truth in successes:
            with self.subTest("success", how=truth["how"]):
                began, done = self.execs(truth["pid"])
                self.assertIsNone(field(began, "proc.ret"))
                self.assertIsNone(field(done, "proc.ret"))
                self.assertEqual(field(done, "proc.args"), ["fine"])
                self.assertEqual(field(done, "proc.exepath"), self.place("fine"))
                self.assertIs(field(done, "proc.is_script"), False)
                # A thread that executes becomes the process.
                self.assertEqual(field(done, "proc.tid"), truth["pid"])
                self.assertEqual(field(done, "proc.exec_tid"), truth["tid"])
                self.assertEqual(truth["tid"] == truth["pid"], truth["how"] != "thread")

    def test_not_unless_asked_for(self):
        self.begin()
        failures, _ = self.attempts()
        self.end()
        for truth in failures:
            [began] = self.execs(truth["pid"])
            self.assertEqual(field(began, "proc.filename"), live.binary("exec_attempt"))
        self.assertEqual([e for e in self.events if field(e, "proc.ret")], [])


class Executables(Recorded):
    def test_scripts(self):
        interpreter = os.path.realpath("/bin/sh")
        script = self.write("script", "#!/bin/sh -e\n:\n")
        outer = self.write("outer", f"#!{script} two words\n")
        env = self.write("env", "#!/usr/bin/env sh\n:\n")
        self.begin()
        run = lambda path: subprocess.Popen([path, "x y", ""])
        pids = {}
        for path in (script, outer, env):
            process = run(path)
            self.assertEqual(process.wait(), 0)
            pids[path] = process.pid
        self.end()

        event = self.executed(pids[script])
        self.check_flags(event, script=True)
        self.assertEqual(field(event, "proc.filename"), script)
        self.assertEqual(field(event, "proc.interp"), "/bin/sh")
        self.assertEqual(field(event, "proc.exepath"), interpreter)
        self.assertEqual(field(event, "proc.exe"), "/bin/sh")
        self.assertEqual(field(event, "proc.args"), ["-e", script, "x y", ""])
        self.assertEqual(field(event, "proc.name"), "script")

        event = self.executed(pids[outer])
        self.check_flags(event, script=True)
        self.assertEqual(field(event, "proc.filename"), outer)
        self.assertEqual(field(event, "proc.interp"), "/bin/sh")
        self.assertEqual(field(event, "proc.exepath"), interpreter)
        self.assertEqual(field(event, "proc.args"), ["-e", script, "two words", outer, "x y", ""])

        first, second = self.execs(pids[env])
        self.assertEqual(field(first, "proc.exepath"), os.path.realpath("/usr/bin/env"))
        self.check_flags(first, script=True)
        # env executes the shell, which is a program of its own right.
        self.check_flags(second)
        self.assertEqual(field(second, "proc.exepath"), interpreter)
        self.assertIsNone(field(second, "proc.interp"))

    def test_memfd_and_deleted(self):
        path, again, replaced = self.copy("deleted"), self.copy("again"), self.copy("replaced")
        stayed = self.copy("stayed")
        os.link(stayed, self.place("link"))

        def from_memory():
            file = os.memfd_create("in memory", 0)
            os.write(file, pathlib.Path(NOOP).read_bytes())
            os.execve(file, ["m"], {})

        def unlinked():
            file = os.open(path, os.O_RDONLY)
            os.unlink(path)
            os.execve(file, ["u"], {})

        def by_proc():
            file = os.open(again, os.O_RDONLY)
            os.unlink(again)
            os.execve(f"/proc/self/fd/{file}", ["p"], {})

        def renamed_over():
            file = os.open(replaced, os.O_RDONLY)
            os.rename(self.copy("new"), replaced)
            os.execve(file, ["r"], {})

        def by_descriptor():
            os.execve(os.open(stayed, os.O_RDONLY), ["s"], {})

        def other_link():
            file = os.open(stayed, os.O_RDONLY)
            os.unlink(stayed)
            os.execve(file, ["o"], {})

        self.begin()
        inode = os.stat(path).st_ino
        pids = {}
        for work in (from_memory, unlinked, by_proc, renamed_over, by_descriptor, other_link):
            pids[work] = fork(work)
            self.assertEqual(reap(pids[work]), 0)
        self.end()
        for work, flags in ((from_memory, ["from_memfd"]), (unlinked, ["deleted"]),
                            (by_proc, ["deleted"]), (renamed_over, ["deleted"]),
                            (by_descriptor, []), (other_link, ["deleted"])):
            with self.subTest(work.__name__):
                self.check_flags(self.executed(pids[work]), *flags)
        event = self.executed(pids[unlinked])
        self.assertEqual(field(event, "proc.exe_ino"), str(inode))
        self.assertEqual(field(event, "proc.exepath"), path)
        self.assertEqual(field(self.executed(pids[by_descriptor]), "proc.exepath"), stayed)
        # The kernel has it as "/memfd:in memory".
        self.assertEqual(field(self.executed(pids[from_memory]), "proc.exepath"), "/memfd:in memory")

    def test_set_user_and_group(self):
        plain, of_user, of_group = self.copy("plain"), self.copy("user"), self.copy("group")
        both, locking = self.copy("both"), self.copy("locking")
        for path, mode in ((plain, 0o755), (of_user, 0o4755), (of_group, 0o2755), (both, 0o6755),
                           (locking, 0o2745)):
            os.chown(path, NOBODY, NOBODY)
            os.chmod(path, mode)

        def as_someone(path):
            def work():
                os.setgroups([])
                os.setresgid(SOMEONE, SOMEONE, SOMEONE)
                os.setresuid(SOMEONE, SOMEONE, SOMEONE)
                os.execve(path, [path], {})
            return work

        self.begin()
        pids = {}
        for path in (plain, of_user, of_group, both, locking):
            pids[path] = fork(as_someone(path))
            self.assertEqual(reap(pids[path]), 0)
        self.end()
        for path, flags, euid, egid in (
                (plain, [], SOMEONE, SOMEONE), (of_user, ["setuid"], NOBODY, SOMEONE),
                (of_group, ["setgid"], SOMEONE, NOBODY), (both, ["setuid", "setgid"], NOBODY, NOBODY),
                # Without the group's right to execute, the bit once meant mandatory locking.
                (locking, [], SOMEONE, SOMEONE)):
            with self.subTest(os.path.basename(path)):
                event = self.executed(pids[path])
                self.check_flags(event, *flags)
                self.assertEqual(field(event, "proc.exe_uid"), NOBODY)
                self.assertEqual(field(event, "user.uid"), SOMEONE)
                self.assertEqual(field(event, "group.gid"), SOMEONE)
                self.assertEqual(field(event, "user.euid"), euid)
                self.assertEqual(field(event, "group.egid"), egid)

    def test_inode_device_and_cwd(self):
        path = self.copy("a/program")
        os.symlink("a", self.place("alias"))
        os.symlink("program", self.place("a/other"))
        alias = self.place("alias/other")
        self.begin()
        process = subprocess.Popen(["./other", "x"], cwd=self.place("alias"))
        process.wait()
        by_alias = subprocess.Popen([alias], cwd="/")
        by_alias.wait()
        self.end()
        status = os.stat(path)
        for pid, cwd, filename in ((process.pid, self.place("a"), "./other"),
                                   (by_alias.pid, "/", alias)):
            event = self.executed(pid)
            self.assertEqual(field(event, "proc.exe_ino"), str(status.st_ino))
            self.assertEqual(field(event, "proc.exe_dev"),
                             f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}")
            self.assertEqual(field(event, "proc.exe_uid"), 0)
            self.assertEqual(field(event, "proc.cwd"), cwd)
            self.assertEqual(field(event, "proc.exepath"), path)
            self.assertEqual(field(event, "proc.filename"), filename)
            self.check_flags(event)

    def deep(self, component, length):
        """A program below so many directories that its path is of about that length, and its path."""
        # shutil.rmtree does not get that deep.
        self.addCleanup(subprocess.run, ["rm", "-rf", os.path.join(self.dir, component)], check=True)
        path, home = self.dir, os.getcwd()
        os.chdir(path)
        try:
            while len(path) + 1 + len(component) + len("/noop") <= length:
                os.mkdir(component)
                os.chdir(component)
                path += "/" + component
            shutil.copy(NOOP, "noop")
        finally:
            os.chdir(home)
        return path

    def check_deep(self, component, length):
        path = self.deep(component, length)

        def relative():
            os.chdir("/")
            for part in path[1:].split("/"):
                os.chdir(part)
            os.execve("./noop", ["deep"], {})

        self.begin()
        pid = fork(relative)
        self.assertEqual(reap(pid), 0)
        self.end()
        event = self.executed(pid)
        self.assertEqual(field(event, "proc.cwd"), path)
        self.assertEqual(field(event, "proc.exepath"), path + "/noop")

    def test_a_deep_path(self):
        self.check_deep("d", 2 * 300 + len(self.dir))

    def test_the_deepest_path(self):
        self.check_deep("d", 4095)

    def test_a_long_path(self):
        self.check_deep("n" * 255, 4095)


class Namespaces(Recorded):
    def unshared(self, script, *options, **more):
        """Runs a shell script in namespaces of its own; returns its pid and what it printed."""
        process = subprocess.Popen(["unshare", *options, "/bin/sh", "-ec", script],
                                   stdout=subprocess.PIPE, **more)
        out = process.communicate(timeout=live.PATIENCE)[0].decode()
        self.assertEqual(process.returncode, 0, script)
        return process.pid, out

    def test_an_overlay(self):
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(self.place(name))
        self.copy("lower/below")
        self.copy("lower/changed")
        self.begin()
        merged = self.place("merged")
        _, out = self.unshared(f"""
            mount -t overlay overlay -o lowerdir={self.place('lower')},upperdir={self.place('upper')},workdir={self.place('work')} {merged}
            cp {NOOP} {merged}/above
            chmod 755 {merged}/above
            touch {merged}/changed
            for name in below changed above; do
                {merged}/$name & echo $!; wait $!
            done""", "-m")
        self.end()
        pids = dict(zip(("below", "changed", "above"), map(int, out.split())))
        self.assertEqual(len(pids), 3)
        for name, pid in pids.items():
            with self.subTest(name):
                event = self.executed(pid)
                self.check_flags(event, *([] if name == "below" else ["upper_layer"]))
                self.assertEqual(field(event, "proc.exepath"), f"{merged}/{name}")

    def test_mounts_and_roots(self):
        self.copy("a/b/program")
        os.makedirs(self.place("root/old"))
        os.makedirs(self.place("bound/deeper"))
        self.copy("root/bin/program")
        os.mkdir(self.place("root/proc"))
        shutil.copy("/bin/busybox", self.place("root/bin/busybox"))
        os.makedirs(self.place("root/jail/bin"))
        self.copy("root/jail/bin/program")
        self.begin()
        bound = self.place("bound")
        _, out = self.unshared(f"""
            mount --bind {self.place('a')} {bound}
            {bound}/b/program & echo $!; wait $!
            mount --bind {bound}/b {bound}/b
            cd {bound}/b
            ./program & echo $!; wait $!
            chroot {self.place('root')} /bin/busybox sh -c 'cd /jail; exec /bin/program' & echo $!; wait $!
            mount --bind {self.place('root')} {self.place('root')}
            cd {self.place('root')}
            pivot_root . old
            exec /bin/busybox sh -c 'echo $$; exec /bin/program'
            """, "-m")
        self.end()
        once, twice, jailed, pivoted = map(int, out.split())
        self.assertEqual(field(self.executed(once), "proc.exepath"), f"{bound}/b/program")
        self.assertEqual(field(self.executed(twice), "proc.exepath"), f"{bound}/b/program")
        self.assertEqual(field(self.executed(twice), "proc.cwd"), f"{bound}/b")
        # From the root of the mount namespace, not from where the process was confined to.
        event = self.executed(jailed, "/bin/program")
        self.assertEqual(field(event, "proc.exepath"), self.place("root/bin/program"))
        self.assertEqual(field(event, "proc.cwd"), self.place("root/jail"))
        self.assertEqual(field(self.executed(pivoted, "/bin/program"), "proc.exepath"), "/bin/program")

    def test_all_namespaces(self):
        self.begin()
        files = " ".join(f"/proc/self/ns/{name}" for name in NS_NAMES)
        pid, out = self.unshared(f"echo $$; exec stat -L -c %i {files}", "-muinpC", "--fork",
                                 "--mount-proc")
        self.end()
        vpid, *inodes = map(int, out.split())
        self.assertEqual(vpid, 1)
        [event] = [e for e in self.events if field(e, "proc.name") == "stat"
                   and field(e, "proc.ppid") == pid]
        self.assertEqual(field(event, "proc.vpid"), 1)
        self.assertNotEqual(field(event, "proc.pid"), 1)
        self.assertEqual([field(event, "ns." + name) for name in NS_NAMES], inodes)
        own = {name: os.stat(f"/proc/self/ns/{name}").st_ino for name in NS_NAMES}
        self.assertEqual([name for name, inode in zip(NS_NAMES, inodes) if inode == own[name]], ["user"])

    def test_a_user_namespace(self):
        self.begin()
        pid, out = self.unshared("id -u; exec stat -L -c %i /proc/self/ns/user", "-Ur")
        self.end()
        uid, inode = map(int, out.split())
        event = self.executed(pid, "/usr/bin/stat" if os.path.exists("/usr/bin/stat") else None)
        self.assertEqual(uid, 0)
        self.assertEqual(field(event, "ns.user"), inode)
        self.assertEqual(field(event, "user.uid"), 0)

    def test_pids_in_nested_namespaces(self):
        self.begin()
        _, out = self.unshared(
            "echo outer $$; unshare -p --fork sh -c 'echo inner $$; exec " + NOOP + "'; :",
            "-p", "--fork")
        self.end()
        self.assertEqual(out.split(), ["outer", "1", "inner", "1"])
        test = os.getpid()
        [event] = [e for e in self.events if field(e, "proc.filename") == NOOP]
        self.assertEqual(field(event, "proc.vpid"), 1)
        self.assertNotIn(field(event, "proc.pid"), (1, test))


class Attributes(Recorded):
    def output(self, work):
        """Pid and output of a child."""
        get, put = os.pipe()

        def redirected():
            os.dup2(put, 1)
            work()
        pid = fork(redirected)
        os.close(put)
        with os.fdopen(get, "rb") as file:
            out = file.read().decode()
        self.assertEqual(reap(pid), 0)
        return pid, out

    def test_terminal_and_session(self):
        self.begin()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv("/usr/bin/tty", ["tty"])
        said = b""
        while b"\n" not in said:
            said += os.read(terminal, 100)
        reap(pid)
        os.close(terminal)

        def new_session():
            os.setsid()
            os.execve(NOOP, ["s"], {})
        alone = fork(new_session)
        reap(alone)
        ours = fork(lambda: os.execve(NOOP, ["o"], {}))
        reap(ours)
        self.end()
        event = self.executed(pid)
        self.assertRegex(said, rb"\A/dev/pts/\d+\r\n")
        self.assertEqual("/dev/" + field(event, "proc.tty"), said.decode().strip())
        self.assertEqual(field(event, "proc.sid"), pid)
        self.assertEqual(field(self.executed(alone), "proc.sid"), alone)
        self.assertIsNone(field(self.executed(alone), "proc.tty"))
        # The first process of a host is in session 0 until it makes one, and so are all below it.
        self.assertEqual(field(self.executed(ours), "proc.sid"), os.getsid(0) or None)

    def test_login(self):
        self.begin()
        show = ["cat", "/proc/self/loginuid"]
        before, text_before = self.output(lambda: os.execv("/bin/cat", show))

        def login():
            pathlib.Path("/proc/self/loginuid").write_text(str(SOMEONE), encoding="ascii")
            os.execv("/bin/cat", show)
        after, text_after = self.output(login)
        self.end()
        self.assertEqual(int(text_after), SOMEONE)
        self.assertEqual(field(self.executed(after), "user.loginuid"), SOMEONE)
        expected = None if int(text_before) == 2**32 - 1 else int(text_before)
        self.assertEqual(field(self.executed(before), "user.loginuid"), expected)

    def test_capabilities(self):
        def status():
            os.execv("/bin/cat", ["cat", "/proc/self/status"])

        def with_fewer():
            for capability in (0, 12, 21, 38):
                prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
            status()

        def as_someone():
            os.setresuid(SOMEONE, SOMEONE, SOMEONE)
            status()

        self.begin()
        done = [self.output(work) for work in (status, with_fewer, as_someone)]
        inherited = subprocess.Popen(["setpriv", "--inh-caps", "-all,+net_raw", "cat", "/proc/self/status"],
                                     stdout=subprocess.PIPE)
        done.append((inherited.pid, inherited.communicate()[0].decode()))
        self.end()
        self.on_request("proc.filename", "thread.cap_effective", "thread.cap_permitted",
                        "thread.cap_inheritable")
        sets = []
        for pid, text in done:
            event = self.executed(pid, "/bin/cat") if pid != inherited.pid else self.execs(pid)[-1]
            facts = dict(line.split(":\t") for line in text.splitlines() if ":\t" in line)
            for name, line in (("effective", "CapEff"), ("permitted", "CapPrm"),
                               ("inheritable", "CapInh")):
                said = live.run("capsh", "--decode=" + facts[line]).out.decode().strip()
                names = [n.upper() for n in said.split("=")[1].split(",") if n]
                self.assertEqual(field(event, "thread.cap_" + name) or [], names)
            sets.append(field(event, "thread.cap_effective") or [])
        self.assertEqual(set(sets[0]) - set(sets[1]),
                         {"CAP_CHOWN", "CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_PERFMON"})
        self.assertEqual(sets[2], [])
        self.assertEqual(field(self.execs(inherited.pid)[-1], "thread.cap_inheritable"), ["CAP_NET_RAW"])


class Exits(Recorded):
    options = ("--point", "ProcessExecuted,ProcessExited")

    def exited(self, pid):
        [event] = [e for e in live.of_type(self.events, "ProcessExited") if field(e, "proc.pid") == pid]
        return event

    def test_codes_and_signals(self):
        self.begin()
        codes = {fork(lambda code=code: os._exit(code)): code for code in (0, 1, 77, 127, 255)}
        signals = {}
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM):
            def die(number=number):
                signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
                os.kill(os.getpid(), number)
            signals[fork(die)] = number
        for pid, code in codes.items():
            self.assertEqual(reap(pid), code)
        for pid, number in signals.items():
            self.assertEqual(reap(pid), -number)
        self.end()
        for pid, code in codes.items():
            event = self.exited(pid)
            self.assertEqual(field(event, "proc.exit_code"), code)
            self.assertIsNone(field(event, "proc.exit_signal"))
            self.assertIs(field(event, "proc.core_dumped"), False)
            self.assertEqual(field(event, "proc.ppid"), os.getpid())
        for pid, number in signals.items():
            event = self.exited(pid)
            self.assertEqual(field(event, "proc.exit_signal"), number.name)
            self.assertIsNone(field(event, "proc.exit_code"))
            self.assertIs(field(event, "proc.core_dumped"), False)

    def test_core_dumps(self):
        def crash(limit):
            def work():
                os.chdir(self.dir)
                resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
                os.execv("/bin/sh", ["sh", "-c", "kill -QUIT $$"])
            return work
        self.begin()
        truth = {}
        for limit in (0, resource.RLIM_INFINITY):
            pid = fork(crash(limit))
            status = os.waitpid(pid, 0)[1]
            self.assertEqual(os.WTERMSIG(status), signal.SIGQUIT)
            truth[pid] = os.WCOREDUMP(status)
        self.end()
        for pid, dumped in truth.items():
            self.assertIs(field(self.exited(pid), "proc.core_dumped"), dumped)
            self.assertEqual(field(self.exited(pid), "proc.exit_signal"), "SIGQUIT")
        if True not in truth.values():
            print("note: this machine's core_pattern leaves no core dump")

    def test_duration(self):
        self.begin()
        began = time.monotonic_ns()
        process = subprocess.Popen(["sleep", "0.7"])
        process.wait()
        took = time.monotonic_ns() - began
        self.end()
        duration = field(self.exited(process.pid), "proc.duration")
        # It cannot have lived longer than from before its fork to after its end, nor shorter than it slept.
        self.assertGreaterEqual(duration, 700_000_000)
        self.assertLessEqual(duration, took)

    def test_memory(self):
        size = 64 << 20

        def grow():
            memory = bytearray(size)
            memory[::4096] = b"x" * (size // 4096)
            os._exit(0)
        self.begin()
        pid = fork(grow)
        big = os.wait4(pid, 0)[2].ru_maxrss * 1024
        small_pid = fork(lambda: os.execve(NOOP, ["n"], {}))
        small = os.wait4(small_pid, 0)[2].ru_maxrss * 1024
        self.end()
        self.assertGreaterEqual(big, size)
        for name, child, truth in (("big", pid, big), ("small", small_pid, small)):
            with self.subTest(name):
                self.assertEqual(field(self.exited(child), "proc.maxrss"), truth)

    def test_the_main_thread_ends_first(self):
        self.begin()
        process = subprocess.Popen([live.binary("leader_leaves"), "400", "23"], stdout=subprocess.PIPE)
        truth = json.loads(process.communicate()[0])
        self.assertEqual(process.returncode, 23)
        self.end()
        event = self.exited(truth["pid"])  # exactly one
        self.assertEqual(field(event, "proc.tid"), truth["tid"])
        self.assertEqual(field(event, "proc.exit_code"), 23)
        self.assertGreaterEqual(field(event, "proc.duration"), 400_000_000)

    def test_reaper(self):
        self.begin()

        def subreaper():
            prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            child = fork(lambda: (fork(lambda: os._exit(5)), time.sleep(0.2), os._exit(6)))
            while True:
                if os.wait()[0] == child:
                    os._exit(0)
        pid = fork(subreaper)
        self.assertEqual(reap(pid), 0)
        self.end()
        self.on_request("proc.exit_code", "proc.reaper_pid")
        [child] = [e for e in live.of_type(self.events, "ProcessExited") if field(e, "proc.ppid") == pid
                   and field(e, "proc.exit_code") == 6]
        self.assertEqual(field(child, "proc.reaper_pid"), pid)
        [grandchild] = [e for e in live.of_type(self.events, "ProcessExited")
                        if field(e, "proc.ppid") == field(child, "proc.pid")]
        self.assertEqual(field(grandchild, "proc.exit_code"), 5)
        self.assertEqual(field(grandchild, "proc.reaper_pid"), pid)


class Ancestry(live.Case):
    FIELDS = ["--fields", "evt.type,proc.pid,proc.filename,proc.aname,proc.apid", "--point",
              "ProcessExecuted"]

    def own(self):
        """This process and its ancestors, as /proc has them."""
        names, pids, pid = [], [], os.getpid()
        while pid:
            pids.append(pid)
            status = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            names.append(status[status.index("(") + 1:status.rindex(")")])
            pid = int(status[status.rindex(")") + 1:].split()[1])
        return names, pids

    def member(self, name, truth_fd, *below, leaf=False, wait=False, reaper=False, orphan=None):
        """A child of a name, with children of its own; says who it is to `truth_fd`."""
        def work():
            before = os.getppid()
            pathlib.Path("/proc/self/comm").write_text(name, encoding="ascii")
            if reaper:
                prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            if orphan is not None:
                while os.getppid() == before:
                    time.sleep(0.01)
                self_parent = os.getppid()
            else:
                self_parent = before
            os.write(truth_fd, json.dumps({"name": name, "pid": os.getpid(),
                                           "ppid": self_parent}).encode() + b"\n")
            if leaf:
                if wait:
                    os.read(wait, 1)
                os.execve(NOOP, [name], {})
            for start in below:
                start()
            while True:
                try:
                    os.wait()
                except ChildProcessError:
                    os._exit(0)
        return lambda: fork(work)

    def leaves(self, expected):
        """The truth of a tree: ancestors by leaf, from what each member said."""
        names, pids = self.own()
        known = {m["pid"]: m for m in expected}
        out = {}
        for member in expected:
            if not member["name"].startswith("leaf"):
                continue
            chain_names, chain_pids, pid = ["noop"], [member["pid"]], member["ppid"]
            while pid in known:
                chain_names.append(known[pid]["name"])
                chain_pids.append(pid)
                pid = known[pid]["ppid"]
            at = pids.index(pid)  # this test, or whoever adopts
            out[member["pid"]] = (chain_names + names[at:], chain_pids + pids[at:])
        return out

    def tree(self):
        """Starts a tree and awaits it; returns the truth."""
        get, put = os.pipe()
        m = lambda *a, **k: self.member(a[0], put, *a[1:], **k)
        leaf = lambda name: m(name, leaf=True)
        plain = m("root", m("a", m("a1", leaf("leaf-1")), leaf("leaf-2")), m("b", leaf("leaf-3")))

        # A parent that ends while its child lives; what the child starts is below whoever adopted it.
        def leaving(child):
            def work():
                child()
                time.sleep(0.1)
                os._exit(0)
            return lambda: fork(work)
        adopted = m("reaper", leaving(m("orphan", leaf("leaf-4"), orphan=True)), reaper=True)
        to_init = leaving(m("orphan2", m("child", leaf("leaf-5")), orphan=True))
        for start in (plain, adopted, to_init):
            reap(start())
        os.close(put)
        with os.fdopen(get) as file:
            truth = [json.loads(line) for line in file]  # until all have ended
        self.assertEqual(len(truth), 13)
        leaves = self.leaves(truth)
        self.assertEqual(len(leaves), 5)
        return leaves

    def check(self, events, leaves):
        seen = {field(e, "proc.pid"): e for e in events if field(e, "proc.filename") == NOOP}
        for pid, (names, pids) in leaves.items():
            self.assertEqual(field(seen[pid], "proc.apid"), pids)
            self.assertEqual(field(seen[pid], "proc.aname"), names)

    def test_live_and_offline(self):
        with open(self.place("out"), "wb") as out:
            recorder = self.recorder("c", *live.ROOMY, *self.FIELDS, "-o", "json",
                                     command=("run", "--tee"), stdout=out)
        leaves = self.tree()
        live.settle()
        self.assertEqual(recorder.stop(), live.OK, recorder.err())
        with open(self.place("out"), encoding="utf-8") as file:
            self.check([json.loads(line) for line in file], leaves)
        self.check(self.replay(recorder.path, *self.FIELDS), leaves)

    def test_after_rotation(self):
        """A late leaf of an old tree, when the segments that saw the tree grow are gone."""
        recorder = self.recorder("c", *live.ROOMY, "--segment-size", "200KiB", "--flush", "50ms",
                                 "--keep", "2")
        get, put = os.pipe()
        go_get, go = os.pipe()
        m = lambda *a, **k: self.member(a[0], put, *a[1:], **k)

        def leaving(child):
            def work():
                child()
                time.sleep(0.1)
                os._exit(0)
            return lambda: fork(work)
        late = lambda name: m(name, leaf=True, wait=go_get)
        root = m("root", m("a", m("a1", late("leaf-1"))),
                 leaving(m("orphan", m("child", late("leaf-2")), orphan=True)), reaper=True)
        pid = root()
        os.close(put)
        with os.fdopen(get) as file:
            truth = [json.loads(file.readline()) for _ in range(7)]
            first = lambda: sorted(n for n in os.listdir(recorder.path) if n.endswith(".dse"))[:1]
            live.wait_until(recorder.open_files, "a segment")
            # Until the tree's own segment, and the one after it, have been deleted.
            for _ in range(100):
                live.run(live.binary("mixstorm"), "200")
                if first() and int(first()[0].split(".")[0]) > 20000:
                    break
            os.write(go, b"xx")
            self.assertEqual(file.read(), "")
        self.assertEqual(reap(pid), 0)
        live.settle()
        self.assertEqual(recorder.stop(), live.OK, recorder.err())
        info = self.info(recorder.path)
        self.assertEqual(info["lost"], 0)
        self.assertGreater(info["segments"][0]["first"], 20000)
        leaves = self.leaves(truth)
        self.assertEqual(len(leaves), 2)
        self.check(self.replay(recorder.path, *self.FIELDS), leaves)


if __name__ == "__main__":
    live.main()
