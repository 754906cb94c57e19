#!/usr/bin/env python3
"""dse fields lists what --fields takes.

  fields_command_test.py DSE CAPTURE
"""

import json
import subprocess
import sys
import unittest

DSE, CAPTURE = sys.argv[1:3]


def dse(*arguments, code=0):
    done = subprocess.run([DSE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == code, (arguments, done)
    return done.stdout.decode()


def listed(*arguments, code=0):
    return json.loads(dse("fields", "-o", "json", *arguments, code=code))


class Fields(unittest.TestCase):
    def test_all_of_them_can_be_asked_for(self):
        fields = listed()
        self.assertGreater(len(fields), 50)
        names = [field["name"] for field in fields]
        points = ",".join(fields[0]["points"])
        dse("replay", CAPTURE, "--point", points, "--fields", ",".join(names), "--limit", "1")
        for field in fields:
            indexed = f"{field['name']}[0]"
            dse("replay", CAPTURE, "--point", points, "--fields", indexed, "--limit", "1",
                code=0 if field["type"] in ("list", "numbers") else 2)

    def test_the_table_says_the_same(self):
        head, *rows = dse("fields").splitlines()
        starts = [head.index(column) for column in head.split()]
        fields = listed()
        all_points = fields[0]["points"]
        self.assertEqual(len(rows), len(fields))
        for row, field in zip(rows, fields):
            cells = [row[start:end].strip() for start, end in zip(starts, starts[1:] + [None])]
            points = cells.pop(3)
            cells[-1], _, on_request = cells[-1].partition(" [on request")
            self.assertEqual(bool(on_request), bool(field["on_request"]), field["name"])
            self.assertEqual(cells, [field["name"], field["type"], field.get("unit", ""),
                                     field["description"]])
            if field["points"] == all_points:
                self.assertEqual(points, "all")
            else:
                self.assertEqual(sorted(points.split(",")), sorted(field["points"]))

    def test_filters(self):
        names = [field["name"] for field in listed("PROC.ARGS")]
        self.assertIn("proc.args", names)
        self.assertIn("proc.args_cut", names)
        self.assertNotIn("proc.name", names)
        self.assertIn("user.uid", [field["name"] for field in listed("real user")])
        of_signals = listed("--point", "SignalDelivered")
        self.assertIn("sig.name", [field["name"] for field in of_signals])
        self.assertIn("evt.time", [field["name"] for field in of_signals])
        self.assertNotIn("sock.lip", [field["name"] for field in of_signals])
        self.assertEqual(listed("sock.", "--point", "SignalDelivered", code=1), [])

    def test_nothing_found(self):
        self.assertEqual(dse("fields", "no such field", code=1), "")
        self.assertEqual(listed("no such field", code=1), [])
        dse("fields", "--point", "Nope", code=2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
