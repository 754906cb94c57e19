#!/usr/bin/env python3
"""What the doctor says of a host is what a recorder then meets."""

import json
import os

import live
from live import DSE, NEGATIVE, OK, PRIVILEGE

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
REQUIRED = {"privilege", "kernel", "BTF", "lockdown", "maps", "programs", "tracepoints", "iterators"}


def limited_to(*capabilities):
    """Root with no other capabilities than these."""
    bounding = ",".join(["-all", *("+" + name for name in capabilities)])
    return ["setpriv", "--reuid=0", f"--bounding-set={bounding}", "--inh-caps=-all"]


def in_a_mount_namespace(command):
    return ["unshare", "-m", "sh", "-c", command + ' && exec "$@"', "sh"]


class Doctor(live.Case):
    def examine(self, *prefix, code=OK):
        result = live.run(*prefix, DSE, "doctor", "-o", "json")
        self.assertEqual(result.code, code, result.err)
        self.assertEqual(result.err, "")
        answer = json.loads(result.out.decode())
        checks = {check["name"]: check for check in answer["checks"]}
        self.assertEqual(len(checks), len(answer["checks"]))
        for check in checks.values():
            self.assertTrue(check["detail"], check)
            self.assertEqual("remedy" in check, check["state"] != "ok", check)
            self.assertEqual("left_out" in check, check["state"] == "warning", check)
        missing = [check["name"] for check in answer["checks"] if check["state"] == "missing"]
        self.assertEqual(answer["can_record"], not missing)
        self.assertEqual(answer["can_record"], code == OK)
        if missing:
            self.assertEqual(answer["verdict"], "cannot record: " + "; ".join(missing))
        # A recorder under the same conditions must agree.
        os.chmod(self.dir, 0o777)
        recorded = live.run(*prefix, DSE, "record", "-w", self.place("c"), "--for", "200ms")
        self.assertEqual(recorded.code, OK if code == OK else PRIVILEGE, recorded.err)
        return checks, answer["verdict"]

    def test_this_host(self):
        checks, verdict = self.examine()
        for name in REQUIRED:
            self.assertEqual(checks[name]["state"], "ok", checks[name])
        self.assertTrue(verdict.startswith("this host can be recorded"), verdict)

        text = live.dse("doctor")
        self.assertEqual(text.code, OK, text.err)
        lines = text.out.decode().splitlines()
        self.assertEqual(lines[-1], verdict)
        for check in checks.values():
            line = next(line for line in lines if line[9:].startswith(check["name"] + " "))
            self.assertIn(check["detail"], line)
            self.assertTrue(line.startswith(check["state"]), line)
        self.assertNotIn(b"\x1b", text.out)

    def test_nobody(self):
        checks, _ = self.examine(*NOBODY, code=NEGATIVE)
        self.assertEqual(checks["privilege"]["state"], "missing")
        text = live.run(*NOBODY, DSE, "doctor")
        self.assertEqual(text.code, NEGATIVE)
        self.assertRegex(text.out, rb"(?m)^MISSING +privilege .*CAP_BPF")
        self.assertRegex(text.out, rb"(?m)^ +remedy: run as root")
        self.assertTrue(text.out.endswith(b"cannot record: privilege\n"), text.out)

    def test_capabilities(self):
        checks, verdict = self.examine(*limited_to("bpf", "perfmon"))
        self.assertEqual(checks["snapshot"]["state"], "warning")
        self.assertIn("except: ", verdict)
        self.assertIn(checks["snapshot"]["left_out"], verdict)
        self.examine(*limited_to("sys_admin"))

    def test_too_few_capabilities(self):
        for capabilities in (["bpf", "sys_resource"], ["perfmon", "sys_resource"]):
            with self.subTest(capabilities=capabilities):
                checks, _ = self.examine(*limited_to(*capabilities), code=NEGATIVE)
                self.assertEqual(checks["privilege"]["state"], "missing")

    def test_a_user_namespace(self):
        checks, _ = self.examine("unshare", "-Ur", code=NEGATIVE)
        self.assertIn("user namespace", checks["privilege"]["detail"])

    def test_without_btf(self):
        checks, _ = self.examine(*in_a_mount_namespace("mount -t tmpfs none /sys/kernel/btf"),
                                 code=NEGATIVE)
        self.assertEqual(checks["BTF"]["state"], "missing")

    def test_what_is_left_out(self):
        hide = "mount -t tmpfs none /sys/kernel/tracing && mount -t tmpfs none /sys/kernel/debug"
        checks, verdict = self.examine(*in_a_mount_namespace(hide))
        self.assertEqual(checks["failed execs"]["state"], "warning")
        self.assertIn("except: failed execs", verdict)
        checks, _ = self.examine("unshare", "--pid", "--fork", "--mount-proc")
        self.assertEqual(checks["pid namespace"]["state"], "warning")


if __name__ == "__main__":
    live.main()
