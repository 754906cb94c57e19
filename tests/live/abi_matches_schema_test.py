#!/usr/bin/env python3
"""The records of the kernel side (bpf/abi.h, through the BTF of an object compiled from it) and the
columns of format/capture.capnp are one layout."""

import json
import os

import live

OBJECT = os.environ.get("DSE_BPF_ABI", "")
BPFTOOL = os.environ.get("DSE_BPFTOOL", "bpftool")

# Structs that are no record kind.
OTHERS = {"dse_task", "dse_header"}
UNITS = ("", "_ns", "_us", "_bytes", "_pages")
INTS = {"u8": (1, False), "u16": (2, False), "u32": (4, False), "u64": (8, False), "s32": (4, True)}


def snake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


class AbiMatchesSchema(live.Case):
    @classmethod
    def setUpClass(cls):
        dump = live.run(BPFTOOL, "btf", "dump", "file", OBJECT, "format", "raw", "-j")
        assert dump.code == 0, dump.err
        cls.types = {t["id"]: t for t in json.loads(dump.out)["types"]}
        cls.structs = {t["name"]: t for t in cls.types.values()
                       if t["kind"] == "STRUCT" and t["name"].startswith("dse_")}
        cls.kinds = {}
        for enum in cls.types.values():
            if enum["kind"] == "ENUM" and enum["name"] == "dse_kind":
                cls.kinds = {v["name"]: v["val"] for v in enum["values"]}
        layout = live.run(live.binary("print_layout"))
        assert layout.code == 0, layout.err
        cls.tables = json.loads(layout.out)

    def resolve(self, type_id):
        """(size, signed, is an array) of a type, behind its names."""
        this = self.types[type_id]
        while this["kind"] in ("TYPEDEF", "CONST", "VOLATILE"):
            this = self.types[this["type_id"]]
        if this["kind"] == "ARRAY":
            size, _, _ = self.resolve(this["type_id"])
            return size * this["nr_elems"], False, True
        self.assertEqual(this["kind"], "INT", this)
        return this["size"], this["encoding"] == "SIGNED", False

    def check(self, table, struct):
        columns, members = table["columns"], struct["members"]
        self.assertEqual(table["size"], struct["size"])
        self.assertEqual(len(columns), len(members))
        end = 0
        for column, member in zip(columns, members):
            with self.subTest(struct=struct["name"], member=member["name"]):
                size, signed, is_array = self.resolve(member["type_id"])
                self.assertEqual(member["bits_offset"], 8 * column["offset"])
                self.assertEqual(column["offset"], end)
                self.assertEqual(size, column["size"])
                end += size
                name = snake(column["name"])
                if column["abi"] == "bytes":
                    self.assertEqual((member["name"], size), (name + "_size", 4))
                elif column["abi"] == "fixed":
                    self.assertEqual((member["name"], is_array), (name, True))
                else:
                    # Some say their unit.
                    self.assertIn(member["name"], [name + unit for unit in UNITS])
                    self.assertEqual((size, signed), INTS[column["abi"]])
                    self.assertFalse(is_array)
        # No padding, before or behind.
        self.assertEqual(end, struct["size"])

    def test_the_task(self):
        self.check(self.tables["task"], self.structs["dse_task"])

    def test_every_kind(self):
        self.assertGreater(len(self.tables), 9)
        for name, table in self.tables.items():
            if name != "task":
                self.check(table, self.structs["dse_" + name])

    def test_every_struct_is_a_kind(self):
        for name in self.structs:
            if name not in OTHERS:
                self.assertIn(name.removeprefix("dse_"), self.tables)

    def test_numbers_of_kinds(self):
        for name, table in self.tables.items():
            if name != "task":
                self.assertEqual(self.kinds["DSE_" + name.upper()], table["kind"])


if __name__ == "__main__":
    live.main()
