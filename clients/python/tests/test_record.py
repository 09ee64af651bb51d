"""A recorder over a real socket, on a server that plays the probe's part. (tests/integration has the real one.)"""

import logging
import unittest

import grpc
import numpy as np

import recsae
from probe_double import RecordingDouble
from recsae.recording.rows import RowQueue, Rows
from recsae.wire import to_array

CAPTURE = "recommenders/live/captures/monday"


class RecordTest(unittest.TestCase):
    def setUp(self):
        self.probe = RecordingDouble()
        self.addCleanup(lambda: self.probe.server.stop(None).wait())
        self.rows = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)

    def stored(self):
        return np.concatenate([to_array(batch.activations) for _, batch in self.probe.batches])

    def test_rows_are_copied_and_sequences_rise(self):
        with recsae.record(capture=CAPTURE, address=self.probe.address, producer="me") as recorder:
            for first in range(0, 60, 20):
                rows = self.rows[first:first + 20].copy()
                recorder.add(rows, users=range(20))
                rows[:] = 0  # the caller's buffer is the caller's
        np.testing.assert_array_equal(self.stored(), self.rows)
        self.assertEqual([batch.sequence for _, batch in self.probe.batches], list(range(1, len(self.probe.batches) + 1)))
        self.assertEqual({producer for producer, _ in self.probe.batches}, {"me"})
        self.assertEqual((recorder.recorded, recorder.dropped, recorder.counts.offered), (60, 0, 60))

    def test_a_refused_batch_is_counted_and_the_next_is_stored(self):
        self.probe.refusal = (grpc.StatusCode.INVALID_ARGUMENT, "DIMENSION_MISMATCH", "no")
        with self.assertLogs("recsae.record", logging.ERROR) as logs:
            recorder = recsae.record(capture=CAPTURE, address=self.probe.address, producer="me")
            recorder.add(self.rows[:10])
            while recorder.dropped == 0:
                pass
            recorder.add(self.rows[10:])
            recorder.close()
        self.assertIn("DIMENSION_MISMATCH", "".join(logs.output))
        self.assertEqual((recorder.dropped, recorder.recorded), (10, 50))
        producer, batch = self.probe.batches[0]
        self.assertEqual((batch.sequence, producer != "me"), (1, True))  # a sequence is never used twice

    def test_rows_that_are_not_finite_are_left_out_alone(self):
        self.rows[[3, 40]] = np.inf
        with self.assertLogs("recsae.record", logging.ERROR):
            with recsae.record(capture=CAPTURE, address=self.probe.address) as recorder:
                recorder.add(self.rows, users=range(60))
        self.assertEqual((recorder.recorded, recorder.dropped), (58, 2))
        users = [case.user_id for _, batch in self.probe.batches for case in batch.cases]
        self.assertEqual(users, [str(user) for user in range(60) if user not in (3, 40)])

    def test_arguments(self):
        for options, text in (({"capture": "monday"}, "recommenders/"), ({"capture": CAPTURE, "sample": 0}, "sample 0"),
                              ({"capture": CAPTURE, "site": "x"}, "belong together"),
                              ({"capture": CAPTURE, "token": "t"}, "TLS")):
            with self.assertRaisesRegex(ValueError, text):
                recsae.record(address=self.probe.address, **options)


class QueueTest(unittest.TestCase):
    def test_holds_so_many_rows_and_gives_all_before_it_ends(self):
        queue = RowQueue(10)
        taken = [queue.offer(Rows(count, lambda: None)) for count in (4, 4, 4, 2)]
        self.assertEqual(taken, [True, True, False, True])
        self.assertEqual([rows.count for rows in queue.take(100, 0)], [4, 4, 2])
        self.assertTrue(queue.offer(Rows(10, lambda: None)))
        queue.close()
        self.assertFalse(queue.offer(Rows(1, lambda: None)))
        self.assertEqual([rows.count for rows in queue.take(1, 60)], [10])
        self.assertEqual(queue.take(1, 60), [])


if __name__ == "__main__":
    unittest.main()
