#!/usr/bin/env python3
"""Containers that runc and Podman really run: which there are, what became of each, and that the events
of all observation points name theirs."""

import collections
import glob
import json
import os
import pathlib
import shutil
import subprocess
import time

import live
from live import field

MARK = f"dse-{os.getpid()}"
HOST_PID_NAMESPACE = 0xEFFFFFFC


class Case(live.Case):
    def setUp(self):
        super().setUp()
        self.root = self.place("runc")

    def bundle(self, name, *command, **changes):
        """A bundle that executes a command of busybox. `changes`: functions of the configuration."""
        bundle = self.place(name + ".bundle")
        binaries = os.path.join(bundle, "rootfs", "bin")
        os.makedirs(binaries)
        shutil.copy("/bin/busybox", os.path.join(binaries, "busybox"))
        for link in ("sh", "true", "sleep", "kill"):
            os.symlink("busybox", os.path.join(binaries, link))
        for directory in ("proc", "dev", "sys"):
            os.mkdir(os.path.join(bundle, "rootfs", directory))
        subprocess.run(["runc", "spec"], cwd=bundle, check=True)
        path = pathlib.Path(bundle, "config.json")
        config = json.loads(path.read_text(encoding="utf-8"))
        config["process"]["terminal"] = False
        config["process"]["args"] = list(command)
        for change in changes.values():
            change(config)
        path.write_text(json.dumps(config), encoding="utf-8")
        return bundle

    def runc(self, *arguments, **options):
        return live.run("runc", "--root", self.root, *arguments, **options)

    def detached(self, name, bundle):
        """Runs it in the background; returns the pid of its init."""
        self.addCleanup(self.runc, "delete", "--force", name)
        done = subprocess.run(
            ["runc", "--root", self.root, "run", "--detach", "--bundle", bundle, "--pid-file",
             self.place(name + ".pid"), name], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=live.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0)
        return self.pid_of(name)

    def pid_of(self, name):
        return int(pathlib.Path(self.place(name + ".pid")).read_text(encoding="ascii"))

    def run_to_end(self, name, bundle, code=0):
        result = self.runc("run", "--bundle", bundle, "--pid-file", self.place(name + ".pid"), name)
        self.assertEqual(result.code, code, result.err)
        return self.pid_of(name)

    def ended(self, name):
        live.wait_until(lambda: b'"stopped"' in self.runc("state", name).out, "the container to end")

    def remove_cgroups(self, path):
        """What runc leaves: the cgroups above a container's own."""
        for mount in ["/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*")]:
            parts = path.strip("/").split("/")
            while parts:
                try:
                    os.rmdir(os.path.join(mount, *parts))
                except OSError:
                    pass
                parts.pop()

    def events(self, recorder, *options):
        live.settle()
        self.assertEqual(recorder.stop(), 0, recorder.err())
        self.assertEqual(self.info(recorder.path)["lost"], 0)
        result = live.dse("replay", recorder.path, "-o", "json", *options)
        self.assertEqual(result.code, 0, result.err)
        return result.events()

    def phases(self, events):
        """By container id: the ContainerEvents of this test's containers."""
        seen = collections.defaultdict(list)
        for event in live.of_type(events, "ContainerEvent"):
            path = field(event, "cgroup.path") or ""
            if MARK in path or MARK in field(event, "container.id"):
                seen[field(event, "container.id")].append(event)
        return seen

    def assert_phases(self, events, expected):
        self.assertEqual([field(e, "container.phase") for e in events], expected)


class Runc(Case):
    def test_each_container_once(self):
        old = f"{MARK}-old"
        old_pid = self.detached(old, self.bundle(old, "/bin/sleep", "1000"))
        recorder = self.recorder("c", *live.ROOMY)
        names = [f"{MARK}-{i}" for i in range(5)]
        bundle = self.bundle("many", "/bin/sh", "-c", "exit 7")
        pids = {name: self.run_to_end(name, bundle, 7) for name in names}
        self.assertEqual(self.runc("kill", old, "KILL").code, 0)
        self.ended(old)
        seen = self.phases(self.events(recorder))
        self.assertEqual(set(seen), {*names, old})
        for name in names:
            self.assert_phases(seen[name], ["created", "started", "exited"])
            for event in seen[name]:
                self.assertEqual(field(event, "container.init_pid"), pids[name])
                self.assertEqual(field(event, "container.runtime"), "runc")
                self.assertEqual(field(event, "container.confidence"), "high")
                self.assertTrue(field(event, "cgroup.path").endswith("/" + name))
            self.assertEqual([field(e, "container.evidence") for e in seen[name]],
                             ["pidns_init", "init_exec", "init_exit"])
            self.assertEqual(field(seen[name][-1], "proc.exit_code"), 7)
            self.assertIsNone(field(seen[name][-1], "proc.exit_signal"))
        self.assert_phases(seen[old], ["existing", "exited"])
        for event in seen[old]:
            self.assertEqual(field(event, "container.init_pid"), old_pid)
        self.assertEqual(field(seen[old][-1], "proc.exit_signal"), "SIGKILL")
        self.assertIsNone(field(seen[old][-1], "proc.exit_code"))

    def test_created_is_not_started(self):
        name = f"{MARK}-two-steps"
        bundle = self.bundle(name, "/bin/true")
        recorder = self.recorder("c", *live.ROOMY)
        self.addCleanup(self.runc, "delete", "--force", name)
        created = subprocess.run(
            ["runc", "--root", self.root, "create", "--bundle", bundle, name], check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(created.returncode, 0)
        time.sleep(1)
        between = time.time_ns()
        self.assertEqual(self.runc("start", name).code, 0)
        self.ended(name)
        events = self.phases(self.events(recorder))[name]
        self.assert_phases(events, ["created", "started", "exited"])
        times = [live.nanoseconds(field(e, "evt.time")) for e in events]
        self.assertLess(times[0], between)
        self.assertGreater(times[1], between)

    def test_a_process_that_enters(self):
        name = f"{MARK}-entered"
        init = self.detached(name, self.bundle(name, "/bin/sleep", "1000"))
        recorder = self.recorder("c", *live.ROOMY)
        for _ in range(2):  # each entry is one; what it forks is none
            result = self.runc("exec", name, "/bin/sh", "-c", "/bin/true; /bin/true; exit 0")
            self.assertEqual(result.code, 0, result.err)
        self.assertEqual(self.runc("kill", name, "TERM").code, 0)  # as init it is ignored
        self.assertEqual(self.runc("kill", name, "KILL").code, 0)
        self.ended(name)
        events = self.events(recorder)
        seen = self.phases(events)[name]
        self.assert_phases(seen, ["existing", "exec", "exec", "exited"])
        for event in seen[1:3]:
            self.assertEqual(field(event, "container.evidence"), "entered")
            self.assertEqual(field(event, "proc.name"), "sh")
            self.assertNotEqual(field(event, "proc.pid"), init)
            self.assertEqual(field(event, "container.init_pid"), init)
        # What was executed inside names the container, init or not.
        inside = [e for e in live.of_type(events, "ProcessExecuted")
                  if field(e, "container.id") == name]
        self.assertEqual(sum(field(e, "proc.name") == "true" for e in inside), 4)
        self.assertTrue(all(field(e, "container.runtime") for e in inside))

    def test_in_the_pid_namespace_of_the_host(self):
        name, cgroup = f"{MARK}-hostpid", f"/{MARK}-group"

        def host_pid(config):
            config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"]
                                             if n["type"] != "pid"]
            config["linux"]["cgroupsPath"] = cgroup
        bundle = self.bundle(name, "/bin/sleep", "1000", change=host_pid)
        self.root = "/run/runc"  # where others look
        recorder = self.recorder("c", *live.ROOMY)
        init = self.detached(name, bundle)
        self.assertEqual(self.runc("exec", name, "/bin/true").code, 0)
        for _ in range(4):  # until runc's state has been asked for once more
            live.settle()
        self.assertEqual(self.runc("kill", name, "KILL").code, 0)
        self.ended(name)
        events = self.events(recorder)
        seen = self.phases(events)[cgroup[1:]]
        self.assert_phases(seen, ["created", "started", "exec", "exited"])
        self.assertEqual([field(e, "container.evidence") for e in seen],
                         ["runtime_init", "first_exec", "entered", "init_exit"])
        for event in seen:
            self.assertEqual(field(event, "container.init_pid"), init)
            self.assertEqual(field(event, "container.runtime"), "runc")
        self.assertEqual(field(seen[1], "ns.pid"), HOST_PID_NAMESPACE)
        self.assertEqual(field(seen[-1], "proc.exit_signal"), "SIGKILL")
        # The cgroup is not called as the container is; runc's own state tells its name.
        self.assertEqual(field(seen[-1], "container.name"), name)

    def test_known_paths_and_containers_in_containers(self):
        # Another run may have left its cgroups behind.
        outer, inner = (f"{os.getpid():x}{i}".ljust(64, "0") for i in "ab")
        cases = {
            f"/docker/{outer}": ("docker", [outer]),
            f"/{MARK}.slice/cri-containerd-{outer}.scope": ("containerd", [outer]),
            f"/{MARK}/kubepods/burstable/podeab5a334-93fe-48a8-b139-9e8079c1f163/{outer}":
                ("kubernetes", [outer]),
            f"/docker/{outer}/docker/{inner}": ("docker", [outer, inner]),
        }
        for number, (cgroup, (runtime, ids)) in enumerate(cases.items()):
            with self.subTest(cgroup=cgroup):
                name = f"{MARK}-path-{number}"
                self.addCleanup(self.remove_cgroups, cgroup)

                def in_cgroup(config, cgroup=cgroup):
                    config["linux"]["cgroupsPath"] = cgroup
                bundle = self.bundle(name, "/bin/sh", "-c", "/bin/true; exit 3", change=in_cgroup)
                recorder = self.recorder(f"c{number}", *live.ROOMY)
                init = self.run_to_end(name, bundle, 3)
                events = self.events(recorder)
                seen = [e for e in live.of_type(events, "ContainerEvent")
                        if field(e, "container.id") == ids[-1]]
                self.assert_phases(seen, ["created", "started", "exited"])
                self.assertEqual(field(seen[0], "container.evidence"), "cgroup_mkdir")
                self.assertEqual([field(e, "container.init_pid") for e in seen[1:]], [init] * 2)
                self.assertEqual({field(e, "container.runtime") for e in seen}, {runtime})
                self.assertEqual(field(seen[-1], "proc.exit_code"), 3)
                if "kubepods" in cgroup:
                    self.assertEqual(field(seen[0], "k8s.pod.uid"),
                                     "eab5a334-93fe-48a8-b139-9e8079c1f163")
                nested = live.dse("replay", recorder.path, "-o", "json", "--point",
                                  "ProcessExecuted", "--fields",
                                  "proc.name,container.id,container.ids").events()
                true = [e for e in nested if field(e, "proc.name") == "true"
                        and field(e, "container.id") == ids[-1]]
                self.assertEqual([field(e, "container.ids") for e in true], [ids])

    def test_an_id_that_comes_back(self):
        name, cgroup = f"{MARK}-again", f"/docker/{'c3' * 32}"

        def in_cgroup(config):
            config["linux"]["cgroupsPath"] = cgroup
        bundle = self.bundle(name, "/bin/true", change=in_cgroup)
        self.addCleanup(self.remove_cgroups, cgroup)
        recorder = self.recorder("c", *live.ROOMY)
        for _ in range(3):
            self.run_to_end(name, bundle)
        seen = [e for e in live.of_type(self.events(recorder), "ContainerEvent")
                if field(e, "container.id") == "c3" * 32]
        self.assert_phases(seen, ["created", "started", "exited"] * 3)

    def test_what_is_none(self):
        recorder = self.recorder("c", *live.ROOMY)
        path = f"/sys/fs/cgroup/memory/{MARK}.service"
        if not os.path.isdir("/sys/fs/cgroup/memory"):
            path = f"/sys/fs/cgroup/{MARK}.service"
        os.mkdir(path)
        self.addCleanup(os.rmdir, path)
        live.run("sh", "-c", f"echo $$ > {path}/cgroup.procs; /bin/true")
        live.run("unshare", "--mount", "--net", "--uts", "/bin/true")
        events = self.events(recorder)
        service = [e for e in live.of_type(events, "ProcessExecuted")
                   if (field(e, "cgroup.path") or "").endswith(f"{MARK}.service")]
        self.assertTrue(service)
        self.assertEqual([field(e, "container.id") for e in service], [None] * len(service))
        self.assertEqual(self.phases(events), {})

    def test_every_point_names_the_container(self):
        name = f"{MARK}-points"

        def loopback(config):
            config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"]
                                             if n["type"] != "network"]
        bundle = self.bundle(name, "/bin/sh", "-c",
                             "/bin/busybox nc -w 1 127.0.0.1 1; /bin/sleep 1000 & /bin/busybox "
                             "usleep 200000; kill -TERM $!; wait; exit 0", change=loopback)
        recorder = self.recorder("c", *live.ROOMY)
        self.run_to_end(name, bundle)
        outside = live.run("true")
        self.assertEqual(outside.code, 0)
        events = self.events(recorder, "--point", "ProcessExecuted,ProcessExited,ContainerEvent,"
                             "SocketStateChange,SignalDelivered,SignalGenerated")
        inside = collections.defaultdict(list)
        for event in events:
            if field(event, "container.id") == name:
                inside[field(event, "evt.type")].append(event)
        for point in ("ProcessExecuted", "ProcessExited", "ContainerEvent", "SocketStateChange",
                      "SignalDelivered", "SignalGenerated"):
            self.assertTrue(inside[point], point)
        for event in inside["SocketStateChange"]:
            self.assertEqual(field(event, "sock.owner.container"), name)
        killed = [e for e in inside["SignalDelivered"] if field(e, "sig.cause") == "SIGTERM"]
        self.assertEqual(len(killed), 1)
        self.assertEqual(field(killed[0], "sig.sender.container"), name)
        sent = [e for e in inside["SignalGenerated"] if field(e, "sig.name") == "SIGTERM"]
        self.assertEqual([field(e, "sig.target.container") for e in sent], [name])

    def test_what_the_runtime_says(self):
        name = f"{MARK}-metadata"

        def annotate(config):
            config["annotations"] = {"io.kubernetes.cri.image-name": "registry/thing:1",
                                     "io.kubernetes.cri.sandbox-name": "a-pod",
                                     "io.kubernetes.cri.sandbox-namespace": "a-namespace",
                                     "com.example.team": "caf\u00e9"}
        bundle = self.bundle(name, "/bin/sleep", "1000", change=annotate)
        # runc's own directory is where others look.
        self.root = "/run/runc"
        recorder = self.recorder("c", *live.ROOMY, "--segment-time", "1s", "--keep", "2")
        self.detached(name, bundle)
        # It is told once, and every later segment begins with it.
        time.sleep(4)
        self.assertEqual(self.runc("exec", name, "/bin/true").code, 0)
        events = self.events(recorder)
        self.assertEqual(len(os.listdir(recorder.path)), 2)
        self.assert_phases(self.phases(events)[name][:1], ["existing"])
        entered = [e for e in self.phases(events)[name] if field(e, "container.phase") == "exec"]
        self.assertEqual(len(entered), 1)
        for path, value in {"container.image": "registry/thing:1", "k8s.pod.name": "a-pod",
                            "k8s.ns.name": "a-namespace",
                            "container.source": "runc state, oci bundle"}.items():
            self.assertEqual(field(entered[0], path), value, path)
        self.assertIn("com.example.team=caf\u00e9", field(entered[0], "container.labels"))
        self.assertIsNone(field(entered[0], "container.image_digest"))
        self.assertEqual(self.runc("delete", "--force", name).code, 0)

    def test_nothing_is_asked_when_told_not_to(self):
        name = f"{MARK}-silent"
        self.root = "/run/runc"
        recorder = self.recorder("c", *live.ROOMY, "--no-container-metadata")
        self.detached(name, self.bundle(name, "/bin/sleep", "1000"))
        live.settle()
        self.assertEqual(self.runc("exec", name, "/bin/true").code, 0)
        seen = self.phases(self.events(recorder))[name]
        self.assertTrue(seen)
        self.assertEqual([field(e, "container.source") for e in seen], [None] * len(seen))
        self.assertNotIn("container_metadata", self.info(recorder.path)["kinds"])


class Rootless(Case):
    """A container that a user without privileges runs, in a user namespace of its own."""

    def test_a_user_namespace(self):
        recorder = self.recorder("c", *live.ROOMY)
        result = live.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                          "unshare", "--user", "--map-root-user", "--pid", "--fork",
                          "--mount-proc", "/bin/sh", "-c", "/bin/true; exit 9")
        self.assertEqual(result.code, 9, result.err)
        events = self.events(recorder)
        execs = [e for e in live.of_type(events, "ProcessExecuted")
                 if field(e, "proc.name") == "sh" and field(e, "user.uid") == 65534
                 and field(e, "proc.vpid") == 1]
        self.assertEqual(len(execs), 1)
        name = field(execs[0], "container.id")
        self.assertEqual(name, f"pidns-{field(execs[0], 'ns.pid')}")
        seen = [e for e in live.of_type(events, "ContainerEvent")
                if field(e, "container.id") == name]
        self.assert_phases(seen, ["started", "exited"])
        self.assertEqual({field(e, "container.runtime") for e in seen}, {"unknown"})
        self.assertEqual({field(e, "container.confidence") for e in seen}, {"low"})
        self.assertEqual(field(seen[-1], "proc.exit_code"), 9)


class Podman(Case):
    def test_podman_through_runc(self):
        bundle = self.bundle("podman", "/bin/true")
        storage = ["--root", self.place("storage"), "--runroot", self.place("runroot"),
                   "--storage-driver", "vfs"]
        podman = ["podman", *storage, "--runtime", "runc", "--cgroup-manager", "cgroupfs",
                  "--events-backend", "file"]
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        recorder = self.recorder("c", *live.ROOMY)
        result = live.run(*podman, "run", "--rm", "--network", "none", *limits, "--name",
                          f"{MARK}-pod", "--cidfile", self.place("id"), "--rootfs",
                          os.path.join(bundle, "rootfs"), "/bin/sh", "-c", "sleep 0.5; exit 5")
        self.assertEqual(result.code, 5, result.err)
        events = self.events(recorder)
        starts = [e for e in live.of_type(events, "ContainerEvent")
                  if field(e, "container.runtime") == "podman"]
        ids = {field(e, "container.id") for e in starts}
        self.assertEqual(len(ids), 1, starts)
        self.assertEqual(len(ids.pop()), 64)
        self.assert_phases(starts, ["created", "started", "exited"])
        self.assertEqual(field(starts[-1], "proc.exit_code"), 5)
        # conmon is no part of it.
        conmon = [e for e in live.of_type(events, "ProcessExecuted")
                  if field(e, "proc.name") == "conmon"]
        self.assertTrue(conmon)
        self.assertEqual([field(e, "container.id") for e in conmon], [None] * len(conmon))


if __name__ == "__main__":
    live.main()
