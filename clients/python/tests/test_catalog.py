"""Titles and attributes from what people have them in."""

import logging
import pathlib
import tempfile
import unittest

from recsae.hosting.catalog import CatalogItem, catalog_ids, read_catalog

EXPECTED = [CatalogItem("Alien", (("genre", "Horror"), ("genre", "Sci-Fi"))), CatalogItem("Heat", (("genre", "Crime"),))]


class Frame:
    """What of a pandas DataFrame is used."""

    def __init__(self, rows):
        self.columns = list(rows[0])
        self.rows = rows

    def to_dict(self, orient):
        assert orient == "records"
        return self.rows


class CatalogTest(unittest.TestCase):
    def test_every_form_says_the_same(self):
        rows = [{"id": 7, "title": "Alien", "genre": "Horror|Sci-Fi"}, {"id": 9, "title": "Heat", "genre": "Crime"}]
        with tempfile.TemporaryDirectory() as folder:
            comma, tab = pathlib.Path(folder) / "a.csv", pathlib.Path(folder) / "b.tsv"
            comma.write_text('item_id,Title,genre\n9,Heat,Crime\n7,Alien,"Horror|Sci-Fi"\n', encoding="utf-8-sig")
            tab.write_text("item_id\ttitle\tgenre\n7\tAlien\tHorror|Sci-Fi\n9\tHeat\tCrime\n")
            for source in (rows, Frame(rows), comma, str(tab), {"7": {"title": "Alien", "genre": ["Horror", "Sci-Fi"]},
                                                                9: {"title": "Heat", "genre": "Crime"}}):
                with self.subTest(source=type(source).__name__):
                    self.assertEqual(read_catalog(source, ["7", "9"]), EXPECTED)

    def test_ids_and_titles_alone(self):
        self.assertEqual(read_catalog(None, ["a"]), [CatalogItem("a")])
        self.assertEqual(read_catalog({"a": "Alien"}, ["a"]), [CatalogItem("Alien")])
        self.assertEqual(catalog_ids([3, 1, 3]), ["3", "1"])

    def test_nothing_in_a_cell_is_no_attribute(self):
        self.assertEqual(read_catalog([{"id": "a", "title": float("nan"), "year": None, "genre": "|Drama|"}], ["a"]),
                         [CatalogItem("a", (("genre", "Drama"),))])

    def test_what_is_missing_is_said(self):
        with self.assertLogs("recsae.host", logging.INFO) as logs:
            read_catalog({"a": "Alien", "z": "Other"}, ["a", "b", "c"])
        self.assertIn("2 of 3 items have no title", logs.output[0])
        self.assertIn("1 rows are of items that the model does not have", logs.output[1])
        with self.assertRaisesRegex(ValueError, "none of its 1 ids is an item of the model: 'z' against 'a'"):
            read_catalog({"z": "x"}, ["a"])
        with self.assertRaisesRegex(ValueError, "no column id, item_id, item among name, year"):
            read_catalog([{"name": "x", "year": 1}], ["a"])


if __name__ == "__main__":
    unittest.main()
