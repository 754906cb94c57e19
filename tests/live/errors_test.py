#!/usr/bin/env python3
"""What cannot be done is said in one clear line, by its exit code, and leaves nothing half-written."""

import os
import random
import subprocess

import live
from live import DAMAGED, DSE, IO, OK, PRIVILEGE, USAGE


class Errors(live.Case):
    def refused(self, result, code, *words):
        self.assertEqual(result.code, code, result.err)
        self.assert_one_line(result.err)
        for word in words:
            self.assertIn(word, result.err)
        self.assertEqual(result.out, b"")

    def sample(self, *options):
        """A small sealed capture."""
        path = self.place("sample.dse")
        recorder = live.Recorder(path, *live.ROOMY, *options)
        self.addCleanup(recorder.discard)
        live.workload("exec_workload", 30, live.binary("noop"))
        self.assertEqual(recorder.stop(), OK, recorder.err())
        return path


class Kernel(Errors):
    def test_without_root(self):
        os.chmod(self.dir, 0o777)
        for command in (["record", "-w", self.place("c")], ["run"],
                        ["run", "--tee", self.place("c")]):
            result = live.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                              "--inh-caps=-all", DSE, *command)
            self.refused(result, PRIVILEGE, "root")
            self.assertEqual(os.listdir(self.dir), [])

    def test_without_btf(self):
        for command in (["record", "-w", self.place("c")], ["run"]):
            result = live.run("unshare", "-m", "sh", "-c",
                              'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh", DSE, *command)
            self.refused(result, PRIVILEGE, "BTF")
            self.assertEqual(os.listdir(self.dir), [])


class Disk(Errors):
    def test_full(self):
        disk = self.place("disk")
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        recorder = live.Recorder(os.path.join(disk, "c"), *live.ROOMY, "--flush", "100ms")
        self.addCleanup(recorder.discard)
        for _ in range(100):
            live.workload("mixstorm", 200)
            if recorder.process.poll() is not None:
                break
        self.assertEqual(recorder.wait(), IO)
        self.assert_one_line(recorder.err())
        self.assertIn(os.path.join(disk, "c") + "/", recorder.err())
        self.assertIn("No space left on device", recorder.err())
        names = os.listdir(recorder.path)
        self.assertEqual([name for name in names if not name.endswith(".dse.open")], [])
        result = live.dse("replay", recorder.path, "-o", "json")
        self.assertEqual(result.code, DAMAGED)
        self.assertIn("not sealed", result.err)
        self.assertGreater(len(result.events()), 100)

    def test_a_place_that_cannot_be_written(self):
        blocker = self.place("file")
        open(blocker, "w", encoding="ascii").close()
        self.refused(live.dse("record", "-w", os.path.join(blocker, "c"), "--for", "1s"), IO, blocker)
        self.refused(live.dse("record", "-w", "/proc/dse-nowhere", "--for", "1s"), IO, "/proc/dse-nowhere")
        self.refused(live.dse("record", "-w", self.place("no/such/c.dse"), "--for", "1s"), IO,
                     self.place("no/such/c.dse"))

    def test_an_existing_file_is_never_overwritten(self):
        for content in (b"", b"precious"):
            path = self.place("c.dse")
            with open(path, "wb") as file:
                file.write(content)
            self.refused(live.dse("record", "-w", path, "--for", "1s"), USAGE, path, "exists")
            self.refused(live.dse("run", "--tee", path, "--for", "1s"), USAGE, path, "exists")
            with open(path, "rb") as file:
                self.assertEqual(file.read(), content)
            self.assertEqual(os.listdir(self.dir), ["c.dse"])

    def test_a_second_recorder_in_one_directory(self):
        self.recorder("c")
        before = sorted(os.listdir(self.place("c")))
        self.refused(live.dse("record", "-w", self.place("c"), "--for", "1s"), IO, "another recorder")
        self.assertEqual(sorted(os.listdir(self.place("c"))), before)


class Usage(Errors):
    def test_wrong_options_of_record(self):
        path = self.place("c")
        for options, words in [
                ([], ["--write"]),
                (["-w"], ["--write"]),
                (["-w", path, "--buffer", "3MiB"], ["--buffer", "power of two"]),
                (["-w", path, "--buffer", "much"], ["--buffer"]),
                (["-w", path, "--for", "xyz"], ["--for", "xyz"]),
                (["-w", path, "--for", "0s"], ["--for"]),
                (["-w", path, "--for", "-1s"], ["--for"]),
                (["-w", path, "--flush", "soon"], ["--flush", "soon"]),
                (["-w", path, "--segment-time", "1x"], ["--segment-time"]),
                (["-w", path, "--segment-size", "0"], ["--segment-size"]),
                (["-w", path, "--point", "Nope"], ["--point", "Nope"]),
                (["-w", path, "--level", "99"], ["--level"]),
                (["-w", path, "--max-args", "2MiB"], ["--max-args"]),
                (["-w", path, "--max-events", "0"], ["--max-events"]),
                (["-w", path, "--max-events", "-5"], ["--max-events"]),
                (["-w", path, "--max-events", "x"], ["--max-events"]),
                (["-w", path, "--keep", "x"], ["--keep"]),
                (["-w", path, "--nonsense"], ["--nonsense"]),
                (["-w", path, "left", "over"], ["left"])]:
            with self.subTest(options=options):
                self.refused(live.dse("record", *options), USAGE, *words)
                self.assertEqual(os.listdir(self.dir), [])

    def test_wrong_options_of_run(self):
        for options, words in [
                (["--fields", "nope"], ["nope"]),
                (["--fields", "proc.nmae"], ["proc.nmae", "did you mean proc.name"]),
                (["--fields", "sig.name", "--point", "ProcessExecuted"], ["sig.name", "SignalDelivered"]),
                (["--fields", ","], [""]),
                (["--since", "yesterday"], ["yesterday"]),
                (["--until", "-5s"], ["-5s"]),
                (["-n", "0"], ["--limit"]),
                (["-o", "xml"], ["--output", "xml"]),
                (["--for", "never"], ["--for", "never"])]:
            with self.subTest(options=options):
                brief = [] if "--for" in options else ["--for", "1s"]
                self.refused(live.dse("run", *brief, *options), USAGE, *words)

    def test_wrong_options_of_replay_and_info(self):
        path = self.sample()
        for options, words in [
                (["replay"], ["PATH"]),
                (["info"], ["PATH"]),
                (["replay", path, "--fields", "nope"], ["nope"]),
                (["replay", path, "--fields", "sock.lpotr"], ["did you mean sock.lport"]),
                (["replay", path, "--point", "Nope"], ["Nope"]),
                (["replay", path, "-S", "noon"], ["noon"]),
                (["replay", path, "-n", "many"], ["many"]),
                (["info", path, "-o", "yaml"], ["yaml"]),
                ([], []),
                (["nonsense"], ["nonsense"])]:
            with self.subTest(options=options):
                self.refused(live.dse(*options), USAGE, *words)

    def test_a_time_before_the_end_needs_a_file(self):
        with open(self.sample(), "rb") as file:
            capture = file.read()
        self.refused(live.dse("replay", "-", "-S", "-1s", stdin=capture), USAGE, "-1s")
        # From the start it works everywhere.
        result = live.dse("replay", "-", "-S", "+0s", stdin=capture)
        self.assertEqual(result.code, 0, result.err)
        self.assertNotEqual(result.out, b"")

    def test_a_broken_standard_error_ends_nothing(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([DSE, "replay", self.place("nope")], stderr=full, check=False)
        self.assertEqual(done.returncode, IO)


class Input(Errors):
    def test_a_missing_path(self):
        for command in ("replay", "info"):
            self.refused(live.dse(command, self.place("nope")), IO, self.place("nope"))
        os.mkdir(self.place("empty"))
        self.refused(live.dse("replay", self.place("empty")), IO, self.place("empty"))

    def test_what_is_no_capture(self):
        text, noise = self.place("text"), self.place("noise.dse")
        with open(text, "w", encoding="ascii") as file:
            file.write("This is a text, and not a capture.\n" * 100)
        with open(noise, "wb") as file:
            file.write(random.Random(1).randbytes(100_000))
        open(self.place("nothing"), "w", encoding="ascii").close()
        zstd = self.place("text.zst")
        subprocess.run(["zstd", "-q", text, "-o", zstd], check=True)
        for path in (text, noise, zstd, self.place("nothing")):
            for command in ("replay", "info"):
                with self.subTest(path=path, command=command):
                    self.refused(live.dse(command, path), DAMAGED, path)
        with open(text, "rb") as file:
            self.refused(live.dse("replay", "-", stdin=file.read()), DAMAGED, "standard input")

    def test_a_truncated_capture_gives_its_valid_part(self):
        # Several blocks: what is whole of them must come.
        path = self.place("sample.dse")
        recorder = live.Recorder(path, *live.ROOMY, "--flush", "50ms")
        self.addCleanup(recorder.discard)
        for _ in range(6):
            live.workload("exec_workload", 5, live.binary("noop"))
            live.time.sleep(0.1)
        self.assertEqual(recorder.stop(), OK, recorder.err())
        whole = live.dse("replay", path, "-o", "json")
        self.assertEqual(whole.code, OK, whole.err)
        with open(path, "rb") as file:
            content = file.read()
        cut, counts = self.place("cut.dse"), set()
        chance = random.Random(2)
        for size in sorted(chance.sample(range(1, len(content)), 40)) + [len(content) - 1]:
            with open(cut, "wb") as file:
                file.write(content[:size])
            result = live.dse("replay", cut, "-o", "json")
            self.assertEqual(result.code, DAMAGED, f"cut at {size} of {len(content)}: {result.err}")
            self.assert_one_line(result.err)
            self.assertTrue(whole.out.startswith(result.out), f"cut at {size}")
            piped = live.dse("replay", "-", "-o", "json", stdin=content[:size])
            self.assertEqual((piped.code, piped.out), (result.code, result.out), piped.err)
            counts.add(len(result.lines()))
        self.assertGreater(len(counts), 3)
        self.assertEqual(max(counts), len(whole.lines()))

    def test_damage_does_not_spoil_the_rest(self):
        path = self.sample("--flush", "50ms")
        whole = set(live.dse("replay", path, "-o", "json").lines())
        with open(path, "rb") as file:
            content = bytearray(file.read())
        chance, damaged = random.Random(3), self.place("damaged.dse")
        for at in chance.sample(range(len(content)), 30):
            broken = bytearray(content)
            broken[at] ^= 1 << chance.randrange(8)
            with open(damaged, "wb") as file:
                file.write(broken)
            result = live.dse("replay", damaged, "-o", "json")
            # A flipped bit in the snapshot or the index need not matter to these events.
            self.assertIn(result.code, (OK, DAMAGED), f"bit at {at}: {result.err}")
            if result.code == DAMAGED:
                self.assertRegex(result.err, r"\A(dse: [^\n]+\n)+\Z")
            else:
                self.assertEqual(set(result.lines()), whole, f"bit at {at}")


class Output(Errors):
    def test_a_reader_that_goes_away(self):
        path = self.sample()
        for command in (["replay", "-q", path, "-o", "json"], ["replay", "-q", path, "-o", "text"]):
            process = subprocess.Popen([DSE, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdout.read(1)
            process.stdout.close()
            err = process.stderr.read()
            process.stderr.close()
            self.assertEqual(process.wait(live.PATIENCE), OK)
            self.assertEqual(err, b"")
        # Something happens on this host, however quiet it is.
        live_run = subprocess.run(
            ["sh", "-c", '(for i in 1 2 3 4 5 6 7 8; do sleep 0.5; done) & '
             '"$1" run -q --for 20s -o json | head -n 1', "sh", DSE], check=False,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=live.PATIENCE)
        self.assertTrue(live_run.stdout)
        self.assertEqual(live_run.stderr, b"")

    def test_a_full_output(self):
        path = self.sample()
        for command in (["replay", path, "-o", "json"], ["replay", path, "--summary"],
                        ["info", path], ["info", path, "-o", "json"]):
            with self.subTest(command=command), open("/dev/full", "wb") as full:
                result = live.dse(*command, stdout=full)
                self.assertEqual(result.code, IO)
                self.assert_one_line(result.err)
        with open("/dev/full", "wb") as full:
            result = live.dse("record", "-w", "-", "--for", "1s", stdout=full)
        self.assertEqual(result.code, IO)
        self.assert_one_line(result.err)


if __name__ == "__main__":
    live.main()
