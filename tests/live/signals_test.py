#!/usr/bin/env python3
"""Each way to send a signal: who sent it, who took it, with what, and what became of it."""

import os
import signal
import subprocess

import live
from live import field

BOTH = "SignalDelivered,SignalGenerated"
CODES = {signal.SIGSEGV: {1: "SEGV_MAPERR"}, signal.SIGCHLD: {1: "CLD_EXITED"}}
ANY_CODES = {0: "SI_USER", 0x80: "SI_KERNEL", -1: "SI_QUEUE", -2: "SI_TIMER", -6: "SI_TKILL"}
FIRST_REAL_TIME = 32  # the kernel's
# Sent in an interrupt. The kernel skips a program there about once in a thousand times, and does not
# count that as missed.
TIMERS, UNSEEN = ("alarm", "timer", "thread_timer"), 2  # of 15


def signal_name(number):
    if number < FIRST_REAL_TIME:
        return signal.Signals(number).name
    # glibc keeps the first two for itself; what the kernel calls SIGRTMIN is 32.
    return f"SIGRTMIN+{number - FIRST_REAL_TIME}" if number > FIRST_REAL_TIME else "SIGRTMIN"


def code_name(sig, code):
    return CODES.get(sig, {}).get(code) or ANY_CODES[code]


class Signals(live.Case):
    @classmethod
    def setUpClass(cls):
        """One recording of everything; each test looks at its own part."""
        cls.shared = live.Case()
        cls.shared.setUp()
        cls.addClassCleanup(cls.shared.doCleanups)
        recorder = cls.shared.recorder("c", *live.ROOMY, "--point", BOTH)
        cls.truth = live.workload("signal_cases", live.binary("noop"))
        live.settle()
        cls.shared.assertEqual(recorder.stop(), live.OK, recorder.err())
        cls.shared.assertEqual(cls.shared.info(recorder.path)["lost"], 0)
        cls.path = recorder.path
        events = cls.shared.replay(recorder.path, "--point", BOTH)
        cls.delivered = live.of_type(events, "SignalDelivered")
        cls.generated = live.of_type(events, "SignalGenerated")

    def cases(self, *names):
        found = [t for t in self.truth if t["case"] in names]
        self.assertGreater(len(found), 0)
        return found

    def of_thread(self, events, tid, sig, pid="proc.pid", tid_field="proc.tid"):
        return [e for e in events if field(e, tid_field) == tid and field(e, "sig.num") == sig]

    def check_sender(self, event, pid, tid, name="signal_cases", source="generate"):
        self.assertEqual(field(event, "sig.sender.pid"), pid)
        self.assertEqual(field(event, "sig.sender.tid"), tid)
        self.assertEqual(field(event, "sig.sender.name"), name)
        self.assertEqual(field(event, "sig.sender.uid"), 0)
        self.assertEqual(field(event, "sig.sender.source"), source)

    def check_no_sender(self, event):
        self.assertEqual(field(event, "sig.sender.source"), "kernel")
        for name in ("pid", "tid", "name", "uid", "container"):
            self.assertIsNone(field(event, "sig.sender." + name))

    def check_handled(self, event, truth):
        self.assertEqual(field(event, "proc.pid"), truth["receiver_pid"])
        self.assertEqual(field(event, "proc.tid"), truth["receiver_tid"])
        self.assertEqual(field(event, "proc.name"), "signal_cases")
        self.assertEqual(field(event, "sig.name"), signal_name(truth["sig"]))
        self.assertEqual(field(event, "sig.code"), code_name(truth["sig"], truth["code"]))
        self.assertEqual(field(event, "sig.errno"), 0)
        self.assertEqual(field(event, "sig.value"), truth.get("value"))
        if truth["case"] in TIMERS and field(event, "sig.result") is None:
            self.unseen += 1
        else:
            self.assertEqual(field(event, "sig.directed"), truth["directed"])
            self.assertEqual(field(event, "sig.result"), "delivered")
        self.assertEqual(field(event, "sig.handler"), "user")
        self.assertIsNone(field(event, "sig.cause"))
        if "sender_pid" in truth:
            self.check_sender(event, truth["sender_pid"], truth["sender_tid"])
        else:
            self.check_no_sender(event)

    def test_what_handlers_were_told(self):
        """Each handled signal has exactly one event, in the order in which its receiver took them."""
        told = [t for t in self.truth if "directed" in t]
        self.assertEqual(len({t["case"] for t in told}), 15)
        self.unseen = 0
        receivers = {t["receiver_pid"] for t in told}
        sigs = {t["sig"] for t in told}
        for receiver in sorted(receivers):
            mine = [t for t in told if t["receiver_pid"] == receiver]
            seen = [e for e in self.delivered
                    if field(e, "proc.pid") == receiver and field(e, "sig.handler") == "user"]
            self.assertEqual([(field(e, "sig.num")) for e in seen], [t["sig"] for t in mine])
            for event, truth in zip(seen, mine):
                with self.subTest(truth["case"], value=truth.get("value")):
                    self.check_handled(event, truth)
        self.assertIn(signal.SIGSEGV, sigs)
        self.assertLessEqual(self.unseen, UNSEEN)

    def test_what_was_sent(self):
        """The sending side of the same signals."""
        unseen = 0
        for truth in self.cases("kill", "tgkill", "sigqueue", "raise", "pthread_kill", "sigchld",
                                "sigpipe", "group", "queued", "after_waiting", "timer", "thread_timer",
                                "fault"):
            with self.subTest(truth["case"], value=truth.get("value")):
                sent = [e for e in self.generated
                        if field(e, "sig.target.pid") == truth["receiver_pid"]
                        and field(e, "sig.num") == truth["sig"]
                        and field(e, "sig.code") == code_name(truth["sig"], truth["code"])
                        and field(e, "sig.value") == truth.get("value")
                        and field(e, "sig.directed") == truth["directed"]
                        and field(e, "sig.sender.tid") == truth.get("sender_tid")]
                if truth["case"] in TIMERS and not sent:
                    unseen += 1
                    continue
                self.assertEqual(len(sent), 1, [e for e in self.generated
                                                if field(e, "sig.num") == truth["sig"]])
                [event] = sent
                # Who forked keeps the name; nobody else could have it.
                self.assertEqual(field(event, "sig.target.name"), "signal_cases")
                self.assertEqual(field(event, "sig.target.vpid"), truth["receiver_pid"])
                if truth["directed"] == "thread":
                    self.assertEqual(field(event, "sig.target.tid"), truth["receiver_tid"])
                self.assertEqual(field(event, "sig.result"), "delivered")
                if "sender_pid" in truth:
                    self.check_sender(event, truth["sender_pid"], truth["sender_tid"])
                    self.assertEqual(field(event, "proc.pid"), truth["sender_pid"])
                else:
                    self.check_no_sender(event)
        self.assertLessEqual(unseen, UNSEEN)

    def test_an_ignored_one(self):
        [truth] = self.cases("ignored")
        [sent] = [e for e in self.generated if field(e, "sig.target.pid") == truth["receiver_pid"]
                  and field(e, "sig.num") == truth["sig"]]
        self.assertEqual(field(sent, "sig.result"), "ignored")
        self.check_sender(sent, truth["sender_pid"], truth["sender_pid"])
        self.assertEqual(self.of_thread(self.delivered, truth["receiver_pid"], truth["sig"]), [])

    def test_one_that_is_pending_already(self):
        [truth] = self.cases("blocked")
        sent = [e for e in self.generated if field(e, "sig.target.pid") == truth["receiver_pid"]
                and field(e, "sig.num") == truth["sig"] and field(e, "sig.code") == "SI_USER"]
        self.assertEqual([field(e, "sig.result") for e in sent], ["delivered", "already_pending"])
        for event in sent:
            self.check_sender(event, truth["sender_pid"], truth["sender_pid"])

    def test_death(self):
        """Every thread of a victim is told, and by whom."""
        died = self.cases("died")
        self.assertEqual(len(died), 8)
        for truth in died:
            dumps = truth["sig"] == signal.SIGQUIT  # not short-cut: one thread takes the signal itself
            with self.subTest(signal_name(truth["sig"]), how=truth["how"]):
                seen = [e for e in self.delivered if field(e, "proc.pid") == truth["pid"]]
                taken = [e for e in seen if field(e, "sig.num") == truth["sig"]
                         and truth["sig"] != signal.SIGKILL]
                killed = [e for e in seen if field(e, "sig.name") == "SIGKILL"]
                self.assertEqual(len(seen), len(taken) + len(killed))
                self.assertEqual(len(taken), 1 if dumps else 0)
                self.assertEqual(sorted(field(e, "proc.tid") for e in seen), sorted(truth["tids"]))
                for event in seen:
                    self.assertEqual(field(event, "sig.handler"), "default")
                    self.check_sender(event, truth["sender_pid"], truth["sender_pid"], source=
                                      "generate" if event in taken or truth["sig"] == signal.SIGKILL
                                      else "fatal")
                    self.assertEqual(field(event, "sig.directed"),
                                     "thread" if truth["how"] == "tgkill" else "process")
                for event in killed:
                    self.assertEqual(field(event, "sig.cause"), signal_name(truth["sig"]))

    def check_ended(self, name):
        [truth] = self.cases(name)
        seen = [e for e in self.delivered if field(e, "proc.pid") == truth["pid"]
                and field(e, "sig.name") == "SIGKILL"]
        self.assertEqual(sorted(field(e, "proc.tid") for e in seen), sorted(truth["tids"]))
        for event in seen:
            self.assertEqual(field(event, "sig.cause"), name)
            self.assertEqual(field(event, "sig.handler"), "default")
            self.check_no_sender(event)

    def test_exit_group(self):
        self.check_ended("exit_group")

    def test_execve(self):
        self.check_ended("execve")

    def test_text(self):
        """A line of text has the cause and the sender."""
        [truth] = [t for t in self.cases("died") if t["sig"] == signal.SIGTERM and t["how"] == "kill"]
        out = live.dse("replay", self.path, "-o", "text").out.decode()
        lines = [l for l in out.splitlines() if f"-> signal_cases[{truth['pid']}]" in l]
        self.assertEqual(len(lines), len(truth["tids"]))
        for line in lines:
            self.assertRegex(line, rf"SIGKILL .* from signal_cases\[{truth['sender_pid']}\]  for SIGTERM ")


class Others(live.Case):
    def test_a_fault_without_a_handler(self):
        """The thread that faults takes SIGSEGV, from the kernel."""
        recorder = self.recorder("c", *live.ROOMY)
        code = "import ctypes, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); ctypes.string_at(8)"
        victim = self.start("python3", "-c", code)
        self.assertEqual(victim.wait(live.PATIENCE), -signal.SIGSEGV)
        events = self.stop_whole(recorder)
        [event] = [e for e in live.of_type(events, "SignalDelivered")
                   if field(e, "proc.pid") == victim.pid]
        self.assertEqual(field(event, "sig.name"), "SIGSEGV")
        self.assertEqual(field(event, "sig.code"), "SEGV_MAPERR")
        self.assertEqual(field(event, "sig.handler"), "default")
        self.assertEqual(field(event, "sig.directed"), "thread")
        self.assertEqual(field(event, "sig.sender.source"), "kernel")
        self.assertIsNone(field(event, "sig.sender.pid"))

    def test_another_user_and_program(self):
        """The sender's name and user are its own, not the receiver's; the real user counts."""
        recorder = self.recorder("c", *live.ROOMY)
        victim = self.start("sleep", "1000", preexec_fn=lambda: (os.setgroups([]), os.setgid(65534),
                                                                os.setuid(65534)))
        killer = subprocess.Popen(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
             "/bin/kill", "-HUP", str(victim.pid)])
        self.assertEqual(killer.wait(live.PATIENCE), 0)
        self.assertEqual(victim.wait(live.PATIENCE), -signal.SIGHUP)
        events = self.stop_whole(recorder)
        [event] = [e for e in live.of_type(events, "SignalDelivered")
                   if field(e, "proc.pid") == victim.pid]
        self.assertEqual(field(event, "proc.name"), "sleep")
        self.assertEqual(field(event, "sig.cause"), "SIGHUP")
        self.assertEqual(field(event, "sig.sender.pid"), killer.pid)
        self.assertEqual(field(event, "sig.sender.name"), "kill")
        self.assertEqual(field(event, "sig.sender.uid"), 65534)
        self.assertEqual(field(event, "sig.sender.source"), "fatal")


if __name__ == "__main__":
    live.main()
